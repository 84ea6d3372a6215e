"""Options that can be, and those that cannot."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from archiver.adapter import check_options
from archiver.errors import ConfigError
from archiver.model import Kind
from archiver.sources.twilio import ADAPTER
from archiver.sources.twilio.settings import OPTIONS, login_from, settings_from

ACCOUNT = "AC" + "0a" * 16
CANARY = "canary0123456789"


def checked(**given: Any) -> dict[str, Any]:
    """Options as the app gives them."""
    return check_options("twilio", OPTIONS, {"account_sid": ACCOUNT, "api_secret": CANARY, **given})


def test_the_defaults_fetch_everything() -> None:
    """All kinds, as Twilio keeps them, from the API itself."""
    settings = settings_from(checked())
    assert settings.kinds == {Kind.CALL_LOG, Kind.RECORDING, Kind.SMS}
    assert (settings.base_url, settings.since, settings.sound.format) == ("https://api.twilio.com", 0, "wav")


def test_subaccounts_are_fetched_with_what_opens_them() -> None:
    """With the auth token, by default; with a key only if somebody says so."""
    assert settings_from(checked()).subaccounts
    assert not settings_from(checked(api_key="SK1")).subaccounts
    assert settings_from(checked(api_key="SK1", subaccounts="yes")).subaccounts


def test_the_login_is_the_key_or_the_account() -> None:
    """Basic authorisation, without the blanks that pasting adds."""
    token, key = (base64.b64decode(login_from(given).removeprefix("Basic ")).decode() for given in (checked(), checked(api_key=" SK1 ")))
    assert (token, key) == (f"{ACCOUNT}:{CANARY}", f"SK1:{CANARY}")


@pytest.mark.parametrize(
    "given",
    [
        {"account_sid": "AC1"},
        {"account_sid": f"{ACCOUNT}/../x"},
        {"kinds": "fax"},
        {"kinds": " , "},
        {"format": "ogg"},
        {"since": "last week"},
        {"poll_interval": 0},
        {"overlap_minutes": -1},
        {"base_url": "http://api.twilio.com"},
        {"api_secret": "two words"},
        {"api_secret": ""},
    ],
)
def test_what_cannot_be_is_named(given: dict[str, Any]) -> None:
    """A ConfigError that does not show the secret."""
    with pytest.raises(ConfigError) as caught:
        ADAPTER.open(checked(**given))
    assert "twilio" in caught.value.message
    assert CANARY not in f"{caught.value!r} {caught.value.hint}"
