"""What every provider's answers have in common."""

from __future__ import annotations

import math

import aiohttp
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.errors import ArchiverError, MisconfiguredError, TransientError, UnavailableError
from archiver.http.replies import UNREADABLE, network_error, retry_after

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (aiohttp.InvalidURL("x"), MisconfiguredError),
        (aiohttp.ConnectionTimeoutError(), UnavailableError),
        (aiohttp.SocketTimeoutError(), TransientError),
        (aiohttp.ServerDisconnectedError(), TransientError),
        (aiohttp.ClientPayloadError("Bearer CANARY"), TransientError),
        (ConnectionResetError(), TransientError),
        (TimeoutError(), TransientError),
    ],
)
def test_no_answer(raised: Exception, expected: type[ArchiverError]) -> None:
    """Before the connection stands nobody's item is to blame; after that, a try is. The exception's text is not repeated."""
    error = network_error(raised, "Cloud", "files", "the option url")
    assert type(error) is expected
    assert "CANARY" not in repr(vars(error))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("15", 15.0),
        ("1.5", 1.5),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:30 GMT", None),
        ("0", None),
        ("-3", None),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    """A number or a date; what is past or nonsense asks for nothing."""
    assert retry_after(header, NOW) == seconds


@given(st.text(max_size=40) | st.floats().map(str) | st.integers().map(str))
def test_no_header_breaks_it(header: str) -> None:
    """Whatever it says: nothing, or seconds that can be waited for."""
    seconds = retry_after(header, NOW)
    assert seconds is None or (seconds > 0 and math.isfinite(seconds))


def test_no_wait_is_beyond_sense() -> None:
    """What nobody can live to see is thirty days, and fits where it is kept."""
    assert retry_after("1e300", NOW) == retry_after("9" * 300, NOW) == 30 * 24 * 3600


@pytest.mark.parametrize("body", [b"[" * 20_000, b'{"a":' * 20_000, b"\xff", b"{", b'"\xff"'])
def test_what_cannot_be_read(body: bytes) -> None:
    """Whatever msgspec raises for a body, one name has it; a depth beyond sense, too."""
    with pytest.raises(UNREADABLE):
        msgspec.json.decode(body)
