"""A main account and its subaccounts, and the hands that add, change and delete what they have."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from archiver.sandbox.ringcentral.company import silence
from archiver.sandbox.twilio.records import Account, Call, Media, Message, Recording

__all__ = ["Exchange"]


class Exchange:
    """The accounts.

    Args:
        now: Seconds since the epoch.

    Attributes:
        accounts: By their SIDs; the first is the main account.
        places: Where each row stood that was ever listed, so that a page's token outlives its row.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.accounts: dict[str, Account] = {}
        self.places: dict[str, tuple[float, str]] = {}
        self._numbers = iter(range(1, 1 << 40))
        self.main = self.add_account("Main")

    # -- adding ---------------------------------------------------------------------------------------------------------------------

    def add_account(self, name: str) -> Account:
        """Adds a subaccount."""
        sid = self._sid("AC")
        owner = next(iter(self.accounts), sid)
        self.accounts[sid] = Account(sid=sid, owner=owner, name=name, created=self.now(), token=self._secret("token"))
        return self.accounts[sid]

    def add_key(self, account: Account | None = None, *, main: bool = False) -> tuple[str, str]:
        """Makes an API key, which opens one account; a main one may also see who there is. Its SID and its secret."""
        account = account or self.main
        sid = self._sid("SK")
        account.keys[sid] = self._secret("key")
        if main:
            account.main_keys.add(sid)
        return sid, account.keys[sid]

    def add_call(
        self, account: Account | None = None, *, start: float | None = None, late: float = 0.0, sid: str = "", **more: Any
    ) -> Call:
        """Adds a call.

        Args:
            account: Whose; the main account's by default.
            start: When; now by default.
            late: Seconds after which its row appears.
            sid: Instead of a made one.
            more: Other fields of `Call`.
        """
        account, now = account or self.main, self.now()
        began = now if start is None else start
        fields: dict[str, Any] = {"sender": "+15550100", "recipient": "+18005550100", "start": began, "created": began, **more}
        call = Call(sid=sid or self._sid("CA"), visible_at=now + late, **fields)
        account.calls[call.sid] = call
        return call

    def record(self, call: Call | None, sound: bytes, account: Account | None = None, *, both: bytes = b"", **more: Any) -> Recording:
        """Records a call.

        Args:
            call: Which; None for a recording that names none.
            sound: Its bytes as WAV, both sides mixed.
            account: Whose; the main account's by default.
            both: Its bytes as WAV with two channels; without them it has one.
            more: Other fields of `Recording`.
        """
        account, now = account or self.main, self.now()
        sid = self._sid("RE")
        sounds = {("wav", 1): sound, ("mp3", 1): silence(f"{sid} 1")}
        if both:
            sounds |= {("wav", 2): both, ("mp3", 2): silence(f"{sid} 2")}
        at = call.at if call is not None else now
        fields: dict[str, Any] = {"created": at, "visible_at": call.visible_at if call is not None else now, **more}
        call_sid = call.sid if call is not None else ""
        recording = Recording(sid=sid, call_sid=call_sid, sounds=sounds, channels=2 if both else 1, **fields)
        account.recordings[sid] = recording
        return recording

    def add_message(
        self,
        account: Account | None = None,
        *,
        media: Sequence[tuple[str, bytes]] = (),
        sent: float | None = None,
        late: float = 0.0,
        **more: Any,
    ) -> Message:
        """Adds a message.

        Args:
            account: Whose; the main account's by default.
            media: What came with it: content types and bytes.
            sent: When; now by default.
            late: Seconds after which its row appears.
            more: Other fields of `Message`.
        """
        account, now = account or self.main, self.now()
        at = now if sent is None else sent
        came = [Media(sid=self._sid("ME"), content=content, content_type=kind, created=at) for kind, content in media]
        fields: dict[str, Any] = {"sender": "+15550100", "recipient": "+18005550100", "created": at, "sent": at, **more}
        message = Message(sid=self._sid("MM" if media else "SM"), visible_at=now + late, media=came, **fields)
        account.messages[message.sid] = message
        return message

    # -- taking away ----------------------------------------------------------------------------------------------------------------

    def purge(self, sid: str) -> None:
        """Deletes a call, a recording, a message, or what came with one."""
        for account in self.accounts.values():
            for rows in (account.calls, account.recordings, account.messages):
                rows.pop(sid, None)
            for message in account.messages.values():
                message.media = [media for media in message.media if media.sid != sid]

    def revoke(self) -> None:
        """Takes away every key, and makes every auth token another."""
        for account in self.accounts.values():
            account.keys.clear()
            account.token = self._secret("token")

    def secrets(self) -> list[str]:
        """Every secret that holds: what no log may show."""
        return [secret for account in self.accounts.values() for secret in (account.token, *account.keys.values())]

    def _sid(self, prefix: str) -> str:
        return prefix + hashlib.sha256(f"{prefix} {next(self._numbers)}".encode()).hexdigest()[:32]

    def _secret(self, what: str) -> str:
        return hashlib.sha256(f"canary {what} {next(self._numbers)}".encode()).hexdigest()[:32]
