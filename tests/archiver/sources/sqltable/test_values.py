"""Times and keys as drivers give them."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.errors import ConfigError
from archiver.sources.sqltable.values import bytes_of, millis_of, read_value, text_of, write_value

AT = 1_778_407_322_000  # 2026-05-10 10:02:02 UTC


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 5, 10, 10, 2, 2, tzinfo=UTC), AT),
        (datetime(2026, 5, 10, 12, 2, 2, tzinfo=timezone(timedelta(hours=2))), AT),
        (datetime(2026, 5, 10, 10, 2, 2), AT),  # noqa: DTZ001 - drivers give such
        (date(2026, 5, 10), 1_778_371_200_000),
        (AT // 1000, AT),
        (AT, AT),
        (AT * 1000, AT),
        (AT / 1000 + 0.25, AT + 250),
        (Decimal("1778407322.250"), AT + 250),
        ("2026-05-10T10:02:02Z", AT),
        (" 2026-05-10 10:02:02.250 ", AT + 250),
        ("1778407322", AT),
        ("1778407322000", AT),
        ("yesterday", None),
        ("", None),
        (None, None),
        (True, None),
        (b"x", None),
        (math.inf, None),
        (math.nan, None),
        ("NaN", None),
    ],
)
def test_times(value: Any, expected: int | None) -> None:
    """Whatever a column has: milliseconds, or None."""
    assert millis_of(value) == expected


@given(
    value=st.integers()
    | st.text(alphabet=st.characters(exclude_categories=("Cs",)))
    | st.floats(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.dates()
    | st.uuids()
    | st.binary()
)
def test_a_written_value_comes_back_as_it_was(value: Any) -> None:
    """Of the same type too, so that the database compares it with its own."""
    back = read_value(write_value(value))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("value", [None, True, [1], object()])
def test_what_names_no_row_is_refused(value: Any) -> None:
    """With the option to look at."""
    with pytest.raises(ConfigError):
        write_value(value)


@pytest.mark.parametrize("text", ["", "x", "z:1", "i:x", "d:x", "t:x", "b:x"])
def test_what_was_not_written_is_refused(text: str) -> None:
    """ValueError, which makes a cursor worth nothing."""
    with pytest.raises(ValueError, match=r"."):
        read_value(text)


def test_values_as_text_and_bytes() -> None:
    """Ids that came as floats or bytes are still readable; text is UTF-8."""
    assert [text_of(value) for value in (None, 7, 7.0, 7.5, b"\x01", "x")] == ["", "7", "7", "7.5", "01", "x"]
    assert text_of(UUID(int=0)) == "00000000-0000-0000-0000-000000000000"
    assert [bytes_of(value) for value in (b"a", bytearray(b"a"), memoryview(b"a"), "ä", 7)] == [b"a", b"a", b"a", "ä".encode(), b"7"]
