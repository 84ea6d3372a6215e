"""A folder of a real mail server, and sources of it."""

from __future__ import annotations

from itertools import count
from typing import Any

from archiver.adapter import check_options
from archiver.sources.imap import ADAPTER
from archiver.sources.port import Context, Source
from genstage.clock import Clock, SystemClock
from support.faultproxy import FaultProxy
from support.mail_servers import PASSWORD, USER, MailServer

__all__ = ["Bench"]

_numbers = count(1)


class Bench:
    """A folder that has no mails, what others put there, and sources of it."""

    def __init__(self, server: MailServer, proxy: FaultProxy) -> None:
        self.server = server
        self.proxy = proxy
        self.folder = f"Test{next(_numbers)}"
        self._sources: list[Source] = []
        server.create(self.folder)

    def source(self, clock: Clock | None = None, **options: Any) -> Source:
        """A source of the folder, over a line that can be cut."""
        given = {"host": "127.0.0.1", "port": self.proxy.port, "security": "starttls", "username": USER, "password": PASSWORD}
        given |= {"ca_file": str(self.server.ca_file), "folders": self.folder, "poll_interval": 0.2}
        source = ADAPTER.open(check_options("imap", ADAPTER.options, {**given, **options}), Context(clock=clock or SystemClock()))
        self._sources.append(source)
        return source

    async def close(self) -> None:
        """Closes all of them."""
        for source in self._sources:
            await source.close()
