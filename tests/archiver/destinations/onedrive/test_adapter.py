"""Options, what they become, and how an account is linked."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from archiver.adapter import check_options
from archiver.destinations.onedrive import ADAPTER
from archiver.destinations.port import Context, Unpaced
from archiver.errors import ConfigError
from archiver.oauth import Endpoint, Linkable, authorize_url, code_form, new_pkce
from genstage.clock import SystemClock

LINKED = {"client_id": "id", "refresh_token": "CANARY"}


def checked(**given: Any) -> dict[str, Any]:
    """Options as the registry gives them."""
    return check_options("onedrive", ADAPTER.options, given)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "refresh_token"),
        ({"refresh_token": "CANARY"}, "client_id"),
        ({**LINKED, "api_url": "http://example.com"}, "api_url"),
        ({**LINKED, "drive_id": "CANARY/../x"}, "drive_id"),
        ({**LINKED, "tenant": "../CANARY"}, "tenant"),
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
    """The account's own files; those of others only for a library. National clouds have places of their own to log in."""
    assert isinstance(ADAPTER, Linkable)
    own, library = ADAPTER.link(checked(client_id="id")), ADAPTER.link(checked(client_id="id", drive_id="b!x", tenant="contoso.com"))
    assert own.provider.scopes == ("Files.ReadWrite", "User.Read", "offline_access")
    assert own.provider.token_url == "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    assert library.provider.scopes == ("Files.ReadWrite.All", "User.Read", "offline_access")
    assert "/contoso.com/" in library.provider.authorize_url
    government = ADAPTER.link(checked(client_id="id", api_url="https://graph.microsoft.us"))
    assert government.provider.authorize_url.startswith("https://login.microsoftonline.us/")
    with pytest.raises(ConfigError, match="client_id"):
        ADAPTER.link(checked())


async def test_an_account_is_linked(box: Any) -> None:
    """From the page through the code to a destination that works, as the product's own parts do it."""
    link = ADAPTER.link(checked(client_id=box.login.client_id, client_secret=box.login.client_secret, api_url=box.onedrive.url))
    pkce = new_pkce()
    url = authorize_url(link.provider, client_id=link.client_id, redirect_uri="http://localhost:1/", state="s", challenge=pkce.challenge)
    _, _, headers = await box.client.call("GET", url)
    back = parse_qs(urlsplit(headers["Location"]).query)
    endpoint = Endpoint(box.http, SystemClock(), link.provider, client_id=link.client_id, client_secret=link.client_secret)
    answer = await endpoint.ask(code_form(back["code"][0], redirect_uri="http://localhost:1/", verifier=pkce.verifier))
    assert (await box.open_linked(refresh_token=answer.refresh_token).ping()).name == "acme@sandbox.test"


async def test_each_refresh_token_is_kept_before_it_is_used(box: Any) -> None:
    """Microsoft gives another one with each use: it is stored before the first call that its access token opens."""

    class Kept:
        """What the vault would have."""

        def __init__(self) -> None:
            self.tokens = {"refresh_token": box.login.refresh_token}
            self.calls: list[int] = []

        async def read(self) -> dict[str, str]:
            """What is kept."""
            return self.tokens

        async def replace(self, name: str, old: str, new: str) -> bool:
            """Keeps another one."""
            assert self.tokens[name] == old
            self.tokens = {name: new}
            self.calls.append(box.calls("drive.get"))
            return True

    secrets = Kept()
    await box.open_linked(secrets=secrets).ping()
    assert secrets.calls == [0]
    assert secrets.tokens["refresh_token"] not in {"", box.login.refresh_token}
    await box.open_linked(secrets=secrets).ping()
