"""Which parts a mail has, by the BODYSTRUCTURE of its server (RFC 3501, 7.4.2); pure.

Names of files are written in three ways (RFC 2231, RFC 2047, and as they are); Python's ``email`` reads all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.message import Message
from email.parser import HeaderParser
from email.policy import compat32, default
from typing import Final

import msgspec

from archiver.sources.files.kinds import MEDIA_TYPES, extension_of
from archiver.sources.imap.wire import Value, text_of
from archiver.sources.replies import clean_name

__all__ = ["MOST_PARTS", "Part", "parts_of"]

MOST_PARTS: Final = 200
"""A mail with more of them is not taken apart."""

_DEEPEST = 30
_UNTOLD: Final = frozenset({"application/octet-stream", "application/x-download", "application/force-download", "application/binary", "/"})
_ONE = "1"
_HEADERS = HeaderParser(policy=default)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is no list of parts.

    Attributes:
        section: How it is asked for: ``2``, ``1.2``; empty for the whole mail.
        media_type: By its header, or by its name if that tells nothing.
        encoding: How its bytes travel.
        octets: How many they are as they travel, as the server thinks; 0 if it does not tell.
        name: Of the file; empty if it has none.
        charset: Of a text.
        attached: It is there to be kept, not to be looked at within the text.
    """

    section: str
    media_type: str
    encoding: str = ""
    octets: int = 0
    name: str = ""
    charset: str = ""
    attached: bool = False


def parts_of(body: Value) -> list[Part]:
    """The parts in their order.

    Raises:
        ValueError: The structure cannot be understood, or has more than `MOST_PARTS`.
    """
    parts: list[Part] = []
    for part in _walk(body, "", 0):
        if len(parts) == MOST_PARTS:
            raise ValueError("too many parts")
        parts.append(part)
    return parts


def _walk(body: Value, section: str, depth: int) -> Iterator[Part]:
    if not isinstance(body, list) or not body or depth > _DEEPEST:
        raise ValueError("no structure of a mail")
    if isinstance(body[0], list):
        for number, inner in enumerate(body, 1):
            if not isinstance(inner, list):
                return  # behind the parts: what kind of list they are
            yield from _walk(inner, f"{section}.{number}" if section else str(number), depth + 1)
        return
    media_type = f"{text_of(body[0])}/{text_of(_at(body, 1))}".lower()
    if media_type == "message/rfc822" and isinstance(inside := _at(body, 8), list):
        prefix = section or _ONE
        yield from _walk(inside, prefix if isinstance(_at(inside, 0), list) else f"{prefix}.1", depth + 1)
        return
    yield _part(body, media_type, section or _ONE)


def _part(body: list[Value], media_type: str, section: str) -> Part:
    parameters = _parameters(_at(body, 2))
    disposition, told = _disposition(body)
    name = told or _decoded(parameters, "name")
    if media_type in _UNTOLD or media_type.partition("/")[0] in {"application", ""}:
        media_type = MEDIA_TYPES.get(extension_of(name), media_type)
    octets = text_of(_at(body, 6))
    inline_picture = media_type.startswith("image/") and media_type != "image/tiff" and _at(body, 3) is not None
    return Part(
        section=section,
        media_type=media_type,
        encoding=text_of(_at(body, 5)).strip().lower(),
        octets=int(octets) if octets.isdecimal() else 0,
        name=name,
        charset=_decoded(parameters, "charset"),
        attached=disposition == "attachment" or (bool(name) and not inline_picture) or not media_type.startswith(("text/", "image/")),
    )


def _disposition(body: list[Value]) -> tuple[str, str]:
    """How a part is to be shown, and its file's name; some servers give the header's text in place of the list."""
    for value in body[7:]:
        match value:
            case [bytes() as how, *rest] if how.lower() in {b"attachment", b"inline"}:
                return how.decode().lower(), _decoded(_parameters(rest[0] if rest else None), "filename")
            case bytes() as text if text.lower().startswith((b"attachment", b"inline")):
                message = Message(policy=compat32)
                message["Content-Disposition"] = text_of(text)
                return text_of(text).partition(";")[0].strip().lower(), _readable(message.get_filename() or "")
            case _:
                continue
    return "", ""


def _parameters(value: Value) -> dict[str, str]:
    if not isinstance(value, list):
        return {}
    return {text_of(name).lower(): text_of(given) for name, given in zip(value[::2], value[1::2], strict=False)}


def _decoded(parameters: Mapping[str, str], name: str) -> str:
    """A parameter, also one that is in several pieces, or in another script."""
    if name in parameters:
        return _readable(parameters[name])
    pieces = {key: text for key, text in parameters.items() if key.startswith(f"{name}*")}
    if not pieces:
        return ""
    message = Message(policy=compat32)
    message["Content-Disposition"] = "; ".join(["attachment", *(f"{key}={_token(text)}" for key, text in pieces.items())])
    value = message.get_param(name, "", "content-disposition")
    if isinstance(value, tuple):
        try:
            return _readable(value[2].encode("latin-1", "surrogateescape").decode(value[0] or "us-ascii", "replace"))
        except (LookupError, UnicodeError):
            return _readable(value[2])
    return _readable(str(value or ""))


def _token(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "") + '"'


def _readable(text: str) -> str:
    """A text whose encoded words are decoded, without signs that are none."""
    if "=?" in text:
        text = str(_HEADERS.parsestr(f"Subject: {' '.join(text.split())}\n\n")["Subject"] or "")
    return clean_name(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _at(values: list[Value], place: int) -> Value:
    return values[place] if place < len(values) else None
