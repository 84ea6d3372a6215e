"""The hands behind the scenes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver.sandbox import Account
from archiver.sandbox.admin import _PAGES
from support.dropbox_client import Client


async def ask(client: Client, method: str, page: str, body: Any = None) -> tuple[int, Any]:
    """Status, and the answer if it is JSON."""
    reply = await client.send(method, f"/sandbox/{page}", data=None if body is None else msgspec.json.encode(body))
    return reply.status, reply.json if reply.headers["Content-Type"] == "application/json" else reply.body.decode()


async def test_accounts_are_added_and_changed(client: Client) -> None:
    """With limits, a quota, and everything a client needs."""
    status, answer = await ask(client, "POST", "accounts", {"name": "bakery", "limits": {"calls_per_second": 2.5}, "quota_bytes": 7})
    assert status == 201
    client.account = msgspec.convert(answer, Account)
    assert (await client.upload("/a", b"x" * 8)).tags == "path/insufficient_space"
    assert (await ask(client, "PATCH", "accounts/bakery", {"limits": {"burst": 3}, "quota_bytes": 8}))[0] == 200
    _, accounts = await ask(client, "GET", "accounts")
    assert [(account["name"], account["limits"]["burst"], account["quota_bytes"]) for account in accounts[1:]] == [("bakery", 3, 8)]
    assert accounts[1]["limits"]["calls_per_second"] == 2.5


async def test_tokens_are_ended(client: Client) -> None:
    """For a while, or for good."""
    for change, tag in (("expire_tokens", "expired_access_token"), ("suspended", "user_suspended"), ("revoke", "invalid_access_token")):
        client.account = client.sandbox.add_account(change)
        assert (await ask(client, "PATCH", f"accounts/{change}", {change: True}))[0] == 200
        assert (await client.rpc("users/get_space_usage", None)).tags == tag


async def test_faults_are_set_looked_at_and_healed(client: Client) -> None:
    """One or several at a time."""
    assert (await ask(client, "POST", "faults", {"action": "reply", "status": 503}))[0] == 201
    assert (await ask(client, "POST", "faults", [{"action": "stall"}, {"action": "delay", "seconds": 1}]))[0] == 201
    _, faults = await ask(client, "GET", "faults")
    assert [fault["action"] for fault in faults] == ["reply", "stall", "delay"]
    assert (await client.rpc("users/get_space_usage", None)).status == 503
    assert await ask(client, "DELETE", "faults") == (200, [])
    assert (await client.rpc("users/get_space_usage", None)).status == 200


async def test_the_clock_is_pushed(client: Client) -> None:
    """Four hours on, the access token has ended."""
    assert (await ask(client, "POST", "clock", {"advance": 14_401}))[0] == 200
    assert (await client.rpc("users/get_space_usage", None)).tags == "expired_access_token"


async def test_stats_are_a_summary(client: Client) -> None:
    """Counts by account, without its files."""
    client.sandbox.set_limits("airline", calls_per_second=10, burst=5)
    await client.upload("/a", b"sound")
    _, stats = await ask(client, "GET", "stats")
    airline = stats["accounts"]["airline"]
    assert (airline["files"], airline["calls"], airline["admitted"], airline["refused"]) == (1, 1, 1, {})
    assert airline["permitted"] >= 5


@pytest.mark.parametrize(
    ("call", "body", "status", "words"),
    [
        ("POST accounts", {"name": "airline"}, 400, "name of its own"),
        ("POST accounts", {"name": "x", "limits": {"speed": 1}}, 400, "no such limit: speed"),
        ("POST accounts", {"nom": "x"}, 400, "nom"),
        ("PATCH accounts/nobody", {"quota_bytes": 1}, 404, "nobody"),
        ("PATCH accounts/airline", {"limits": {"burst": "many"}}, 400, "burst"),
        ("POST faults", {"action": "explode"}, 400, "explode"),
        ("POST clock", {"advance": -1}, 400, "forward"),
        ("POST clock", None, 400, "truncated"),
        ("GET unknown", None, 404, "no such page"),
    ],
)
async def test_what_cannot_be_done_is_said(client: Client, call: str, body: Any, status: int, words: str) -> None:
    """In plain text, naming what is wrong."""
    answer = await ask(client, *call.split(), body)
    assert answer[0] == status
    assert words in answer[1]


def test_every_page_is_documented() -> None:
    """The ledger, which is streamed, too."""
    page = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()
    documented = {(method, room, len(rest.split("/")) - 1) for method, room, rest in re.findall(r"`([A-Z]+) /sandbox/(\w+)(/?\w*)`", page)}
    assert documented == {*_PAGES, ("GET", "ledger", 0)}
