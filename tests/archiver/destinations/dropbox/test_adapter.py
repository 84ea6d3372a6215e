"""The options of a Dropbox."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from archiver.adapter import check_options
from archiver.destinations.conformance import put, receipt_of, whole
from archiver.destinations.dropbox import ADAPTER, DropboxDestination
from archiver.destinations.port import Context, Unpaced
from archiver.errors import ConfigError
from genstage.clock import SystemClock


@pytest.fixture
async def open_with() -> Any:
    """Opens from text, as the command line does."""
    async with aiohttp.ClientSession() as http:

        def opened(**given: str) -> DropboxDestination:
            return ADAPTER.open(check_options("dropbox", ADAPTER.options, given), Context(pace=Unpaced(), clock=SystemClock(), http=http))

        yield opened


def test_secrets_are_declared() -> None:
    """What must be sealed says so, and nothing else does."""
    assert {option.name for option in ADAPTER.options if option.secret} == {"app_secret", "refresh_token", "access_token"}


@pytest.mark.parametrize(("root", "prefix"), [("/", ""), ("", ""), ("Archive", "/Archive"), ("/A/B/", "/A/B")])
async def test_the_root(open_with: Any, root: str, prefix: str) -> None:
    """With or without slashes it is the same folder."""
    assert repr(open_with(root=root, access_token="t")) == f"DropboxDestination(root={prefix!r})"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"refresh_token": "CANARY"},
        {"access_token": "CANARY", "api_url": "http://dropbox.example"},
        {"access_token": "CANARY", "api_url": "ftp://127.0.0.1"},
        {"access_token": "CANARY", "content_url": "http://10.0.0.1"},
        {"access_token": "CANARY", "api_url": "https://"},
        {"access_token": "CANARY\nInjected: 1"},
        {"access_token": "t", "select_user": "dbmid:CANARY é"},
    ],
)
async def test_what_cannot_work_is_said_at_once(open_with: Any, given: dict[str, str]) -> None:
    """Missing credentials, and tokens over plain HTTP; no value is shown."""
    with pytest.raises(ConfigError) as caught:
        open_with(**given)
    assert "CANARY" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://dropbox.example"])
async def test_addresses_that_keep_secrets(open_with: Any, url: str) -> None:
    """TLS, or this machine."""
    open_with(access_token="t", api_url=url)


async def test_pasted_blanks_are_no_part_of_a_token(box: Any) -> None:
    """A line break at the end of a pasted token does no harm."""
    destination = box.open(access_token=f" {box.account.access_token}\n")
    assert (await destination.ping()).name


def test_no_session_no_dropbox() -> None:
    """The destination needs the process's HTTP session."""
    with pytest.raises(ConfigError):
        ADAPTER.open(check_options("dropbox", ADAPTER.options, {"access_token": "t"}), Context(pace=Unpaced(), clock=SystemClock()))


async def test_the_root_stands_before_every_path(box: Any) -> None:
    """What is put lies under the root, and the receipt says where."""
    destination = box.open(root="/Calls/2024")
    receipt = receipt_of((await put(destination, [whole(1, b"x", "/a.wav")]))[1], b"x")
    assert receipt.path == "/Calls/2024/a.wav"


async def test_a_member_of_a_team(box: Any) -> None:
    """With a team's token the calls are for the member whose Dropbox it is."""
    member = box.sandbox.add_account("member", team="airline")
    destination = box.open(access_token=member.access_token, select_user=member.select_user)
    receipt_of((await put(destination, [whole(1, b"x")]))[1], b"x")
    assert [file.account for file in box.sandbox.ledger().files] == ["member"]


async def test_a_wrong_path_root(box: Any) -> None:
    """A namespace that is not the account's parks the lane, with a word about the option."""
    destination = box.open(path_root="999999")
    outcome = (await put(destination, [whole(1, b"x")]))[1]
    assert outcome.state == "misconfigured"
    assert "path root" in outcome.reason


def test_a_dropbox_is_linked_on_its_page() -> None:
    """The application's key is needed, its secret is not; the page and the token endpoint are Dropbox's, or those of a test."""
    link = ADAPTER.link({"app_key": " key "})
    assert (link.client_id, link.client_secret, link.option) == ("key", "", "refresh_token")
    assert link.provider.authorize_url == "https://www.dropbox.com/oauth2/authorize"
    assert link.provider.token_url == "https://api.dropboxapi.com/oauth2/token"
    local = ADAPTER.link({"app_key": "key", "app_secret": "canary", "api_url": "http://127.0.0.1:1"})
    assert local.provider.authorize_url == "http://127.0.0.1:1/oauth2/authorize"
    assert "canary" not in repr(local)
    with pytest.raises(ConfigError, match="app_key"):
        ADAPTER.link({})
