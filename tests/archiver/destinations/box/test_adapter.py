"""Options, what they become, and how an account is linked."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from archiver.adapter import check_options
from archiver.destinations.box import ADAPTER
from archiver.destinations.port import Context, Unpaced
from archiver.errors import ConfigError, ReconnectNeededError
from archiver.oauth import Endpoint, Linkable, authorize_url, code_form, new_pkce, revoke
from genstage.clock import SystemClock

LINKED = {"client_id": "id", "client_secret": "CANARY", "refresh_token": "CANARY"}


def checked(**given: Any) -> dict[str, Any]:
    """Options as the registry gives them."""
    return check_options("box", ADAPTER.options, given)


class Kept:
    """What the vault would have."""

    def __init__(self, account: Any) -> None:
        self.account = account
        self.tokens = {"refresh_token": account.login.refresh_token}
        self.calls: list[int] = []

    async def read(self) -> dict[str, str]:
        """What is kept."""
        return self.tokens

    async def replace(self, name: str, old: str, new: str) -> bool:
        """Keeps another one."""
        assert self.tokens[name] == old
        self.tokens = {name: new}
        self.calls.append(self.account.calls("users.me"))
        return True


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "refresh_token"),
        ({"refresh_token": "CANARY"}, "client_id"),
        ({"refresh_token": "CANARY", "client_id": "id"}, "client_secret"),
        ({**LINKED, "api_url": "http://example.com"}, "api_url"),
        ({**LINKED, "folder_id": "CANARY/../x"}, "folder_id"),
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


def test_where_an_account_is_linked() -> None:
    """People say yes at one host, tokens come from another, content goes to a third."""
    assert isinstance(ADAPTER, Linkable)
    provider = ADAPTER.link(checked(client_id="id")).provider
    assert provider.authorize_url == "https://account.box.com/api/oauth2/authorize"
    assert provider.token_url == "https://api.box.com/oauth2/token"
    assert provider.revoke_url == "https://api.box.com/oauth2/revoke"
    assert provider.single_use
    with pytest.raises(ConfigError, match="client_id"):
        ADAPTER.link(checked())


async def test_an_account_is_linked_and_leave_is_given_back(account: Any) -> None:
    """From the page through the code to a destination that works, as the product's own parts do it; and out again."""
    login = account.login
    link = ADAPTER.link(checked(client_id=login.client_id, client_secret=login.client_secret, api_url=account.box.url))
    pkce = new_pkce()
    url = authorize_url(link.provider, client_id=link.client_id, redirect_uri="http://localhost:1/", state="s", challenge=pkce.challenge)
    _, _, headers = await account.client.call("GET", url)
    back = parse_qs(urlsplit(headers["Location"]).query)
    endpoint = Endpoint(account.http, SystemClock(), link.provider, client_id=link.client_id, client_secret=link.client_secret)
    answer = await endpoint.ask(code_form(back["code"][0], redirect_uri="http://localhost:1/", verifier=pkce.verifier))
    assert (await account.open(access_token=answer.access_token).ping()).name == "acme@sandbox.test"
    assert await revoke(account.http, SystemClock(), link, answer.refresh_token)
    assert not await revoke(account.http, SystemClock(), link, answer.refresh_token)
    with pytest.raises(ReconnectNeededError):
        await account.open(access_token=answer.access_token).ping()


async def test_each_refresh_token_is_kept_before_it_is_used(account: Any) -> None:
    """A refresh token works once: its successor is stored before the first call that the access token opens."""
    secrets = Kept(account)
    await account.open_linked(secrets=secrets).ping()
    assert secrets.calls == [0]
    assert secrets.tokens["refresh_token"] not in {"", account.login.refresh_token}
    await account.open_linked(secrets=secrets).ping()
    assert secrets.calls == [0, 1], "what is stored counts, not the old one that it was opened with"


async def test_a_refresh_token_that_was_used_is_void(account: Any) -> None:
    """Without a place where its successor is kept, the link is lost: a person must connect again."""
    account.box.grants.trade({"grant_type": "refresh_token", **_client(account), "refresh_token": account.login.refresh_token}, 0.0)
    account.box.expire("acme")
    with pytest.raises(ReconnectNeededError):
        await account.open_linked().ping()


def _client(account: Any) -> dict[str, str]:
    return {"client_id": account.login.client_id, "client_secret": account.login.client_secret}
