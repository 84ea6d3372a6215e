"""One account of RingCentral: its extensions, calls and messages, and the hands that add, change, delete and purge."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from archiver.sandbox.ringcentral.records import Attachment, Call, Extension, Leg, Message, Party, Recording

__all__ = ["ACCOUNT_ID", "Office"]

ACCOUNT_ID = 809_646_016
FIRST_EXTENSION = 62_274_000
RECORDING_DAYS = 90.0
SENT_FAX_DAYS = 30.0
DAY = 86_400.0


class Office:
    """The account's records.

    Args:
        now: Seconds since the epoch.
        recording_cap: More recordings than that push the oldest out.
        mailbox_cap: More unread voicemails and received faxes of an extension than that push its oldest out.

    Attributes:
        on_event: Told of calls that end and of messages that come, with the address that events have at RingCentral and its body.
    """

    def __init__(self, now: Callable[[], float], *, recording_cap: int = 100_000, mailbox_cap: int = 200) -> None:
        self.now = now
        self.on_event: Callable[[str, dict[str, Any]], None] = lambda _event, _body: None
        self.extensions: dict[int, Extension] = {}
        self.calls: dict[str, Call] = {}
        self.messages: dict[int, Message] = {}
        self.recordings: dict[str, tuple[Call, Recording]] = {}
        self._recording_cap = recording_cap
        self._mailbox_cap = mailbox_cap
        self._next_purge = 0.0
        self._numbers = iter(range(1, 1 << 40))
        self._by_extension: dict[int, list[Message]] = {}

    # -- adding ---------------------------------------------------------------------------------------------------------------------

    def add_extension(self, number: str, name: str, *, type: str = "User", status: str = "Enabled") -> Extension:  # noqa: A002  RingCentral's name
        """Adds an extension."""
        extension = Extension(id=FIRST_EXTENSION + len(self.extensions), number=number, name=name, type=type, status=status)
        self.extensions[extension.id] = extension
        self._by_extension[extension.id] = []
        return extension

    def add_call(
        self,
        extension: Extension,
        sounds: Sequence[bytes | None] = (),
        *,
        start: float | None = None,
        late: float = 0.0,
        call_id: str = "",
        **more: Any,
    ) -> Call:
        """Adds a call of an extension.

        Args:
            extension: Whose.
            sounds: One leg each: its recording, or None for one that was too short to be kept. Without any, nothing was recorded.
            start: When; now by default.
            late: Seconds after which the row appears.
            call_id: Instead of a made one.
            more: Other fields of `Call`.
        """
        number = next(self._numbers)
        now = self.now()
        began = now if start is None else start
        legs = [Leg(extension_id=extension.id, recording=self._recorded(sound, began), short=sound is None) for sound in sounds]
        legs = legs or [Leg(extension_id=extension.id)]
        legs[0].master = True
        fields: dict[str, Any] = {
            "duration": 45,
            "sender": Party(number=f"+1555{number % 10_000_000:07}"),
            "recipient": Party(number="+18005550100", extension_number=extension.number, extension_id=extension.id),
            **more,
        }
        seen = now + late
        call = Call(
            id=call_id or _call_id(number),
            session_id=str(400_000_000_000 + number),
            start=began,
            legs=legs,
            visible_at=seen,
            modified_at=seen,
            **fields,
        )
        self.calls[call.id] = call
        for leg in legs:
            if leg.recording is not None:
                self.recordings[leg.recording.id] = (call, leg.recording)
        if start is None:  # it has just ended
            party = {"extensionId": str(extension.id), "direction": call.direction, "status": {"code": "Disconnected"}}
            session = {"sessionId": call.session_id, "telephonySessionId": f"s-{call.session_id}", "parties": [party]}
            self.on_event(f"/restapi/v1.0/account/{ACCOUNT_ID}/telephony/sessions", session)
        return call

    def _recorded(self, sound: bytes | None, began: float) -> Recording | None:
        if sound is None:
            return None
        kind = "audio/x-wav" if sound.startswith(b"RIFF") else "audio/mpeg"
        return Recording(
            id=str(7_000_000_000 + next(self._numbers)), content=sound, content_type=kind, purge_at=began + RECORDING_DAYS * DAY
        )

    def add_message(self, extension: Extension, type: str, *, late: float = 0.0, **more: Any) -> Message:  # noqa: A002  RingCentral's name
        """Adds a message to an extension's store; ``more`` are fields of `Message`."""
        now = self.now()
        seen = now + late
        fields: dict[str, Any] = {
            "created_at": now,
            "sender": Party(number="+15550001111"),
            "recipients": [Party(number="+18005550100", name=extension.name)],
            **more,
        }
        message = Message(
            id=1_900_000_000_000 + next(self._numbers),
            extension_id=extension.id,
            type=type,
            visible_at=seen,
            modified_at=seen,
            **fields,
        )
        if message.type == "Fax" and message.direction == "Outbound":
            message.purge_at = message.created_at + SENT_FAX_DAYS * DAY
        self.messages[message.id] = message
        self._by_extension[extension.id].append(message)
        self._overwrite_oldest(extension.id)
        if "created_at" not in more:  # it has just come
            changes = [{"type": message.type, "newCount": 1, "updatedCount": 0}]
            body = {"extensionId": extension.id, "changes": changes}
            self.on_event(f"/restapi/v1.0/account/{ACCOUNT_ID}/extension/{extension.id}/message-store", body)
        return message

    def attach(self, message: Message, type: str, content_type: str, content: bytes, **more: Any) -> Attachment:  # noqa: A002  RingCentral's name
        """Adds an attachment to a message; ``more`` are fields of `Attachment`. One that is ready later changes the message then."""
        attachment = Attachment(id=message.id + len(message.attachments), type=type, content_type=content_type, content=content, **more)
        message.attachments = [*message.attachments, attachment]
        message.modified_at = max(message.modified_at, attachment.ready_at)
        return attachment

    # -- changing -------------------------------------------------------------------------------------------------------------------

    def touch(self, record: Call | Message) -> None:
        """Says that a record was changed now, so that syncs tell it."""
        record.modified_at = max(self.now(), record.visible_at)

    def delete(self, record: Call | Message) -> None:
        """What a user does who deletes a row or a message."""
        if isinstance(record, Call):
            record.deleted = True
        else:
            record.availability = "Deleted"
        self.touch(record)

    def purge(self, record: Recording | Message) -> None:
        """Ends a recording or a message for good; the call's row stays, and names the recording no longer."""
        if isinstance(record, Message):
            record.availability = "Purged"
            self.touch(record)
        else:
            record.purged = True
            self.touch(self.recordings[record.id][0])

    def keep_retention(self) -> None:
        """Purges what is due: by age, by the account's number of recordings. Looked at once a minute."""
        now = self.now()
        if now < self._next_purge:
            return
        self._next_purge = now + 60.0
        kept = [recording for _, recording in self.recordings.values() if not recording.purged]
        over = len(kept) - self._recording_cap
        for place, recording in enumerate(kept):
            if recording.purge_at <= now or place < over:
                self.purge(recording)
        for message in self.messages.values():
            if message.purge_at <= now and message.availability != "Purged":
                self.purge(message)

    def _overwrite_oldest(self, extension_id: int) -> None:
        unread = [
            message
            for message in self._by_extension[extension_id]
            if message.type in {"VoiceMail", "Fax"}
            and message.direction == "Inbound"
            and not message.read
            and message.availability == "Alive"
        ]
        for message in unread[: max(0, len(unread) - self._mailbox_cap)]:
            self.purge(message)

    # -- looking --------------------------------------------------------------------------------------------------------------------

    def visible_calls(self) -> Iterator[Call]:
        """The rows that have appeared, deleted ones too."""
        now = self.now()
        return (call for call in self.calls.values() if call.visible_at <= now)

    def visible_messages(self, extension_id: int) -> Iterator[Message]:
        """The messages of a store that have appeared, whatever their availability."""
        now = self.now()
        return (message for message in self._by_extension[extension_id] if message.visible_at <= now)


def _call_id(number: int) -> str:
    """Text of letters of both cases and digits, as real ids are."""
    return "I" + hashlib.sha256(str(number).encode()).hexdigest()[:12].replace("a", "A").replace("d", "Zd")
