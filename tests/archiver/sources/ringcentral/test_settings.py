"""Options that can be, and those that cannot."""

from __future__ import annotations

from typing import Any

import pytest

from archiver.adapter import check_options
from archiver.errors import ConfigError
from archiver.model import Kind
from archiver.sources.ringcentral import ADAPTER
from archiver.sources.ringcentral.settings import OPTIONS, credentials_from, settings_from

CANARY = "eyJ.canary"


def checked(**given: Any) -> dict[str, Any]:
    """Options as the app gives them."""
    return check_options("ringcentral", OPTIONS, {"client_id": "app", "client_secret": "s", "jwt": CANARY, **given})


def test_the_defaults_fetch_everything() -> None:
    """All kinds, all extensions, all there is, from the platform itself."""
    settings = settings_from(checked())
    assert settings.kinds == frozenset(Kind)
    assert settings.base_url == "https://platform.ringcentral.com"
    assert settings.since == 0


def test_what_is_given_is_taken() -> None:
    """Some kinds, a date in UTC, another platform without its slash."""
    settings = settings_from(checked(kinds="fax, sms", since="2026-01-31", base_url="https://platform.ringcentral.biz/"))
    assert settings.kinds == {Kind.FAX, Kind.SMS}
    assert settings.since == 1_769_817_600_000
    assert settings.base_url == "https://platform.ringcentral.biz"


@pytest.mark.parametrize(
    "given",
    [
        {"kinds": "letters"},
        {"kinds": ""},
        {"since": "yesterday"},
        {"poll_interval": 0.0},
        {"base_url": "http://platform.ringcentral.com"},
        {"base_url": "https://platform.ringcentral.com/restapi"},
        {"base_url": "ftp://127.0.0.1"},
        {"jwt": f"{CANARY} with blanks"},
        {"jwt": ""},
        {"refresh_token": "both"},
        {"client_secret": ""},
        {"client_id": "a:b"},
    ],
)
def test_what_cannot_be_is_refused_without_its_value(given: dict[str, Any]) -> None:
    """The key is named, the value never."""
    with pytest.raises(ConfigError) as told:
        ADAPTER.open(checked(**given))
    assert CANARY not in f"{told.value} {told.value.hint}"


def test_pkce_needs_no_secret() -> None:
    """A refresh token and a client id are enough."""
    known = credentials_from({"client_id": " app ", "refresh_token": "r\n"})
    assert (known.client_id, known.refresh_token, known.client_secret) == ("app", "r", "")


def test_without_an_http_session_it_says_so() -> None:
    """An adapter that makes requests needs one."""
    with pytest.raises(ConfigError, match="HTTP"):
        ADAPTER.open(checked())


def test_secret_options_are_secret() -> None:
    """They are sealed, and never taken from a command line."""
    assert {option.name for option in OPTIONS if option.secret} == {"client_secret", "jwt", "refresh_token"}
