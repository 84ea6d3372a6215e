"""What database drivers give for times and ids, and how it is written down so that it comes back as it was; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from archiver.errors import ConfigError
from archiver.model import Millis

__all__ = ["bytes_of", "millis_of", "read_value", "text_of", "write_value"]

_MILLIS_FROM = 100_000_000_000
"""Numbers from here on are milliseconds: as seconds they would lie beyond the year 5000, as milliseconds they lie after 1973."""
_MICROS_FROM = 100_000_000_000_000


def millis_of(value: Any) -> Millis | None:
    """A time as milliseconds: a datetime or date (UTC if it has no zone), ISO 8601, or seconds, milliseconds or microseconds as a number.

    Returns:
        None if it is none of these.
    """
    match value:
        case bool() | None:
            return None
        case int() | float() | Decimal():
            return _millis_of_number(Decimal(value))
        case datetime():
            return round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000)
        case date():
            return round(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1000)
        case str():
            return _millis_of_text(value.strip())
        case _:
            return None


def _millis_of_number(value: Decimal) -> Millis | None:
    try:
        if abs(value) < _MILLIS_FROM:
            return round(value * 1000)
        return round(value) if abs(value) < _MICROS_FROM else round(value / 1000)
    except (ArithmeticError, ValueError):
        return None  # infinity, or no number


def _millis_of_text(text: str) -> Millis | None:
    try:
        return millis_of(datetime.fromisoformat(text))
    except ValueError:
        pass
    try:
        return _millis_of_number(Decimal(text))
    except ArithmeticError:
        return None


_Writer = Callable[[Any], str]
_WRITERS: tuple[tuple[type | tuple[type, ...], str, _Writer], ...] = (
    (int, "i", str),
    (str, "s", str),
    (datetime, "t", datetime.isoformat),
    (float, "f", float.hex),
    (Decimal, "d", str),
    (date, "a", date.isoformat),
    (UUID, "u", str),
    ((bytes, bytearray, memoryview), "b", lambda value: bytes(value).hex()),
)
_READERS: Mapping[str, Callable[[str], Any]] = {
    "i": int,
    "s": str,
    "t": datetime.fromisoformat,
    "f": float.fromhex,
    "d": Decimal,
    "a": date.fromisoformat,
    "u": UUID,
    "b": bytes.fromhex,
}


def write_value(value: Any) -> str:
    """A value of the id or the order column as text that `read_value` makes the same value of.

    Raises:
        ConfigError: A value that cannot name a row.
    """
    for types, tag, write in _WRITERS:
        if isinstance(value, types) and not isinstance(value, bool):
            return f"{tag}:{write(value)}"
    raise ConfigError(
        f"sqltable: a value of the type {type(value).__name__} names no row", hint="See 'id_column', 'time_column' and 'updated_column'."
    )


def read_value(text: str) -> Any:
    """Undoes `write_value`.

    Raises:
        ValueError: Not written by it.
    """
    tag, _, rest = text.partition(":")
    try:
        return _READERS[tag](rest)
    except (KeyError, ArithmeticError):
        raise ValueError("not a written value") from None


def text_of(value: Any) -> str:
    """A value as a person sees it; empty for NULL."""
    match value:
        case None:
            return ""
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def bytes_of(value: Any) -> bytes:
    """Content as bytes; text in UTF-8."""
    match value:
        case bytes():
            return value
        case bytearray() | memoryview():
            return bytes(value)
        case _:
            return str(value).encode(errors="surrogateescape")
