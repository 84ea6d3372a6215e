"""Weather over a besieged crew: one thing after the other that may befall workers, their database, their links and their storages."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from archiver.sandbox.faults import Fault
from archiver.sandbox.limits import Limits
from support.crew import TTL
from support.faultproxy import FaultProxy, Toxic
from support.postgres import OwnServer
from support.siege import Siege
from support.soaking import Hourglass

__all__ = ["Storm"]


class Storm:
    """What befalls a crew, at random.

    Args:
        siege: The crew.
        server: Its database.
        proxies: The links of its first workers to the database.
        toxics: What may ail a link.
        limits: Of the accounts when all is well.
        moments: The storm's chance.

    Attributes:
        counts: How often each kind of weather came.
    """

    def __init__(
        self,
        siege: Siege,
        server: OwnServer,
        *,
        proxies: Sequence[FaultProxy],
        toxics: Sequence[Toxic],
        limits: Limits,
        moments: random.Random,
    ) -> None:
        self._siege = siege
        self._server = server
        self._proxies = proxies
        self._toxics = toxics
        self._limits = limits
        self._moments = moments
        self.counts: Counter[str] = Counter()

    async def rage(self, hourglass: Hourglass) -> None:
        """One thing after the other, until the time is over; then all is well.

        Each begins when the deaths before it are forgotten: a kill is no item's fault, but nobody can know that.
        """
        weather = self._weather()
        while hourglass.runs:
            name = self._moments.choice(sorted(weather))
            await weather[name]()
            self.counts[name] += 1
            await self._siege.until_calm(120)

    def _weather(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        return {
            "killed": self._killed,
            "frozen": self._frozen,
            "drained": self._drained,
            "the database crashed": self._crashed,
            "a link was ill": self._ill,
            "throttled": self._throttled,
            "the storage failed": self._failed,
        }

    async def _killed(self) -> None:
        await self._siege.kill_some(1, self._moments)

    async def _frozen(self) -> None:
        pid = self._siege.seated(self._moments.randrange(self._siege.seats)).pid
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(self._moments.uniform(0.2, 2.0) * TTL)
        os.kill(pid, signal.SIGCONT)

    async def _drained(self) -> None:
        seat = self._moments.randrange(self._siege.seats)
        worker = self._siege.seated(seat)
        os.kill(worker.pid, signal.SIGTERM)
        async with asyncio.timeout(40):
            code = await worker.wait()
        assert code == 0, f"it ended with {code} when it was to drain"
        await self._siege.seat(seat)

    async def _crashed(self) -> None:
        await asyncio.to_thread(self._moments.choice((self._server.kill, self._server.stop, lambda: self._server.stop("immediate"))))
        await asyncio.sleep(self._moments.uniform(0.0, 2.0) * TTL)
        await asyncio.to_thread(self._server.start)

    async def _ill(self) -> None:
        proxy = self._moments.choice(self._proxies)
        proxy.add(*self._moments.sample(self._toxics, self._moments.choice((1, 1, 2))))
        await asyncio.sleep(self._moments.uniform(0.2, 3.0) * TTL)
        proxy.heal()

    async def _throttled(self) -> None:
        names = self._moments.sample(sorted(self._siege.hashes), len(self._siege.hashes) // 2)
        for name in names:
            await self._siege.sandbox.set_limits(name, calls_per_second=10.0, retry_after=self._moments.choice((1, 2, None)))
        await asyncio.sleep(self._moments.uniform(1.0, 5.0))
        for name in names:
            await self._siege.sandbox.set_limits(name, calls_per_second=self._limits.calls_per_second, retry_after=self._limits.retry_after)

    async def _failed(self) -> None:
        fault = self._moments.choice(
            (
                Fault(action="reply", status=503, times=0),
                Fault(action="lose_answer", nth=self._moments.randint(1, 20), times=3),
                Fault(action="cut_request", after_bytes=500, times=5),
                Fault(action="cut_response", after_bytes=20, times=5),
                Fault(action="expire_token", times=5),
                Fault(action="reply", status=429, headers={"Retry-After": "2"}, times=10),
            )
        )
        await self._siege.sandbox.add_fault(fault)
        await asyncio.sleep(self._moments.uniform(0.5, 5.0))
        await self._siege.sandbox.clear_faults()
