"""Texts and rows of the call log travel within their locator, compressed: reading them later asks nobody and costs no budget."""

from __future__ import annotations

import base64
import binascii
import zlib

from archiver.errors import SourceGoneError

__all__ = ["is_inline", "pack", "unpack"]

_MARK = "inline:"


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
