"""What a row of the call log or a message is, as discoveries; pure.

| what | kind | external id | part |
|---|---|---|---|
| a row of the call log | `call_log` | the call's id | a digest of what the row says |
| a recording of one of its legs | `recording` | the call's id | the recording's id |
| the text of an SMS, MMS or page | `sms` | the message's id | `text` |
| the same with all its fields | `sms` | the message's id | `json-` and a digest of what it says |
| what came with it | `sms` | the message's id | the attachment's id |
| a voicemail, and its transcription | `voicemail` | the message's id | the attachment's id |
| a fax | `fax` | the message's id | the attachment's id |

The call names its recordings, not the other way round: when RingCentral has purged a recording, the row stays and names it no longer.
A row that is edited, or a message whose status changes, is an item of its own; what changes by itself (a recording that is purged, a
message that is read) is left out of the digest, and makes none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from archiver.model import Discovery, Kind, Millis
from archiver.sources.inline import canonical, carried, digest
from archiver.sources.ringcentral.parties import is_masked, number_of, shown
from archiver.sources.ringcentral.wire import Record

__all__ = ["ATTACHMENTS", "RECORDINGS", "Reader", "millis_of", "recording_addresses"]

RECORDINGS, ATTACHMENTS = 1, 2
"""The budgets that bytes are paid from; what travels within its locator costs nothing."""

_DAY = 86_400_000
_SENT_FAX_DAYS = 30
_VOLATILE = frozenset({"recording", "lastModifiedTime", "uri", "billing", "deleted", "readStatus", "availability", "attachments"})
_MESSAGE_KINDS = {"Fax": Kind.FAX, "VoiceMail": Kind.VOICEMAIL}
_DEFAULT_RECORDING = "audio/mpeg"


def millis_of(text: Any) -> Millis:
    """ISO 8601 as milliseconds since the epoch; 0 if it is none: the record is found all the same."""
    try:
        return round(datetime.fromisoformat(str(text)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0


def recording_addresses(row: Record) -> dict[str, tuple[str, Record, Record]]:
    """The recordings of a call by their ids: address, what is said of the recording, and the leg (or the row) that names it."""
    found: dict[str, tuple[str, Record, Record]] = {}
    legs = row.get("legs")
    for part in [*(legs if isinstance(legs, list) else []), row]:  # a leg knows better than the row whose recording it is
        recording = part.get("recording") if isinstance(part, Mapping) else None
        if isinstance(recording, Mapping) and recording.get("id") and recording.get("contentUri"):
            found.setdefault(str(recording["id"]), (str(recording["contentUri"]), recording, part))
    return found


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Makes discoveries of records.

    Attributes:
        kinds: What is wanted.
        owners: The numbers of extensions by their ids.
        names: Their names by their ids.
        media_type: What this account's recordings are.
        retention_days: For how long recordings are kept.
        since: Nothing older is wanted.
    """

    kinds: frozenset[Kind]
    owners: Mapping[str, str] = {}
    names: Mapping[str, str] = {}
    media_type: str = _DEFAULT_RECORDING
    retention_days: float = 90.0
    since: Millis = 0

    # -- calls ----------------------------------------------------------------------------------------------------------------------

    def call(self, row: Record) -> Iterator[Discovery]:
        """A row of the call log, and the recordings that it names."""
        call_id, at = str(row.get("id") or ""), millis_of(row.get("startTime"))
        if not call_id or at < self.since:
            return
        known: dict[str, Any] = {
            "direction": _direction(row),
            "sender": number_of(row.get("from")),
            "recipient": number_of(row.get("to")),
        }
        about = {
            "session_id": str(row.get("sessionId") or ""),
            "telephony_session_id": str(row.get("telephonySessionId") or ""),
            "duration": row.get("duration") or 0,
            "result": str(row.get("result") or ""),
            "action": str(row.get("action") or ""),
            "masked": is_masked(known["sender"]) or is_masked(known["recipient"]),
            "to_extension": _extension(row.get("to")),
        }
        if Kind.CALL_LOG in self.kinds:
            yield carried(
                canonical(row),
                kind=Kind.CALL_LOG,
                external_id=call_id,
                part=digest(row, _VOLATILE),
                occurred_at=at,
                media_type="application/json",
                owner=self._owner(row),
                metadata={**about, "owner_name": self._name(row)},
                **known,
            )
        if Kind.RECORDING not in self.kinds:
            return
        for recording_id, (address, recording, leg) in recording_addresses(row).items():
            yield Discovery(
                kind=Kind.RECORDING,
                external_id=call_id,
                part=recording_id,
                occurred_at=at,
                purge_at=at + int(self.retention_days * _DAY) if at else None,
                locator=address,
                media_type=self.media_type,
                owner=self._owner(leg) or self._owner(row),
                budget=RECORDINGS,
                metadata={
                    **about,
                    "owner_name": self._name(leg) or self._name(row),
                    "recording_id": recording_id,
                    "recording_type": str(recording.get("type") or ""),
                },
                **known,
            )

    def _owner(self, part: Record) -> str:
        """The number of the extension that a row or leg belongs to; its id if it has none; empty if none is named."""
        extension = part.get("extension")
        if isinstance(extension, Mapping) and extension.get("id"):
            return self.owners.get(str(extension["id"]), str(extension["id"]))
        own = part.get("to" if _direction(part) == "inbound" else "from")
        return str(own.get("extensionNumber") or "") if isinstance(own, Mapping) else ""

    def _name(self, part: Record) -> str:
        """The name of the extension that a row or leg belongs to; empty if it is not known."""
        extension = part.get("extension")
        return self.names.get(str(extension.get("id")), "") if isinstance(extension, Mapping) else ""

    # -- messages -------------------------------------------------------------------------------------------------------------------

    def message(self, record: Record, extension_id: str) -> Iterator[Discovery]:
        """A message of an extension's store: its text, and what came with it."""
        message_id, at = str(record.get("id") or ""), millis_of(record.get("creationTime"))
        kind = _MESSAGE_KINDS.get(str(record.get("type")), Kind.SMS)
        if not message_id or kind not in self.kinds or at < self.since or record.get("availability") == "Purged":
            return
        known: dict[str, Any] = {
            "kind": kind,
            "external_id": message_id,
            "occurred_at": at,
            "direction": _direction(record),
            "sender": number_of(record.get("from")),
            "recipient": _first(record.get("to")),
            "owner": self.owners.get(extension_id, extension_id),
        }
        about = {**_about(record), "owner_name": self.names.get(extension_id, ""), "to_extension": _extension(record.get("to"))}
        if kind is Kind.SMS:
            yield carried(_readable(record), part="text", media_type="text/plain", metadata=about, **known)
            yield carried(
                canonical(record), part=f"json-{digest(record, _VOLATILE)}", media_type="application/json", metadata=about, **known
            )
        if kind is Kind.FAX and known["direction"] == "outbound" and at:
            known["purge_at"] = at + _SENT_FAX_DAYS * _DAY
        attachments = record.get("attachments")
        for attachment in attachments if isinstance(attachments, list) else ():
            if not isinstance(attachment, Mapping) or not attachment.get("id") or not attachment.get("uri") or _is_said(record, attachment):
                continue
            size = attachment.get("size")
            yield Discovery(
                part=str(attachment["id"]),
                locator=str(attachment["uri"]),
                media_type=str(attachment.get("contentType") or "application/octet-stream").partition(";")[0].strip(),
                size=size if isinstance(size, int) and size >= 0 else None,
                budget=ATTACHMENTS,
                metadata={
                    **about,
                    "attachment": str(attachment.get("type") or ""),
                    "file_name": str(attachment.get("fileName") or ""),
                    "seconds": attachment.get("vmDuration") or 0,
                },
                **known,
            )


