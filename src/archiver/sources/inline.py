"""What a list tells whole travels within its locator, compressed: texts, records. Reading it later asks nobody and costs no budget.

In: a record as the provider tells it. Out: its bytes, and the discovery that carries them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Collection, Mapping
from typing import Any

from archiver.errors import SourceGoneError
from archiver.model import Discovery

__all__ = ["canonical", "carried", "digest", "is_inline", "pack", "recalled", "unpack"]

_MARK = "inline:"


def canonical(record: Any) -> bytes:
    """A record as JSON whose bytes hang on nothing but what it says."""
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, indent=1)
    return text.encode(errors="backslashreplace") + b"\n"  # halves of emojis become JSON's own escapes


def recalled(data: bytes) -> Any:
    """The record that `canonical` was given; halves of emojis, which nobody can write down, become question marks.

    Raises:
        ValueError: It is no JSON.
    """
    return json.loads(json.dumps(json.loads(data), ensure_ascii=False).encode(errors="replace"))


def digest(record: Any, volatile: Collection[str]) -> str:
    """Ten signs for what a record says, without the fields that change by themselves, however deep they stand."""
    return hashlib.sha256(canonical(_lasting(record, volatile))).hexdigest()[:10]


def carried(data: bytes, **known: Any) -> Discovery:
    """A discovery that holds its own bytes.

    Args:
        data: The bytes.
        known: The other fields.
    """
    return Discovery(locator=pack(data), size=len(data), sha256=hashlib.sha256(data).hexdigest(), **known)


def pack(data: bytes) -> str:
    """A locator that holds the bytes; the same bytes make the same locator."""
    return _MARK + base64.b64encode(zlib.compress(data, 6)).decode()


def is_inline(locator: str) -> bool:
    """Whether a locator holds its bytes."""
    return locator.startswith(_MARK)


def unpack(locator: str) -> bytes:
    """The bytes that `pack` was given.

    Raises:
        SourceGoneError: It was damaged.
    """
    try:
        return zlib.decompress(base64.b64decode(locator.removeprefix(_MARK), validate=True))
    except (binascii.Error, zlib.error):
        raise SourceGoneError("what the item's locator held is damaged") from None


def _lasting(value: Any, volatile: Collection[str]) -> Any:
    match value:
        case Mapping():
            return {name: _lasting(item, volatile) for name, item in value.items() if name not in volatile}
        case list():
            return [_lasting(item, volatile) for item in value]
        case _:
            return value
