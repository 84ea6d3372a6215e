"""What an account has: calls, recordings, messages and what came with them. All times are seconds since the epoch."""

from __future__ import annotations

import msgspec

__all__ = ["Account", "Call", "Media", "Message", "Record", "Recording"]


class Call(msgspec.Struct, kw_only=True):
    """A call.

    Attributes:
        sid: Its name.
        start: When it began; None while it has not.
        created: When its row was made.
        visible_at: When its row appears.
        sender: Who called.
        recipient: Who was called.
        direction: As Twilio says it.
        status: As Twilio says it.
        seconds: How long it was.
    """

    sid: str
    start: float | None
    created: float
    visible_at: float
    sender: str
    recipient: str
    direction: str = "inbound"
    status: str = "completed"
    seconds: int = 45

    @property
    def at(self) -> float:
        """Where its row stands in the list."""
        return self.created if self.start is None else self.start


class Recording(msgspec.Struct, kw_only=True):
    """A recording.

    Attributes:
        sid: Its name.
        call_sid: The call's; empty if none is named.
        created: When it began.
        visible_at: When its row appears.
        sounds: Its bytes by format and channels: ``("wav", 1)``.
        channels: 1 or 2.
        status: As Twilio says it.
        source: What made it.
        encrypted: With the customer's public key.
        readable_at: When its bytes are there.
    """

    sid: str
    call_sid: str
    created: float
    visible_at: float
    sounds: dict[tuple[str, int], bytes]
    channels: int = 1
    status: str = "completed"
    source: str = "RecordVerb"
    encrypted: bool = False
    readable_at: float = 0.0

    @property
    def at(self) -> float:
        """Where its row stands in the list."""
        return self.created


class Media(msgspec.Struct, kw_only=True):
    """What came with a message.

    Attributes:
        sid: Its name.
        content: Its bytes.
        content_type: What they are.
        created: When it came.
    """

    sid: str
    content: bytes
    content_type: str
    created: float

    @property
    def at(self) -> float:
        """Where its row stands in the list."""
        return self.created


class Message(msgspec.Struct, kw_only=True):
    """A message.

    Attributes:
        sid: Its name.
        created: When its row was made.
        sent: When it was sent or came; None while it was not.
        visible_at: When its row appears.
        sender: Who wrote.
        recipient: To whom.
        body: Its text.
        direction: As Twilio says it.
        status: As Twilio says it.
        media: What came with it.
        error_code: Why it failed.
        price: What it cost, once that is known.
    """

    sid: str
    created: float
    sent: float | None
    visible_at: float
    sender: str
    recipient: str
    body: str = ""
    direction: str = "inbound"
    status: str = "received"
    media: list[Media] = []
    error_code: int | None = None
    price: str | None = None

    @property
    def at(self) -> float:
        """Where its row stands in the list."""
        return self.created if self.sent is None else self.sent


Record = Call | Recording | Message | Media


class Account(msgspec.Struct, kw_only=True):
    """An account, or a subaccount.

    Attributes:
        sid: Its name.
        owner: Whose subaccount it is; its own SID for a main account.
        name: As people call it.
        created: When it was made.
        token: Its auth token.
        status: ``active``, ``suspended`` or ``closed``.
        keys: The secrets of its API keys by their SIDs.
        main_keys: Those of them that may see who there is.
        calls: By their SIDs, as are the following.
        recordings: …
        messages: …
    """

    sid: str
    owner: str
    name: str
    created: float
    token: str
    status: str = "active"
    keys: dict[str, str] = {}
    main_keys: set[str] = set()
    calls: dict[str, Call] = {}
    recordings: dict[str, Recording] = {}
    messages: dict[str, Message] = {}
