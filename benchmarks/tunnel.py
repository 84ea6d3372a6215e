"""How a client whose hosts are fixed reaches the sandbox: a CONNECT proxy on loopback, and an authority of the test's own.

Real rclone and Dropbox's own package know `api.dropboxapi.com` and speak nothing but HTTPS. They are told of a proxy and of an
authority, as they would be in any company's network, and are otherwise untouched. The proxy opens what is addressed to the cloud's hosts
into the sandbox's HTTPS port and refuses everything else, so nothing ever leaves this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import msgspec
import trustme

__all__ = ["BOX_HOSTS", "DROPBOX_HOSTS", "GOOGLE_HOSTS", "MICROSOFT_HOSTS", "Certificates", "Tunnel", "certify", "environment_through"]

BOX_HOSTS = ("api.box.com", "upload.box.com", "app.box.com", "account.box.com")
DROPBOX_HOSTS = ("api.dropboxapi.com", "content.dropboxapi.com", "notify.dropboxapi.com", "api.dropbox.com", "www.dropbox.com")
GOOGLE_HOSTS = ("www.googleapis.com", "oauth2.googleapis.com", "accounts.google.com")
MICROSOFT_HOSTS = ("graph.microsoft.com", "login.microsoftonline.com")
_HOST = "127.0.0.1"
_PIECE_BYTES = 256 * 1024
_HEAD_SECONDS = 10.0
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Where they are set, these beat the authority that a client is given."""


class Certificates(msgspec.Struct, frozen=True):
    """Files in PEM.

    Attributes:
        authority: What a client must trust.
        chain: The server's certificate for every one of the cloud's hosts and for this machine …
        key: … and its key.
    """

    authority: Path
    chain: Path
    key: Path


def certify(directory: Path, hosts: Collection[str] = DROPBOX_HOSTS) -> Certificates:
    """Makes an authority, and a certificate of it in the name of a cloud's hosts."""
    authority = trustme.CA()
    server = authority.issue_cert(*hosts, _HOST)
    made = Certificates(directory / "authority.pem", directory / "server.pem", directory / "server.key")
    authority.cert_pem.write_to_path(str(made.authority))
    made.chain.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    server.private_key_pem.write_to_path(str(made.key))
    return made


def environment_through(proxy: str, environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for a client's process: through the proxy, and trusting only what it is told to trust."""
    kept = {name: value for name, value in environment.items() if name not in _CERTIFICATE_VARIABLES and name.lower() != "no_proxy"}
    return kept | {"HTTPS_PROXY": proxy, "https_proxy": proxy}


class Tunnel:
    """``async with Tunnel(sandbox.tls_url) as tunnel`` serves at ``tunnel.url`` until the block ends.

    Args:
        tls_url: The sandbox's.
        hosts: Those of the cloud that it is.

    Attributes:
        url: The proxy's address.
        connections: How many were opened, by host.
        refused: Hosts that somebody wanted and did not get.
    """

    def __init__(self, tls_url: str, hosts: Collection[str] = DROPBOX_HOSTS) -> None:
        self.url = ""
        self.connections: dict[str, int] = {}
        self.refused: set[str] = set()
        self._port = urlsplit(tls_url).port
        self._hosts = frozenset(hosts)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._empty = asyncio.Event()  # no connection is open
        self._empty.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, _HOST, 0, backlog=256)
        self.url = f"http://{_HOST}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.close()
            await self._server.wait_closed()
            await self._empty.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._empty.clear()
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            host = _wanted(head)
            if host not in self._hosts:
                self.refused.add(host)
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                return
            self.connections[host] = self.connections.get(host, 0) + 1
            await self._connect(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # somebody went away; there is nobody left to tell
        finally:
            self._writers.discard(writer)
            writer.close()
            if not self._writers:
                self._empty.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sandbox_reader, sandbox_writer = await asyncio.open_connection(_HOST, self._port)
        self._writers.add(sandbox_writer)
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with asyncio.TaskGroup() as group:
                group.create_task(_pipe(reader, sandbox_writer))
                group.create_task(_pipe(sandbox_reader, writer))
        finally:
            self._writers.discard(sandbox_writer)
            sandbox_writer.close()


def _wanted(head: bytes) -> str:
    """The host of ``CONNECT host:443 HTTP/1.1``; other requests want a host that is not there."""
    method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
    target = rest.partition(b" ")[0].decode("latin-1")
    return target.rpartition(":")[0].lower() if method == b"CONNECT" and target.endswith(":443") else ""


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(_PIECE_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()  # both directions end together: TLS has said its goodbye already
