"""A conversation's messages of one month, as a person reads them and as JSON; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from archiver.database.completeness import Particulars
from archiver.errors import SourceGoneError
from archiver.model import Kind
from archiver.sources.inline import is_inline, recalled, unpack

__all__ = ["Message", "as_json", "as_text", "conversation_of", "messages_of"]

_THREAD = "thread"
_WORDS = ("subject", "body")
"""Where providers' records have the text."""


class Message(msgspec.Struct, kw_only=True):
    """One message, with everything that was archived of it.

    Attributes:
        id: The provider's.
        at: When, as ISO 8601 in UTC.
        direction: ``inbound``, ``outbound`` or empty.
        sender: From whom.
        recipient: To whom.
        owner: Whose line.
        text: What it says; empty if that stands only in its file.
        status: Its last one.
        files: What was archived of it: path, media type, size, hash.
        record: The provider's own, the last one.
    """

    id: str
    at: str
    direction: str
    sender: str
    recipient: str
    owner: str
    text: str = ""
    status: str = ""
    files: list[Mapping[str, Any]] = []
    record: Any = None


def conversation_of(one: Particulars) -> str:
    """Which conversation something belongs to: the provider's name for it, else the two numbers; empty if it is no message's."""
    if one.row.kind is not Kind.SMS or _THREAD in one.metadata:
        return ""
    named = str(one.metadata.get("conversation_id") or "")
    return named or "-".join(sorted({"".join(filter(str.isalnum, party)) or "unknown" for party in (one.sender, one.recipient)}))


def messages_of(listed: Sequence[Particulars]) -> list[Message]:
    """The messages that these are parts of, the earliest first."""
    found: dict[str, tuple[int, Message]] = {}
    for one in sorted(listed, key=lambda one: one.row.id):
        row = one.row
        at, message = found.setdefault(row.external_id, (row.occurred_at, _begun(one)))
        message.status = str(one.metadata.get("status") or message.status)
        if row.receipt is not None:
            size, sha256 = row.receipt.size, row.receipt.sha256
            file = {"path": row.path.lstrip("/"), "media_type": one.media_type, "size": size, "sha256": sha256}
            message.files = [*message.files, file]
        _say(message, one)
        found[row.external_id] = at, message
    return [message for _, message in sorted(found.values(), key=lambda entry: (entry[0], entry[1].id))]


def _begun(one: Particulars) -> Message:
    return Message(
        id=one.row.external_id,
        at=datetime.fromtimestamp(one.row.occurred_at / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        direction=one.direction,
        sender=one.sender,
        recipient=one.recipient,
        owner=one.owner,
    )


def _say(message: Message, one: Particulars) -> None:
    """What a part of it that is kept with the item tells: the record knows best what the text is."""
    if not is_inline(one.locator):
        return
    try:
        said = unpack(one.locator)
    except SourceGoneError:
        return  # it stands in its file, which is listed
    if one.media_type == "application/json":
        message.record = recalled(said)
        words = message.record if isinstance(message.record, dict) else {}
        message.text = next((str(words[name]) for name in _WORDS if words.get(name)), message.text)
    elif one.media_type == "text/plain" and not message.text:
        message.text = said.decode(errors="replace").strip()


def as_text(conversation: str, month: str, messages: Sequence[Message]) -> bytes:
    """As a person reads it: who said what when, and the files that came along."""
    lines = [f"Conversation {conversation}, {month}", f"Between {', '.join(_parties(messages))}", ""]
    for message in messages:
        lines.append(f"{message.at}  {message.sender or 'unknown'} -> {message.recipient or 'unknown'}")
        lines += [f"    {line}" for line in message.text.splitlines()]
        came = [file for file in message.files if not message.text or file["media_type"] not in {"text/plain", "application/json"}]
        lines += [f"    [{file['path']}, {file['media_type']}, {file['size']} bytes]" for file in came]
        lines.append("")
    return "\n".join(lines).encode(errors="replace")


def as_json(conversation: str, month: str, messages: Sequence[Message]) -> bytes:
    """The same with all that is known."""
    told = {"conversation": conversation, "month": month, "between": _parties(messages), "messages": messages}
    return msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"


def _parties(messages: Sequence[Message]) -> list[str]:
    return sorted({party for message in messages for party in (message.sender, message.recipient) if party})
