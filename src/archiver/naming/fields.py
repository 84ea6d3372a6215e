"""The fields of a path template, and where each finds its value; pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from archiver.model import Discovery, Kind

__all__ = ["DAY_MS", "FIELDS", "FREE_FIELDS", "KINDS", "OWN_FIELDS", "PER_ITEM_FIELDS", "Render", "extension_of", "is_field", "meta_field"]

_LABELS = {
    Kind.RECORDING: "Call Recording",
    Kind.VOICEMAIL: "Voicemail",
    Kind.SMS: "SMS",
    Kind.FAX: "Fax",
    Kind.CALL_LOG: "Call Log",
    Kind.MANIFEST: "Manifest",
    Kind.SIDECAR: "Sidecar",
}
KINDS: Final = {kind: kind.value.replace("_", "-") for kind in Kind}

_EXTENSIONS = {
    "application/json": "json",
    "application/pdf": "pdf",
    "application/octet-stream": "bin",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/flac": "flac",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-m4a": "m4a",
    "audio/x-wav": "wav",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "message/rfc822": "eml",
    "text/csv": "csv",
    "text/plain": "txt",
    "video/3gpp": "3gp",
    "video/mp4": "mp4",
}


@lru_cache(maxsize=256)
def extension_of(media_type: str) -> str:
    """The extension for a media type, without the dot; the same on every machine, ``bin`` if nothing better is known."""
    essence = media_type.partition(";")[0].strip().lower()
    known = _EXTENSIONS.get(essence)
    if known is None:
        subtype = essence.partition("/")[2].removeprefix("x-")
        known = subtype if re.fullmatch(r"[a-z0-9]{1,8}", subtype, re.ASCII) else "bin"
    return known


class _Day(NamedTuple):
    year: str
    month: str
    day: str
    date: str
    short_date: str
    compact: str


@lru_cache(maxsize=1024)
def _day(number: int) -> _Day:
    """The spellings of a day, by its number since the epoch; days that the calendar cannot hold become its first or last."""
    day = date.fromordinal(min(max(number + 719_163, 1), 3_652_059))
    year, month, number = f"{day.year:04}", f"{day.month:02}", day.day
    return _Day(year, month, f"{number:02}", f"{year}-{month}-{number:02}", f"{day.year}-{day.month}-{number}", f"{year}{month}{number:02}")


DAY_MS: Final = 86_400_000


def _clock(item: Discovery) -> str:
    seconds = item.occurred_at % DAY_MS // 1000
    return f"{seconds // 3600:02}{seconds // 60 % 60:02}{seconds % 60:02}"


def _text(item: Discovery, name: str) -> str:
    value = item.metadata.get(name)
    return value if isinstance(value, str) else ""


Render = Callable[[Discovery], str]

OWN_FIELDS: Final[dict[str, Render]] = {
    "kind": lambda item: KINDS[item.kind],
    "label": lambda item: _LABELS[item.kind],
    "year": lambda item: _day(item.occurred_at // DAY_MS).year,
    "month": lambda item: _day(item.occurred_at // DAY_MS).month,
    "day": lambda item: _day(item.occurred_at // DAY_MS).day,
    "date": lambda item: _day(item.occurred_at // DAY_MS).date,
    "short_date": lambda item: _day(item.occurred_at // DAY_MS).short_date,
    "time": _clock,
    "stamp": lambda item: f"{_day(item.occurred_at // DAY_MS).compact}-{_clock(item)}",
    "ext": lambda item: extension_of(item.media_type),
}
"""Fields whose values are made here, so that they need no cleaning and are never empty."""

FREE_FIELDS: Final[dict[str, Render]] = {
    "direction": lambda item: item.direction,
    "from": lambda item: item.sender.removeprefix("+"),
    "id": lambda item: item.external_id,
    "line": lambda item: "_".join(filter(None, (_text(item, "owner_name"), item.owner))),
    "owner": lambda item: item.owner,
    "recipient": lambda item: item.recipient,
    "sender": lambda item: item.sender,
    "to": lambda item: item.recipient.removeprefix("+"),
    "to_line": lambda item: "#".join(dict.fromkeys(filter(None, (item.recipient.removeprefix("+"), _text(item, "to_extension"))))),
}
"""Fields whose values come from outside."""

PER_ITEM_FIELDS: Final = frozenset({"ext", "id", "stamp", "time"})
"""Fields that differ between items of one kind, day, owner and numbers."""

FIELDS: Final = tuple(sorted([*OWN_FIELDS, *FREE_FIELDS, "meta.NAME"]))
"""What a template may name; ``meta.NAME`` is an entry of the item's metadata."""


def is_field(field: str) -> bool:
    """Whether a template may name it."""
    return field in OWN_FIELDS or field in FREE_FIELDS or (field.startswith("meta.") and len(field) > len("meta."))


def meta_field(name: str) -> Render:
    """The field of a metadata entry; only texts and numbers have a value."""

    def get(item: Discovery) -> str:
        value = item.metadata.get(name)
        return str(value) if isinstance(value, str | int | float) else ""

    return get
