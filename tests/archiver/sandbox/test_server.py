"""The sandbox as a server: what goes wrong on the wire, HTTPS, the ledger, and the end."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import aiohttp
import pytest

from archiver.sandbox import Fault, Limits, Sandbox
from archiver.sandbox.ledger import decode_ledger
from support.dropbox_client import Client


async def test_a_lost_answer_was_carried_out(client: Client) -> None:
    """The client sees a cut connection; the storage has the file."""
    client.sandbox.add_fault(Fault(action="lose_answer", route="files/upload"))
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.upload("/a", b"sound")
    assert [file.path for file in client.sandbox.ledger().files] == ["/a"]
    assert (await client.upload("/a", b"sound")).status == 200


async def test_a_request_is_cut_in_its_middle(client: Client) -> None:
    """Nothing was done."""
    client.sandbox.add_fault(Fault(action="cut_request", after_bytes=100_000))
    with pytest.raises(aiohttp.ClientError):
        await client.upload("/a", b"x" * 20_000_000)
    assert not client.sandbox.ledger().files
    assert (await client.upload("/a", b"x")).status == 200


async def test_an_answer_is_cut_in_its_middle(client: Client) -> None:
    """The head and some bytes arrive; the work was done."""
    client.sandbox.add_fault(Fault(action="cut_response", after_bytes=20))
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.upload("/a", b"sound")
    assert len(client.sandbox.ledger().files) == 1


async def test_answers_are_slow_late_or_never_there(client: Client) -> None:
    """A slow one is whole in the end, a late one too; a stalled one is the client's to give up."""
    client.sandbox.add_fault(Fault(action="slow", seconds=0.01), Fault(action="delay", seconds=0.01, nth=2))
    assert (await client.upload("/a", b"sound")).json["size"] == 5
    assert (await client.upload("/a", b"sound")).json["size"] == 5
    client.sandbox.add_fault(Fault(action="stall"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.upload("/b", b"sound")
    assert [file.path for file in client.sandbox.ledger().files] == ["/a"]


async def test_latency_delays_every_call(client: Client) -> None:
    """Calls wait beside each other, not after each other."""
    client.sandbox.set_limits("airline", latency=0.2)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(client.upload(f"/{number}", b""))
    assert 0.19 < loop.time() - begin < 1.5


async def test_a_client_that_goes_away_leaves_nothing(client: Client) -> None:
    """Half a request is no file, and no error of the sandbox."""
    port = int(client.sandbox.url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST /2/files/upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {client.account.access_token}\r\n"
        'Content-Type: application/octet-stream\r\nDropbox-API-Arg: {"path": "/a"}\r\nContent-Length: 1000\r\n\r\n'
    )
    writer.write(head.encode() + b"x" * 500)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await client.upload("/b", b"")).status == 200
    assert [file.path for file in client.sandbox.ledger().files] == ["/b"]


async def test_the_ledger_is_streamed(client: Client) -> None:
    """It is the same over HTTP."""
    for number in range(3):
        await client.upload(f"/{number}", b"sound")
    reply = await client.send("GET", "/sandbox/ledger")
    assert decode_ledger(reply.body) == client.sandbox.ledger()


async def test_unknown_pages_are_not_found(client: Client) -> None:
    """In HTML, as a web host has it."""
    reply = await client.send("GET", "/")
    assert (reply.status, reply.headers["Content-Type"]) == (404, "text/html")


async def test_https_is_served_beside_http(http: aiohttp.ClientSession, authority: tuple[ssl.SSLContext, Path]) -> None:
    """With the context that was given."""
    server_context, certificate = authority
    async with Sandbox(tls=server_context) as sandbox:
        trust = ssl.create_default_context(cafile=str(certificate))
        async with http.get(f"{sandbox.tls_url}/sandbox/stats", ssl=trust) as response:
            assert response.status == 200
        assert sandbox.url.startswith("http://127.0.0.1:")


async def test_a_sandbox_goes_on_where_another_ended(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    """Accounts, limits, authorisations, files and counts are kept; sessions are not."""
    async with Sandbox(state=tmp_path) as sandbox:
        client = Client(sandbox, sandbox.add_account("airline", Limits(calls_per_second=100, burst=100)), http)
        await client.upload("/a", b"one")
        await client.upload("/a", b"two", mode="overwrite")
        session = await client.start(b"x", close=True)
        sandbox.set_limits("airline", calls_per_second=50)
        before = sandbox.ledger()
    async with Sandbox(state=tmp_path) as sandbox:
        client = Client(sandbox, client.account, http)
        after = sandbox.ledger()
        assert after.files == before.files
        assert after.accounts["airline"].calls == before.accounts["airline"].calls
        assert (await client.upload("/a", b"two")).json["rev"] == before.files[0].rev
        assert (await client.content("files/download", {"path": "/a"})).body == b"two"
        reply = await client.finish_batch((session, 1, "/b"))
        assert reply.json["entries"][0]["failure"]["lookup_failed"] == {".tag": "not_found"}
        assert sandbox.world.accounts["airline"].limits.calls_per_second == 50


async def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    """And a sandbox that never listened can be closed."""
    sandbox = Sandbox(state=tmp_path)
    await sandbox.close()
    await sandbox.close()
    async with Sandbox() as other:
        await other.close()
