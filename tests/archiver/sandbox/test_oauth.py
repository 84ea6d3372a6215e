"""The OAuth 2 endpoints, as a client walks through them."""

from __future__ import annotations

import base64
import hashlib
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest

from archiver.sandbox import Fault
from support.dropbox_client import Client

VERIFIER = "verifier-" * 6


async def authorise(client: Client, **further: str) -> str:
    """Says yes, and gives the code that the redirect carries."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": client.account.app_key,
        "redirect_uri": "http://127.0.0.1/done?x=1",
        "state": "st",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "token_access_type": "offline",
        **further,
    }
    reply = await client.send("GET", f"/oauth2/authorize?{urlencode(query)}")
    assert reply.status == 302
    answer = parse_qs(urlsplit(reply.headers["Location"]).query)
    assert (answer["state"], answer["x"]) == (["st"], ["1"])
    return answer["code"][0]


async def test_a_code_becomes_an_authorisation_of_the_account(client: Client) -> None:
    """With PKCE no secret is needed; the refresh token stays the same over refreshes."""
    client.sandbox.add_account("bakery")
    form = {
        "grant_type": "authorization_code",
        "code": await authorise(client, account="bakery"),
        "code_verifier": VERIFIER,
        "redirect_uri": "http://127.0.0.1/done?x=1",
        "client_id": client.account.app_key,
    }
    reply = await client.send("POST", "/oauth2/token", data=form)
    token = reply.json
    assert (token["token_type"], token["expires_in"]) == ("bearer", 14400)
    assert token["account_id"] == client.sandbox.world.accounts["bakery"].line.account_id
    client.account = msgspec.structs.replace(client.account, access_token=token["access_token"])
    account = (await client.rpc("users/get_current_account", None)).json
    assert account["email"] == "bakery@example.com"
    refresh = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"], "client_id": client.account.app_key}
    for _ in range(2):
        again = (await client.send("POST", "/oauth2/token", data=refresh)).json
        assert again.keys() == {"access_token", "token_type", "expires_in"}
    assert (await client.send("POST", "/oauth2/token", data=form)).json["error"] == "invalid_grant"


async def test_without_pkce_the_secret_is_needed(client: Client) -> None:
    """In the form or in the header."""
    query = {"response_type": "code", "client_id": client.account.app_key}
    app = base64.b64encode(f"{client.account.app_key}:{client.account.app_secret}".encode()).decode()
    for form, headers, status in (
        ({"client_id": client.account.app_key}, {}, 400),
        ({"client_id": client.account.app_key, "client_secret": client.account.app_secret}, {}, 200),
        ({}, {"Authorization": f"Basic {app}"}, 200),
        ({}, {"Authorization": "Basic ###"}, 400),
        ({"client_id": client.account.app_key, "client_secret": "wrong"}, {}, 400),
        ({"client_id": "unknown"}, {}, 400),
    ):
        code = (await client.send("GET", f"/oauth2/authorize?{urlencode(query)}")).body.decode()
        exchange = {"grant_type": "authorization_code", "code": code, **form}
        assert (await client.send("POST", "/oauth2/token", data=exchange, headers=headers)).status == status


@pytest.mark.parametrize("query", [{}, {"client_id": "other", "response_type": "code"}, {"account": "nobody"}])
async def test_the_page_wants_the_right_parameters(client: Client, query: dict[str, str]) -> None:
    """Else it is 400."""
    if "account" in query:
        query = {"client_id": client.account.app_key, "response_type": "code", **query}
    assert (await client.send("GET", f"/oauth2/authorize?{urlencode(query)}")).status == 400


async def test_other_grants_do_not_exist(client: Client) -> None:
    """There are two."""
    form = {"grant_type": "password", "client_id": client.account.app_key}
    assert (await client.send("POST", "/oauth2/token", data=form)).json["error"] == "unsupported_grant_type"


async def test_the_token_endpoint_can_fail_too(client: Client) -> None:
    """By script, with the route ``oauth2/token``."""
    client.sandbox.add_fault(Fault(action="reply", route="oauth2/token", status=503))
    form = {"grant_type": "refresh_token", "refresh_token": client.account.refresh_token, "client_id": client.account.app_key}
    assert (await client.send("POST", "/oauth2/token", data=form)).status == 503
    assert (await client.send("POST", "/oauth2/token", data=form)).status == 200


async def test_a_person_is_asked_for_whom(client: Client) -> None:
    """A browser gets a page with a link for each account; it leads to the same redirect as a program's question with that account."""
    client.sandbox.add_account("bakery & sons")
    query = urlencode({"response_type": "code", "client_id": client.account.app_key, "redirect_uri": "http://127.0.0.1/done"})
    page = await client.send("GET", f"/oauth2/authorize?{query}", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.status == 200
    assert "Yes, for bakery &amp; sons" in page.body.decode()
    (link,) = (part for part in page.body.decode().split('"') if part.startswith("?") and "bakery" in part)
    answer = await client.send("GET", f"/oauth2/authorize{unescape(link)}", headers={"Accept": "text/html"})
    assert answer.status == 302
    assert answer.headers["Location"].startswith("http://127.0.0.1/done?code=")
