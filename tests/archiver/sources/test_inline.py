"""Bytes that travel within their locator."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.errors import SourceGoneError
from archiver.sources.inline import canonical, is_inline, pack, recalled, unpack


@given(st.binary(max_size=3000))
def test_what_is_packed_comes_back(data: bytes) -> None:
    """Any bytes, as text that every database takes."""
    locator = pack(data)
    assert is_inline(locator)
    assert locator.isascii()
    assert locator.isprintable()
    assert unpack(locator) == data
    assert pack(data) == locator


@pytest.mark.parametrize("locator", ["inline:", "inline:%%", "inline:AAAA"])
def test_a_damaged_locator_is_gone(locator: str) -> None:
    """Not a crash: the item's bytes are nowhere."""
    with pytest.raises(SourceGoneError):
        unpack(locator)


def test_an_address_is_not_inline() -> None:
    """Addresses are fetched."""
    assert not is_inline("https://media.ringcentral.com/restapi/v1.0/account/1/recording/2/content")


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_a_record_is_recalled(record: Any) -> None:
    """What `canonical` wrote, read again."""
    assert recalled(canonical(record)) == record


def test_half_an_emoji_is_recalled_as_what_can_be_written() -> None:
    """People write such; a record of it must not stop whoever reads it later."""
    record = recalled(canonical({"body": "half \ud83d", "more": ["\udc00"]}))
    assert record == {"body": "half ?", "more": ["?"]}
    assert msgspec.json.encode(record)
