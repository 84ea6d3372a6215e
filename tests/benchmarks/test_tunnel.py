"""Clients whose hosts are fixed, through the tunnel into the sandbox: they must not notice, and must not get anywhere else."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from benchmarks.tunnel import Certificates, Tunnel, certify, environment_through
from dropbox import Dropbox, create_session

from archiver.sandbox import Account, Limits, Sandbox


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of Dropbox's hosts, by an authority of our own."""
    return certify(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def sandbox(certificates: Certificates) -> AsyncIterator[Sandbox]:
    """With HTTPS in Dropbox's name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    async with Sandbox(tls=context) as sandbox:
        yield sandbox


@pytest.fixture
async def tunnel(sandbox: Sandbox) -> AsyncIterator[Tunnel]:
    """Into the sandbox."""
    async with Tunnel(sandbox.tls_url) as tunnel:
        yield tunnel


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    """With a limit that is met, so that a foreign client's patience is tried too."""
    return sandbox.add_account("airline", Limits(calls_per_second=20, burst=4, retry_after=1))


async def rclone(tunnel: Tunnel, certificates: Certificates, account: Account, folder: Path, *flags: str) -> tuple[int | None, str]:
    """Real rclone copies a folder; its exit code and what it said."""
    config = folder.parent / "rclone.conf"
    token = json.dumps({"access_token": account.access_token, "token_type": "bearer", "expiry": "2099-01-01T00:00:00Z"})
    config.write_text(f"[airline]\ntype = dropbox\ntoken = {token}\n")
    command = [str(Path(sys.executable).with_name("rclone")), "copy", str(folder), "airline:/Archive", "--config", str(config), *flags]
    process = await asyncio.create_subprocess_exec(
        *command,
        *("--ca-cert", str(certificates.authority)),
        env=environment_through(tunnel.url, os.environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.scenario
@pytest.mark.parametrize("mode", ["sync", "off"])
async def test_rclone_copies_a_folder(
    *, sandbox: Sandbox, tunnel: Tunnel, certificates: Certificates, account: Account, tmp_path: Path, mode: str
) -> None:
    """Untouched, in batches and one by one; a second run has nothing to do."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(12):
        (folder / f"call {number}.wav").write_bytes(os.urandom(3000))
    code, said = await rclone(tunnel, certificates, account, folder, "--transfers", "8", "--dropbox-batch-mode", mode)
    assert code == 0, said
    ledger = sandbox.ledger()
    assert sorted(file.path for file in ledger.files) == sorted(f"/Archive/call {number}.wav" for number in range(12))
    assert {file.size for file in ledger.files} == {3000}
    code, said = await rclone(tunnel, certificates, account, folder)
    assert code == 0, said
    assert sandbox.ledger().files == ledger.files
    assert set(tunnel.connections) == {"api.dropboxapi.com", "content.dropboxapi.com"}
    assert not tunnel.refused


async def test_dropbox_s_own_package_passes(
    sandbox: Sandbox, tunnel: Tunnel, certificates: Certificates, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given a proxy and an authority, and nothing else."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    session = create_session(proxies={"https": tunnel.url}, ca_certs=str(certificates.authority))
    with Dropbox(account.access_token, session=session) as client:
        await asyncio.to_thread(client.files_upload, b"sound", "/a.wav")
    assert [file.path for file in sandbox.ledger().files] == ["/a.wav"]


async def test_nothing_leaves_this_machine(tunnel: Tunnel) -> None:
    """Other hosts, other ports and plain requests are refused."""
    async with aiohttp.ClientSession() as http:
        for url in ("https://example.com/", "https://api.dropboxapi.com:444/"):
            with pytest.raises(aiohttp.ClientHttpProxyError) as caught:
                await http.get(url, proxy=tunnel.url)
            assert caught.value.status == 403
        async with http.get("http://api.dropboxapi.com/", proxy=tunnel.url) as reply:
            assert reply.status == 403
    assert tunnel.refused == {"example.com", ""}
    assert not tunnel.connections


async def test_it_ends_with_connections_open(sandbox: Sandbox) -> None:
    """Nobody is waited for."""
    async with Tunnel(sandbox.tls_url) as tunnel:
        port = int(tunnel.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"CONNECT api.dropboxapi.com:443 HTTP/1.1\r\n\r\n")
        assert b"200" in await reader.readuntil(b"\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
