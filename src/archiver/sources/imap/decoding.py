"""How bytes travel in mails, undone as they come: base64, quoted-printable, or as they are; pure.

What is wrong with an encoding is decoded as Python's ``binascii`` would decode the whole of it; it never fails.
"""

from __future__ import annotations

import binascii
import re
from typing import Final, Protocol

__all__ = ["PLAIN", "Decoder", "decoder_of", "is_known"]

PLAIN: Final = frozenset({"7bit", "8bit", "binary", ""})
"""Encodings under which bytes travel as they are."""

_FOREIGN = re.compile(rb"[^A-Za-z0-9+/=]+")
_RUNS = re.compile(rb"([^=]*)(=*)")
_LONGEST_LINE = 1024 * 1024


class Decoder(Protocol):
    """Undoes an encoding, piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """What can be told after some more bytes."""
        ...

    def finish(self) -> bytes:
        """What is left when no more come."""
        ...


def is_known(encoding: str) -> bool:
    """Whether an encoding can be undone."""
    return encoding in PLAIN or encoding in {"base64", "quoted-printable"}


def decoder_of(encoding: str) -> Decoder:
    """What undoes an encoding that is known."""
    match encoding:
        case "base64":
            return _Base64()
        case "quoted-printable":
            return _Quoted()
        case _:
            return _Plain()


class _Plain:
    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _Base64:
    """Signs that do not belong are passed over; padding that completes four signs ends it; what of it is missing is added."""

    def __init__(self) -> None:
        self._rest = b""  # of four signs that belong together
        self._padding = 0  # signs of it since the last other one
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        if self._ended:
            return b""
        kept, place = [self._rest], len(self._rest)
        for run in _RUNS.finditer(_FOREIGN.sub(b"", data)):
            if run[1]:
                kept.append(run[1])
                place = (place + len(run[1])) % 4
                self._padding = 0
            if run[2] and place >= 2:
                self._padding += len(run[2])
                if place + self._padding >= 4:
                    self._ended = True
                    break
        signs = b"".join(kept)
        if self._ended:
            return _decoded(signs)
        end = len(signs) // 4 * 4
        self._rest = signs[end:]
        return binascii.a2b_base64(signs[:end])

    def finish(self) -> bytes:
        return b"" if self._ended else _decoded(self._rest)


def _decoded(signs: bytes) -> bytes:
    if len(signs) % 4 == 1:
        signs = signs[:-1]  # six bits are no byte
    return binascii.a2b_base64(signs + b"=" * (-len(signs) % 4))


class _Quoted:
    """Whole lines are decoded; the last one waits for its end, unless it has none."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data
        end = data.rfind(b"\n") + 1
        if not end and len(data) > _LONGEST_LINE:
            end = len(data) - 2
            end = data.rfind(b"=", end - 2, end) if b"=" in data[end - 2 : end] else end  # what follows it belongs to it
        self._rest = data[end:]
        return binascii.a2b_qp(data[:end])

    def finish(self) -> bytes:
        rest, self._rest = self._rest, b""
        return binascii.a2b_qp(rest)
