"""What a phone system has: extensions, calls with their legs and recordings, messages with their attachments.

Times are seconds since the epoch. A record is there from ``visible_at`` on: real ones appear seconds to minutes after the call.
"""

from __future__ import annotations

import msgspec

__all__ = ["Attachment", "Call", "Extension", "Leg", "Message", "Party", "Recording"]


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a call or message; what is empty is not shown.

    Attributes:
        number: Plain, formatted or masked (``+1855201XXXX``), as the database has it.
        extension_number: For internal ones.
        extension_id: For internal ones.
        name: As the caller's id shows it.
        location: Such as ``Oakland, CA``.
    """

    number: str = ""
    extension_number: str = ""
    extension_id: int = 0
    name: str = ""
    location: str = ""


class Extension(msgspec.Struct, kw_only=True):
    """Somebody, or something, that has a number.

    Attributes:
        id: The number that links use.
        number: What people dial; empty for one without.
        name: Whose.
        type: ``User``, ``Department``, ``IvrMenu``, …
        status: ``Enabled``, ``Disabled``, ``NotActivated``, …
        forbidden: The user who asks may not read its messages.
    """

    id: int
    number: str
    name: str
    type: str = "User"
    status: str = "Enabled"
    forbidden: bool = False


class Recording(msgspec.Struct, kw_only=True):
    """The sound of one leg.

    Attributes:
        id: The recording's own.
        content: Its bytes.
        content_type: ``audio/mpeg`` or ``audio/x-wav``; one account has one of them.
        type: ``Automatic`` or ``OnDemand``.
        ready_at: Before this its content is answered 404, though the call log names it.
        purge_at: Its end.
        purged: It is gone: the call log no longer names it.
    """

    id: str
    content: bytes
    content_type: str = "audio/mpeg"
    type: str = "Automatic"
    ready_at: float = 0.0
    purge_at: float = float("inf")
    purged: bool = False


class Leg(msgspec.Struct, kw_only=True):
    """A part of a call.

    Attributes:
        extension_id: Whose.
        recording: Its sound, if it was recorded for at least 30 s.
        short: It was recorded for less: there is no recording.
        leg_type: Such as ``Accept``.
        master: The main one.
    """

    extension_id: int
    recording: Recording | None = None
    short: bool = False
    leg_type: str = "Accept"
    master: bool = False


class Call(msgspec.Struct, kw_only=True):
    """One row of the call log.

    Attributes:
        id: Text.
        session_id: Text of digits; survives transfers.
        start: When it began.
        duration: Seconds.
        sender: Who called.
        recipient: Who was called.
        direction: ``Inbound`` or ``Outbound``.
        type: ``Voice`` or ``Fax``.
        action: Such as ``Phone Call``.
        result: Such as ``Call connected``.
        legs: At least one.
        visible_at: When the row appears.
        modified_at: When it last changed.
        deleted: A user deleted it: only syncs that ask for deleted rows show it.
    """

    id: str
    session_id: str
    start: float
    duration: int
    sender: Party
    recipient: Party
    direction: str = "Inbound"
    type: str = "Voice"
    action: str = "Phone Call"
    result: str = "Accepted"
    legs: list[Leg]
    visible_at: float = 0.0
    modified_at: float = 0.0
    deleted: bool = False

    @property
    def recordings(self) -> list[Recording]:
        """What was recorded and is not purged."""
        return [leg.recording for leg in self.legs if leg.recording is not None and not leg.recording.purged]


class Attachment(msgspec.Struct, kw_only=True):
    """Bytes that belong to a message.

    Attributes:
        id: A number.
        type: ``Text``, ``MmsAttachment``, ``AudioRecording``, ``AudioTranscription``, ``RenderedDocument``, ``SourceDocument``.
        content_type: Of the bytes.
        content: The bytes.
        file_name: As the sender named it.
        seconds: Of a voicemail.
        ready_at: When the attachment appears: transcriptions come later.
    """

    id: int
    type: str
    content_type: str
    content: bytes
    file_name: str = ""
    seconds: int = 0
    ready_at: float = 0.0


class Message(msgspec.Struct, kw_only=True):
    """An SMS, a fax, a voicemail, an internal page.

    Attributes:
        id: A number.
        extension_id: In whose store it is.
        type: ``SMS``, ``Fax``, ``VoiceMail``, ``Pager``.
        created_at: When it was sent or came.
        sender: From whom.
        recipients: To whom.
        direction: ``Inbound`` or ``Outbound``.
        subject: The text itself, of an SMS.
        status: ``Queued``, ``Sent``, ``Delivered``, ``DeliveryFailed``, ``SendingFailed``, ``Received``.
        read: Somebody has read it.
        availability: ``Alive``, ``Deleted`` or ``Purged``.
        attachments: Its bytes.
        conversation_id: Which thread; 0 for none.
        visible_at: When it appears.
        modified_at: When it last changed.
        purge_at: Its end.
    """

    id: int
    extension_id: int
    type: str
    created_at: float
    sender: Party
    recipients: list[Party]
    direction: str = "Inbound"
    subject: str = ""
    status: str = "Received"
    read: bool = False
    availability: str = "Alive"
    attachments: list[Attachment] = []
    conversation_id: int = 0
    visible_at: float = 0.0
    modified_at: float = 0.0
    purge_at: float = float("inf")
