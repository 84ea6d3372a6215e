"""A Twilio on loopback for tests: sources of it, in real or in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from archiver.adapter import check_options
from archiver.sandbox.twilio import Exchange, Twilio
from archiver.sources.port import Context, Source
from archiver.sources.twilio import TwilioAdapter
from genstage.clock import Clock, SystemClock
from genstage.testing import VirtualClock, run

__all__ = ["Exchanged", "in_virtual_time"]

GRACE = 0.01
"""Real seconds that loopback sockets have before virtual time jumps."""


class Exchanged:
    """A sandbox, and sources that are opened on it.

    Attributes:
        twilio: The sandbox.
        adapter: Its budgets are this bench's alone.
    """

    def __init__(self, twilio: Twilio, http: aiohttp.ClientSession, clock: Clock | None = None) -> None:
        self.twilio = twilio
        self.http = http
        self.clock = clock or SystemClock()
        self.adapter = TwilioAdapter()
        self._opened: list[Source] = []

    @property
    def exchange(self) -> Exchange:
        """The accounts."""
        return self.twilio.exchange

    def source(self, *, key: bool = False, **options: Any) -> Source:
        """Opens a source with the auth token, or with an API key; options as a person gives them."""
        login = self.twilio.login()
        given = {"account_sid": login.account_sid, "base_url": self.twilio.url, "poll_interval": 0.05, "api_secret": login.auth_token}
        given |= {"api_key": login.api_key, "api_secret": login.api_secret} if key else {}
        checked = check_options("twilio", self.adapter.options, {**given, **options})
        source = self.adapter.open(checked, Context(clock=self.clock, http=self.http))
        self._opened.append(source)
        return source

    async def close(self) -> None:
        """Closes what was opened."""
        for source in self._opened:
            await source.close()


def in_virtual_time(test: Callable[[Exchanged], Awaitable[None]], **sandbox: Any) -> None:
    """Runs a test with a bench whose clock, the sandbox's too, jumps over every wait; sockets are real."""

    async def scenario() -> None:
        clock = VirtualClock()
        # Kept connections are looked after every 15 s, which would break a jump of hours into thousands.
        connector = aiohttp.TCPConnector(force_close=True)
        async with Twilio(now=clock.wall, **sandbox) as twilio, aiohttp.ClientSession(connector=connector) as http:
            bench = Exchanged(twilio, http, clock)
            await test(bench)
            await bench.close()

    run(scenario, grace=GRACE)
