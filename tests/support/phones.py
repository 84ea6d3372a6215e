"""A RingCentral on loopback for tests: sources of it, in real or in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import aiohttp

from archiver.adapter import Secrets, check_options
from archiver.model import Discovery, Kind
from archiver.sandbox.ringcentral import RingCentral
from archiver.sources.port import Context, Hooks, Page, Source
from archiver.sources.ringcentral import RingCentralAdapter
from genstage.clock import Clock, SystemClock
from genstage.testing import VirtualClock, run

GRACE = 0.01
"""Real seconds that loopback sockets have before virtual time jumps."""


class KeptInMemory:
    """What a database would keep of secrets, and what was asked of it.

    Attributes:
        kept: The secrets.
        log: What was called.
        fails: Raised by the next `replace`.
    """

    def __init__(self, **kept: str) -> None:
        self.kept = kept
        self.log: list[str] = []
        self.fails: list[Exception] = []

    async def read(self) -> Mapping[str, str]:
        """What is kept."""
        self.log.append("read")
        return self.kept

    async def replace(self, name: str, old: str, new: str) -> bool:
        """Compares and keeps."""
        self.log.append("replace")
        if self.fails:
            raise self.fails.pop(0)
        if self.kept.get(name) != old:
            return False
        self.kept[name] = new
        return True


class Bench:
    """A sandbox, and sources that are opened on it.

    Attributes:
        phones: The sandbox.
        http: The sources' connections.
        adapter: Its budgets are this bench's alone.
        hooks: Where the sandbox may call.
    """

    def __init__(self, phones: RingCentral, http: aiohttp.ClientSession, clock: Clock | None = None, *, hooks: Hooks | None = None) -> None:
        self.hooks = hooks
        self.phones = phones
        self.http = http
        self.clock = clock or SystemClock()
        self.adapter = RingCentralAdapter()
        self._opened: list[Source] = []

    @property
    def office(self) -> Any:
        """The account's records."""
        return self.phones.office

    def source(self, *, secrets: Secrets | None = None, refresh: bool = False, **options: Any) -> Source:
        """Opens a source with a JWT, or with a refresh token; options as a person gives them."""
        login = self.phones.login()
        given = {"client_id": login.client_id, "client_secret": login.client_secret, "base_url": self.phones.url, "poll_interval": 0.05}
        given |= {"refresh_token": login.refresh_token} if refresh else {"jwt": login.jwt}
        context = Context(clock=self.clock, http=self.http, secrets=secrets, hooks=self.hooks)
        source = self.adapter.open(check_options("ringcentral", self.adapter.options, {**given, **options}), context)
        self._opened.append(source)
        return source

    async def close(self) -> None:
        """Closes what was opened."""
        for source in self._opened:
            await source.close()


async def one_pass(source: Source, cursor: str = "", *, keep: list[Page] | None = None) -> list[Page]:
    """The pages of one complete pass; ``keep`` has them also if it ends with an error."""
    pages = [] if keep is None else keep
    async with aclosing(source.discover(cursor)) as discovering:
        async for page in discovering:
            pages.append(page)
            if page.complete:
                break
    return pages


def found_in(pages: list[Page], kind: Kind | None = None) -> list[Discovery]:
    """What pages found, of one kind or of all."""
    return [discovery for page in pages for discovery in page.discoveries if kind in {None, discovery.kind}]


def keys(discoveries: list[Discovery]) -> set[tuple[str, str, str]]:
    """What names each."""
    return {(discovery.kind.value, discovery.external_id, discovery.part) for discovery in discoveries}


def in_virtual_time(test: Callable[[Bench], Awaitable[None]], **phones: Any) -> None:
    """Runs a test with a bench whose clock, the sandbox's too, jumps over every wait; sockets are real."""

    async def scenario() -> None:
        clock = VirtualClock()
        # Kept connections are looked after every 15 s, which would break a jump of hours into thousands.
        connector = aiohttp.TCPConnector(force_close=True)
        async with RingCentral(now=clock.wall, **phones) as sandbox, aiohttp.ClientSession(connector=connector) as http:
            bench = Bench(sandbox, http, clock)
            await test(bench)
            await bench.close()

    run(scenario, grace=GRACE)
