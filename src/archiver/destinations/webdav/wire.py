"""The shapes of WebDAV's answers."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import msgspec

from archiver.errors import TransientError

__all__ = ["PROPFIND", "Entry", "entries"]

PROPFIND = (
    b'<?xml version="1.0" encoding="utf-8"?>'
    b'<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:resourcetype/><d:getcontentlength/><d:getetag/>'
    b"<oc:checksums/><d:quota-available-bytes/><d:quota-used-bytes/></d:prop></d:propfind>"
)
"""Asks for what an `Entry` has."""

_DAV = "{DAV:}"
_CHECKSUM = "{http://owncloud.org/ns}checksum"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at an address.

    Attributes:
        name: The last part of its path.
        folder: It is a collection.
        size: None if the server does not tell.
        etag: Or empty.
        checksums: Lower-case hex by the lower-case name of the kind; ownCloud's and Nextcloud's.
        available: Bytes that are free; None if the server does not tell.
        used: As above.
    """

    name: str
    folder: bool
    size: int | None = None
    etag: str = ""
    checksums: dict[str, str] = {}
    available: int | None = None
    used: int | None = None


def entries(body: bytes) -> list[Entry]:
    """What a 207 tells.

    Raises:
        TransientError: It is no such answer.
    """
    return [_entry(response) for response in _root(body).iter(f"{_DAV}response")]


def _root(body: bytes) -> ET.Element:
    if b"<!" in body:  # what declares entities can grow without end
        raise TransientError("the WebDAV server's answer declares something that no such answer has")
    try:
        return ET.fromstring(body)  # noqa: S314  nothing is declared in it
    except (ET.ParseError, ValueError, LookupError):
        raise TransientError("the WebDAV server's answer cannot be read") from None


def _entry(response: ET.Element) -> Entry:
    # Properties that the server does not know come in a part of their own, empty.
    found: dict[str, str] = {}
    for element in response.iter():
        if element.text and element.text.strip():
            found.setdefault(element.tag, element.text.strip())
    path = urlsplit(found.get(f"{_DAV}href", "")).path.rstrip("/")
    return Entry(
        name=unquote(path.rpartition("/")[2]),
        folder=response.find(f".//{_DAV}resourcetype/{_DAV}collection") is not None,
        size=_number(found.get(f"{_DAV}getcontentlength")),
        etag=found.get(f"{_DAV}getetag", "").removeprefix("W/").strip('"'),
        checksums=_checksums(found.get(_CHECKSUM, "")),
        available=_number(found.get(f"{_DAV}quota-available-bytes")),
        used=_number(found.get(f"{_DAV}quota-used-bytes")),
    )


def _checksums(text: str) -> dict[str, str]:
    """``SHA1:… MD5:… ADLER32:…`` as names and values."""
    pairs = (word.partition(":") for word in text.split())
    return {kind.lower(): value.lower() for kind, _, value in pairs if value}


def _number(text: str | None) -> int | None:
    """None for what is no number, and for the negative ones by which Nextcloud says that it does not know."""
    return int(text) if text is not None and text.isascii() and text.isdecimal() else None