def _about(record: Record) -> dict[str, Any]:
    conversation = record.get("conversation")
    thread = record.get("conversationId") or (conversation.get("id") if isinstance(conversation, Mapping) else None)
    return {
        "type": str(record.get("type") or ""),
        "status": str(record.get("messageStatus") or ""),
        "conversation_id": str(thread or ""),
        "pages": record.get("faxPageCount") or 0,
        "transcription": str(record.get("vmTranscriptionStatus") or ""),
    }


def _is_said(record: Record, attachment: Record) -> bool:
    """Whether an attachment is the message's own text, which the record says already; a longer one is fetched."""
    if attachment.get("type") != "Text":
        return False
    size, subject = attachment.get("size"), str(record.get("subject") or "")
    return not isinstance(size, int) or size <= len(subject.encode(errors="replace"))


def _readable(record: Record) -> bytes:
    """A message as a person reads it; the same record makes the same text."""
    lines = [
        f"From: {shown(record.get('from'))}",
        f"To: {shown(record.get('to'))}",
        f"Date: {record.get('creationTime') or 'unknown'}",
        f"Direction: {record.get('direction') or 'unknown'}",
        "",
        str(record.get("subject") or ""),
        "",
    ]
    return "\n".join(lines).encode(errors="replace")


def _extension(party: Any) -> str:
    """The extension of whoever was called, or of the first of them."""
    first = party[0] if isinstance(party, list) and party else party
    return str(first.get("extensionNumber") or "") if isinstance(first, Mapping) else ""


def _first(parties: Any) -> str:
    return number_of(parties[0]) if isinstance(parties, list) and parties else number_of(parties)


def _direction(record: Record) -> str:
    direction = str(record.get("direction") or "").lower()
    return direction if direction in {"inbound", "outbound"} else ""
