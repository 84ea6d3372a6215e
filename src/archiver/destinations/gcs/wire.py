"""The shapes of metadata and answers, as the JSON API's reference has them. Only the fields used."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping

import msgspec

from archiver.destinations.objects.store import Stored
from archiver.errors import IntegrityError
from archiver.http.replies import UNREADABLE

__all__ = ["Metadata", "Retention", "multipart", "range_end", "stored_of"]


class Retention(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Until when an object is kept."""

    mode: str
    retain_until_time: str


class Metadata(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is said of an object when it is made."""

    name: str
    content_type: str
    md5_hash: str = ""
    storage_class: str = ""
    metadata: Mapping[str, str] = {}
    retention: Retention | None = None


class _Found(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is told of an object."""

    id: str = ""
    generation: str = ""
    size: int | None = None
    md5_hash: str = ""
    metadata: Mapping[str, str] = {}
    retention: Retention | None = None
    retention_expiration_time: str = ""
    temporary_hold: bool = False
    event_based_hold: bool = False


_FOUND = msgspec.json.Decoder(_Found, strict=False)  # sizes come as text


def stored_of(body: bytes, now: str) -> Stored:
    """What an answer tells of an object.

    Args:
        body: JSON.
        now: As RFC 3339 has it, in UTC.

    Raises:
        IntegrityError: It cannot be read.
    """
    try:
        found: _Found = _FOUND.decode(body)
    except UNREADABLE:
        raise IntegrityError("Google's answer about an object cannot be read") from None
    try:
        md5 = base64.b64decode(found.md5_hash, validate=True).hex()
    except ValueError:  # signs beyond ASCII, too
        md5 = ""
    until = max(found.retention_expiration_time, found.retention.retain_until_time if found.retention else "")
    return Stored(
        size=found.size,
        hash=f"md5:{md5}" if md5 else "",
        claimed=found.metadata.get("sha256", ""),
        revision=found.generation,
        version=found.generation,
        remote_id=found.id,
        locked=until > now or found.temporary_hold or found.event_based_hold,
    )


def multipart(metadata: Metadata, data: bytes) -> tuple[str, list[bytes]]:
    """Metadata and bytes as one body of two parts (RFC 2387): its content type, and its pieces."""
    boundary = secrets.token_hex(16)  # 128 random bits do not occur in a recording
    head = (
        f"--{boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n".encode()
        + msgspec.json.encode(metadata)
        + f"\r\n--{boundary}\r\ncontent-type: {metadata.content_type}\r\n\r\n".encode()
    )
    return f"multipart/related; boundary={boundary}", [head, data, f"\r\n--{boundary}--\r\n".encode()]


def range_end(header: str) -> int:
    """How many bytes a resumable upload has: what its ``Range`` says, which is missing if it has none.

    Raises:
        IntegrityError: It says something else.
    """
    if not header:
        return 0
    start, dash, end = header.removeprefix("bytes=").partition("-")
    if start != "0" or not dash or not end.isdecimal():
        raise IntegrityError("Google tells a range that does not begin at the beginning")
    return int(end) + 1
