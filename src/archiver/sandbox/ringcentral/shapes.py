"""Records as RingCentral's answers show them: names, types and what is left out, as its API description has it.

Ids are text in the call log and numbers in messages; numbers of people may come masked or formatted, as somebody once wrote them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from archiver.sandbox.ringcentral.records import Attachment, Call, Extension, Leg, Message, Party, Recording

__all__ = ["call_record", "extension_record", "message_record", "recording_record", "timestamp"]


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds, as every answer has it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def extension_record(extension: Extension, base: str) -> dict[str, Any]:
    """One entry of the list of extensions; one without a number shows none."""
    record: dict[str, Any] = {
        "uri": f"{base}/extension/{extension.id}",
        "id": extension.id,
        "name": extension.name,
        "type": extension.type,
        "status": extension.status,
        "hidden": False,
    }
    if extension.number:
        record["extensionNumber"] = extension.number
    return record


def call_record(call: Call, base: str, *, detailed: bool) -> dict[str, Any]:
    """A row of the call log; legs and the time of change only in the detailed view."""
    record: dict[str, Any] = {
        "uri": f"{base}/call-log/{call.id}?view={'Detailed' if detailed else 'Simple'}",
        "id": call.id,
        "sessionId": call.session_id,
        "telephonySessionId": f"s-{call.session_id}",
        **_common(call),
        "extension": _link(call.legs[0].extension_id, base),
    }
    recordings = call.recordings
    if recordings:
        record["recording"] = _recording(recordings[0], base)
    elif any(leg.short for leg in call.legs):
        record["shortRecording"] = True
    if call.deleted:
        record["deleted"] = True
    if detailed:
        record["lastModifiedTime"] = timestamp(call.modified_at)
        record["legs"] = [_leg(call, leg, base) for leg in call.legs]
    return record


def _common(call: Call) -> dict[str, Any]:
    return {
        "startTime": timestamp(call.start),
        "duration": call.duration,
        "type": call.type,
        "direction": call.direction,
        "action": call.action,
        "result": call.result,
        "transport": "PSTN",
        "from": _party(call.sender),
        "to": _party(call.recipient),
    }


def _leg(call: Call, leg: Leg, base: str) -> dict[str, Any]:
    record = {**_common(call), "legType": leg.leg_type, "extension": _link(leg.extension_id, base)}
    if leg.master:
        record["master"] = True
    if leg.recording is not None and not leg.recording.purged:
        record["recording"] = _recording(leg.recording, base)
    if leg.short:
        record["shortRecording"] = True
    return record


def _link(extension_id: int, base: str) -> dict[str, Any]:
    return {"uri": f"{base}/extension/{extension_id}", "id": extension_id}


def _recording(recording: Recording, base: str) -> dict[str, Any]:
    uri = f"{base}/recording/{recording.id}"
    return {"uri": uri, "id": recording.id, "type": recording.type, "contentUri": f"{uri}/content"}


def recording_record(recording: Recording, base: str, seconds: int) -> dict[str, Any]:
    """What the recording's own address says about it."""
    return {
        "id": recording.id,
        "contentUri": f"{base}/recording/{recording.id}/content",
        "contentType": recording.content_type,
        "duration": seconds,
    }


def _party(party: Party) -> dict[str, Any]:
    fields = {
        "phoneNumber": party.number,
        "extensionNumber": party.extension_number,
        "extensionId": str(party.extension_id) if party.extension_id else "",
        "name": party.name,
        "location": party.location,
    }
    return {name: value for name, value in fields.items() if value}


def message_record(message: Message, base: str, now: float) -> dict[str, Any]:
    """A message of a store; an attachment that is not ready yet is not shown."""
    uri = f"{base}/extension/{message.extension_id}/message-store/{message.id}"
    record: dict[str, Any] = {
        "uri": uri,
        "id": message.id,
        "type": message.type,
        "direction": message.direction,
        "creationTime": timestamp(message.created_at),
        "lastModifiedTime": timestamp(message.modified_at),
        "from": _party(message.sender),
        "to": [_party(party) for party in message.recipients],
        "readStatus": "Read" if message.read else "Unread",
        "priority": "Normal",
        "availability": message.availability,
        "messageStatus": message.status,
    }
    if message.availability == "Purged":
        return record
    record["attachments"] = [_attachment(attachment, uri) for attachment in _ready(message.attachments, now)]
    match message.type:
        case "Fax":
            record |= {"faxPageCount": 1, "faxResolution": "High"}
        case "VoiceMail":
            waits = any(attachment.ready_at > now for attachment in message.attachments)
            has = any(attachment.type == "AudioTranscription" for attachment in message.attachments)
            record["vmTranscriptionStatus"] = "InProgress" if waits else "Completed" if has else "NotAvailable"
        case _:
            record["subject"] = message.subject
    if message.conversation_id:
        record["conversation"] = {"id": str(message.conversation_id), "uri": f"{base}/conversation/{message.conversation_id}"}
        record["conversationId"] = message.conversation_id
    return record


def _ready(attachments: Iterable[Attachment], now: float) -> list[Attachment]:
    return [attachment for attachment in attachments if attachment.ready_at <= now]


def _attachment(attachment: Attachment, message_uri: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": attachment.id,
        "uri": f"{message_uri}/content/{attachment.id}",
        "type": attachment.type,
        "contentType": attachment.content_type,
        "size": len(attachment.content),
    }
    if attachment.file_name:
        record["fileName"] = attachment.file_name
    if attachment.seconds:
        record["vmDuration"] = attachment.seconds
    return record
