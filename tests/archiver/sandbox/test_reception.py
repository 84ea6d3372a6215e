"""The way of a call: who is refused when, and what the ledger says about it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from archiver.sandbox import Fault, Limits, Sandbox
from support.dropbox_client import Client

SPACE = "users/get_space_usage"


async def test_malformed_calls_are_400_in_plain_text(client: Client) -> None:
    """Unknown routes, arguments, content types; a header that is not ASCII."""
    authorised = {"Authorization": f"Bearer {client.account.access_token}"}
    octets = {**authorised, "Content-Type": "application/octet-stream"}
    attempts: list[tuple[str, dict[str, str], bytes]] = [
        ("files/unknown", authorised, b""),
        ("files/get_metadata", {**authorised, "Content-Type": "application/json"}, b"{"),
        ("files/get_metadata", {**authorised, "Content-Type": "application/json"}, b'{"path": "no slash"}'),
        ("files/get_metadata", {**authorised, "Content-Type": "text/html"}, b'{"path": "/a"}'),
        ("files/upload", {**authorised, "Content-Type": "application/json", "Dropbox-API-Arg": '{"path": "/a"}'}, b""),
        ("files/upload", octets, b""),
        ("files/upload", {**octets, "Dropbox-API-Arg": '{"path": "/ü"}'}, b""),
        ("files/upload", {"Content-Type": "application/octet-stream", "Dropbox-API-Arg": '{"path": "/a"}'}, b""),
        (SPACE, {**authorised, "Dropbox-API-Path-Root": "{"}, b""),
    ]
    for route, headers, body in attempts:
        reply = await client.send("POST", f"/2/{route}", data=body, headers=headers)
        assert (reply.status, reply.headers["Content-Type"]) == (400, "text/plain; charset=utf-8"), (route, headers, body)


async def test_headers_have_a_limit(client: Client) -> None:
    """A longer argument is 431; the next call is served."""
    long = "/" + "n" * 62_000
    reply = await client.upload(long, b"x" * 100_000)
    assert reply.status == 431
    assert (await client.rpc(SPACE, None)).status == 200
    async with Sandbox(header_bytes=2000) as sandbox:
        small = Client(sandbox, sandbox.add_account("airline"), client.http)
        assert (await small.upload("/" + "n" * 2000, b"")).status == 431


async def test_the_rate_is_the_accounts_own(client: Client) -> None:
    """One account's 429 is not another's; the body may be JSON or plain text."""
    client.sandbox.set_limits("airline", calls_per_second=0.001, burst=1, retry_after=15)
    assert (await client.rpc(SPACE, None)).status == 200
    reply = await client.rpc(SPACE, None)
    assert (reply.status, reply.headers["Retry-After"], reply.json["error"]["retry_after"]) == (429, "15", 15)
    client.sandbox.set_limits("airline", plain_text=True, retry_after=None)
    reply = await client.upload("/a", b"x" * 3_000_000)
    assert (reply.status, reply.headers["Content-Type"]) == (429, "text/plain; charset=utf-8")
    assert "Retry-After" not in reply.headers
    other = Client(client.sandbox, client.sandbox.add_account("bakery"), client.http)
    assert (await other.rpc(SPACE, None)).status == 200
    record = client.sandbox.ledger().accounts["airline"]
    assert (record.refused, record.admitted) == ({"too_many_requests": 2}, 1)
    assert record.calls == {SPACE: 2, "files/upload": 1}


async def test_calls_before_the_retry_after_is_over_are_counted(client: Client) -> None:
    """The ledger knows who does not wait."""
    client.sandbox.set_limits("airline", calls_per_second=0.001, burst=1, retry_after=15)
    await client.rpc(SPACE, None)
    await client.rpc(SPACE, None)
    for seconds, disobeyed in ((5, 1), (5, 2)):
        client.sandbox.world.clock.advance(seconds)
        await client.rpc(SPACE, None)
        assert client.sandbox.ledger().accounts["airline"].disobeyed == {"too_many_requests": disobeyed}
    client.sandbox.world.clock.advance(20)
    await client.rpc(SPACE, None)
    assert client.sandbox.ledger().accounts["airline"].disobeyed == {"too_many_requests": 2}


async def test_tokens_of_a_team_call_for_the_member_who_is_named(client: Client) -> None:
    """Limits and files are the member's."""
    members = [client.sandbox.add_account(name, Limits(calls_per_second=0.001), team="firm") for name in ("ann", "bob")]
    ann = Client(client.sandbox, members[0], client.http, {"Dropbox-API-Select-User": members[0].select_user})
    bob = Client(client.sandbox, members[0], client.http, {"Dropbox-API-Select-User": members[1].select_user})
    assert (await ann.upload("/a", b"")).status == 200
    assert (await ann.upload("/b", b"")).status == 429
    assert (await bob.upload("/b", b"")).status == 200
    assert [(file.account, file.path) for file in client.sandbox.ledger().files] == [("ann", "/a"), ("bob", "/b")]
    nobody = Client(client.sandbox, members[0], client.http)
    assert (await nobody.rpc(SPACE, None)).status == 400
    for account in (members[0], client.account):
        stranger = Client(client.sandbox, account, client.http, {"Dropbox-API-Select-User": "dbmid:stranger"})
        assert (await stranger.rpc(SPACE, None)).tags == "invalid_select_user"


