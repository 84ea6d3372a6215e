"""Bytes that travel within their locator."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.errors import SourceGoneError
from archiver.sources.inline import is_inline, pack, unpack


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
