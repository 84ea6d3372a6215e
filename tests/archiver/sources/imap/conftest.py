"""Mail servers, and sources of their folders."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from support.faultproxy import FaultProxy
from support.mail_servers import MailServer, dovecot_is_here
from support.mailboxes import Bench


@pytest.fixture(scope="session", params=["pymap", "dovecot"])
def server(request: pytest.FixtureRequest) -> Iterator[MailServer]:
    """A mail server."""
    if request.param == "dovecot" and not dovecot_is_here():
        pytest.skip("Dovecot is not installed here (Debian: dovecot-imapd), or not started by root")
    with MailServer(request.param) as server:
        yield server


@pytest.fixture
async def bench(server: MailServer) -> AsyncIterator[Bench]:
    """A folder of its own."""
    async with FaultProxy(f"127.0.0.1:{server.port}") as proxy:
        bench = Bench(server, proxy)
        yield bench
        await bench.close()