async def test_a_path_root_must_be_the_accounts(client: Client) -> None:
    """Home, the right namespace, or 422."""
    account = (await client.rpc("users/get_current_account", None)).json
    own = account["root_info"]["root_namespace_id"]
    for root, status in (
        ({".tag": "home"}, 200),
        ({".tag": "root", "root": own}, 200),
        ({".tag": "namespace_id", "namespace_id": "7"}, 422),
    ):
        client.headers = {"Dropbox-API-Path-Root": msgspec.json.encode(root).decode()}
        reply = await client.rpc(SPACE, None)
        assert reply.status == status
    assert reply.json["error"]["invalid_root"]["root_namespace_id"] == own


async def test_a_suspended_user_is_401(client: Client) -> None:
    """Until he is back."""
    client.sandbox.world.change_account("airline", suspended=True)
    assert (await client.rpc(SPACE, None)).tags == "user_suspended"
    client.sandbox.world.change_account("airline", suspended=False)
    assert (await client.rpc(SPACE, None)).status == 200


async def test_a_too_large_body_is_not_read(client: Client) -> None:
    """More than 150 MiB are refused by their announced length."""
    headers = {
        "Authorization": f"Bearer {client.account.access_token}",
        "Content-Type": "application/octet-stream",
        "Dropbox-API-Arg": '{"path": "/a"}',
        "Content-Length": str(151 * 1024 * 1024),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    port = int(client.sandbox.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /2/files/upload HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 409")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            {"action": "reply", "status": 502, "body": "<html>Bad gateway</html>", "content_type": "text/html"},
            (502, b"<html>Bad gateway</html>"),
        ),
        (
            {"action": "reply", "status": 429, "headers": {"Retry-After": "7"}, "body": '{"error_summary": "too_many_requests/"}'},
            (429, None),
        ),
        ({"action": "expire_token"}, (401, None)),
        ({"action": "revoke"}, (401, None)),
    ],
)
async def test_scripted_answers_are_given_instead(client: Client, fault: dict[str, Any], expected: tuple[int, bytes | None]) -> None:
    """At the n-th call, and nothing is done."""
    client.sandbox.add_fault(Fault(route="files/upload", nth=2, **fault))
    assert (await client.upload("/a", b"")).status == 200
    reply = await client.upload("/b", b"")
    assert reply.status == expected[0]
    assert expected[1] in (None, reply.body)
    assert [file.path for file in client.sandbox.ledger().files] == ["/a"]


async def test_scripted_refusals_count_as_refusals(client: Client) -> None:
    """With their Retry-After."""
    client.sandbox.add_fault(Fault(action="reply", status=429, headers={"retry-after": "300"}, body="too_many_requests"))
    await client.rpc(SPACE, None)
    client.sandbox.world.clock.advance(100)
    await client.rpc(SPACE, None)
    record = client.sandbox.ledger().accounts["airline"]
    assert (record.refused, record.disobeyed) == ({"too_many_requests": 1}, {"too_many_requests": 1})


async def test_an_expired_token_is_refreshed_and_a_revoked_one_is_not(client: Client) -> None:
    """What a client must tell apart."""
    form = {"grant_type": "refresh_token", "refresh_token": client.account.refresh_token, "client_id": client.account.app_key}
    for action, tag, status in (("expire_token", "expired_access_token", 200), ("revoke", "invalid_access_token", 400)):
        client.sandbox.add_fault(msgspec.convert({"action": action}, Fault))
        assert (await client.rpc(SPACE, None)).tags == tag
        reply = await client.send("POST", "/oauth2/token", data=form)
        assert reply.status == status
        if status == 200:
            client.account = msgspec.structs.replace(client.account, access_token=reply.json["access_token"])
            assert (await client.rpc(SPACE, None)).status == 200


async def test_corrupt_content_shows_in_the_reply(client: Client) -> None:
    """The storage's own hash tells that it has other bytes."""
    client.sandbox.add_fault(Fault(action="corrupt", route="files/upload"))
    wrong = (await client.upload("/a", b"sound")).json
    right = (await client.upload("/b", b"sound")).json
    assert wrong["size"] == right["size"]
    assert wrong["content_hash"] != right["content_hash"]


async def test_entries_fail_by_script(client: Client) -> None:
    """Those that were chosen; their sessions stay valid."""
    sessions = [await client.start(b"x", close=True) for _ in range(3)]
    client.sandbox.add_fault(Fault(action="fail_entries", route="*finish_batch_v2", entries=(1,)))
    reply = await client.finish_batch(*((session, 1, f"/{session[-1]}") for session in sessions))
    assert [entry[".tag"] for entry in reply.json["entries"]] == ["success", "failure", "success"]
    assert reply.json["entries"][1]["failure"] == {".tag": "too_many_write_operations"}
    again = await client.finish_batch((sessions[1], 1, "/again"))
    assert again.json["entries"][0][".tag"] == "success"
