"""Options, what they become, and how an account is linked."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from archiver.adapter import check_options
from archiver.destinations.google_drive import ADAPTER
from archiver.destinations.port import Context, Unpaced
from archiver.errors import ConfigError
from archiver.oauth import Endpoint, Linkable, authorize_url, code_form, new_pkce
from genstage.clock import SystemClock

LINKED = {"client_id": "id", "client_secret": "CANARY", "refresh_token": "CANARY"}


def checked(**given: Any) -> dict[str, Any]:
    """Options as the registry gives them."""
    return check_options("google_drive", ADAPTER.options, given)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "refresh_token"),
        ({"refresh_token": "CANARY"}, "client_id"),
        ({"refresh_token": "CANARY", "client_id": "id"}, "client_secret"),
        ({**LINKED, "api_url": "http://example.com"}, "api_url"),
        ({**LINKED, "shared_drive": "CANARY?"}, "shared_drive"),
        ({**LINKED, "folder_id": "../CANARY"}, "folder_id"),
        ({"access_token": "CANARY\nEvil: header"}, "access_token"),
    ],
)
async def test_what_cannot_work_is_said_and_no_value_is_shown(given: dict[str, Any], word: str) -> None:
    """The option is named."""
    with pytest.raises(ConfigError, match=word) as error:
        ADAPTER.open(checked(**given), Context(pace=Unpaced(), clock=SystemClock()))
    assert "CANARY" not in str(error.value) + error.value.hint


async def test_it_needs_an_http_session() -> None:
    """A mistake of whoever opens it, said at once."""
    with pytest.raises(ConfigError, match="HTTP session"):
        ADAPTER.open(checked(**LINKED), Context(pace=Unpaced(), clock=SystemClock()))


def test_linking_asks_for_no_more_than_it_needs() -> None:
    """The files that we make; everything only for a shared drive or somebody's folder. The secret is wanted in any case."""
    assert isinstance(ADAPTER, Linkable)
    narrow, wide = ADAPTER.link(checked(**LINKED)), ADAPTER.link(checked(**LINKED, shared_drive="0AABCDEFGH"))
    assert narrow.provider.scopes == ("https://www.googleapis.com/auth/drive.file",)
    assert wide.provider.scopes == ("https://www.googleapis.com/auth/drive",)
    assert narrow.provider.authorize_url.startswith("https://accounts.google.com/")
    assert "CANARY" not in repr(narrow)
    with pytest.raises(ConfigError, match="client_secret"):
        ADAPTER.link(checked(client_id="id"))


async def test_an_account_is_linked(box: Any) -> None:
    """From the page through the code to a destination that works, as the product's own parts do it."""
    link = ADAPTER.link(checked(client_id=box.login.client_id, client_secret=box.login.client_secret, api_url=box.drive.url))
    pkce = new_pkce()
    url = authorize_url(link.provider, client_id=link.client_id, redirect_uri="http://localhost:1/", state="s", challenge=pkce.challenge)
    _, _, headers = await box.client.call("GET", url)
    back = parse_qs(urlsplit(headers["Location"]).query)
    endpoint = Endpoint(box.http, SystemClock(), link.provider, client_id=link.client_id, client_secret=link.client_secret)
    answer = await endpoint.ask(code_form(back["code"][0], redirect_uri="http://localhost:1/", verifier=pkce.verifier))
    assert answer.scope == link.provider.scopes[0]
    assert (await box.open_linked(refresh_token=answer.refresh_token).ping()).name == "acme@sandbox.test"
