"""Addresses, words and dates that come from options."""

from __future__ import annotations

import pytest

from archiver.errors import ConfigError
from archiver.http.addresses import option_moment, option_url, option_word


@pytest.mark.parametrize("url", ["https://cloud.test", "http://127.0.0.1:80", "http://localhost:1/x", "http://[::1]:8"])
def test_tokens_go_over_tls_or_stay_here(url: str) -> None:
    """What is permitted; blanks and slashes around it are taken away."""
    assert option_url("cloud", "api_url", f" {url}/ ") == url


@pytest.mark.parametrize("url", ["http://cloud.test", "ftp://cloud.test", "cloud.test", "https://", "", "https://[x", "http://10.0.0.1"])
def test_others_are_refused(url: str) -> None:
    """The option is named, its value is not."""
    with pytest.raises(ConfigError, match="api_url") as error:
        option_url("cloud", "api_url", url)
    assert url in {"", "https://"} or url not in str(error.value)


def test_what_pasting_adds_is_taken_away() -> None:
    """Blanks around a word; what is missing is empty."""
    assert option_word("cloud", {"key": " word\n"}, "key") == "word"
    assert option_word("cloud", {}, "key") == ""


@pytest.mark.parametrize("word", ["CANARY two", "CANARY\r\nEvil: 1", "CANARYé", "CANARY\x7f"])
def test_what_would_spoil_a_header_is_refused(word: str) -> None:
    """And not shown."""
    with pytest.raises(ConfigError) as error:
        option_word("cloud", {"key": word}, "key")
    assert "CANARY" not in str(error.value) + error.value.hint


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", 0),
        (" 2026-01-31 ", 1_769_817_600_000),
        ("2026-01-31T00:00:00+01:00", 1_769_814_000_000),
        ("2026-01-31 12:00", 1_769_860_800_000),
    ],
)
def test_a_date_is_a_moment(given: str, expected: int) -> None:
    """In UTC if it has no zone; none is the beginning of time."""
    assert option_moment("cloud", {"since": given}, "since") == expected
    assert option_moment("cloud", {}, "since") == 0


def test_what_is_no_date_is_refused() -> None:
    """The option is named, its value is not."""
    with pytest.raises(ConfigError, match="since") as error:
        option_moment("cloud", {"since": "canary"}, "since")
    assert "canary" not in f"{error.value!r}"
