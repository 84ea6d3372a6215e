"""A crew under siege: its workers are killed and replaced, again and again, while new files come and what is left goes on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self

import msgspec
from psycopg import sql

from archiver.sandbox.remote import SandboxProcess
from support.crew import Crew, Hand
from support.kills import IN_FLIGHT, Forge
from support.machine import Machine
from support.postgres import Server

__all__ = ["DEATH_SECONDS", "Death", "Siege"]

DEATH_SECONDS = 12.0
"""So long a worker may take to come to the failpoint at which it is to die; then it is killed wherever it is."""

# Customers whom none of the living processes owns (the database believes in the dead for a while), suspects, and those of the living who
# have not entered: while there is none of these, the last death is forgotten. A kill is no item's fault, but nobody can know that: were
# workers killed faster than suspects are cleared, some item would be taken for poison.
_UNCALM = """
WITH living AS (SELECT id, pid FROM workers WHERE pid = ANY({pids}) AND alive_until > extract(epoch FROM clock_timestamp()) * 1000)
SELECT (SELECT count(*) FROM customers WHERE owner NOT IN (SELECT id FROM living))
     + (SELECT count(*) FROM journal WHERE deaths > 0)
     + (SELECT count(*) FROM unnest({pids}) AS pid WHERE pid NOT IN (SELECT pid FROM living))
"""


class Death(msgspec.Struct, frozen=True):
    """How a worker died.

    Attributes:
        orders: The failpoint and the hit at which it was to die; empty if it was to be killed at random.
        obeyed: Whether it came so far.
    """

    orders: str
    obeyed: bool


class Siege(Crew):
    """Workers in seats; in each seat one after the other. ``async with`` it, so that none is left.

    Args:
        machine: Where they work.
        server: Has their database.
        address: Of their database.
        sandbox: Has an account for each customer.
        name: What the customers' names begin with.
        seats: How many work at a time.

    Attributes:
        seats: As above.
        links: By seat, the address of the database as whoever sits there has it; that of the crew if it is not named here.
        deaths: All of them.
    """

    def __init__(self, machine: Machine, server: Server, address: str, sandbox: SandboxProcess, *, name: str, seats: int) -> None:
        super().__init__(machine, server, address, sandbox, name=name)
        machine.environment |= {"ARCHIVER_TESTING": "1", "ARCHIVER_UPLOADS_IN_FLIGHT": str(IN_FLIGHT)}
        self.links: dict[int, str] = {}
        self.deaths: list[Death] = []
        self.seats = seats
        self._forges = [Forge() for _ in range(seats)]
        self._seating = asyncio.Lock()  # workers are numbered as they are started
        self._seated: dict[int, int] = {}  # by seat, which worker
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for forge in self._forges:
                await stack.enter_async_context(forge)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for worker in self.workers:
            if worker.returncode is None:
                with suppress(ProcessLookupError):  # it ends just now
                    os.kill(worker.pid, signal.SIGKILL)
        await self._stack.aclose()

    async def seat(self, seat: int, orders: str = "") -> Hand:
        """Starts a worker in a seat, in which none runs; ``orders`` are failpoints. It begins with whatever it is given."""
        environment = self.machine.environment | {"ARCHIVER_DATABASE": self.links.get(seat, self.address)}
        if orders:
            environment["ARCHIVER_FAILPOINTS"] = orders
        async with self._seating:
            number = len(self.workers)
            self._log(number).touch()  # it may be killed before it can say anything
            worker = await self._forges[seat].start(["run"], environment, self._log(number))
            self.workers.append(worker)
            self._seated[seat] = number
        return worker

    async def fill(self) -> None:
        """A worker for every seat, and each has its share."""
        for seat in range(self.seats):
            await self.seat(seat)
        await self.until_shared()

    # -- killing --------------------------------------------------------------------------------------------------------------------

    def seated(self, seat: int) -> Hand:
        """Who sits there."""
        return self.workers[self._seated[seat]]

    async def kill_at(self, seat: int, points: Iterable[str]) -> None:
        """One after the other of this seat dies at the failpoints of these; each comes when the death before it is forgotten.

        At the end one sits there who lives.
        """
        await self._kill([seat])
        for point in points:
            await self.until_calm()
            worker = await self.seat(seat, f"{point}=kill")
            obeyed = True
            try:
                async with asyncio.timeout(DEATH_SECONDS):
                    await worker.wait()
            except TimeoutError:
                obeyed = False
                os.kill(worker.pid, signal.SIGKILL)
            code = await worker.wait()
            assert code == -signal.SIGKILL, f"it ended with {code}: {self.log(self._seated[seat])}"
            self.deaths.append(Death(point, obeyed))
        await self.until_calm()
        await self.seat(seat)

    async def kill_some(self, times: int, moments: random.Random, longest: float = 1.0) -> None:
        """Kills workers at random moments, now and then two at once; others come at once, and the next die when that is forgotten."""
        killed = 0
        while killed < times:
            await self.until_calm()
            await asyncio.sleep(moments.uniform(0.0, longest))
            seats = moments.sample(range(self.seats), moments.choice((1, 1, 2)) if self.seats > 2 else 1)
            await self._kill(seats)
            for seat in seats:
                await self.seat(seat)
            killed += len(seats)

    async def _kill(self, seats: Sequence[int]) -> None:
        """All at once, wherever they are."""
        for seat in seats:
            os.kill(self.seated(seat).pid, signal.SIGKILL)
        for seat in seats:
            assert await self.seated(seat).wait() == -signal.SIGKILL
            self.deaths.append(Death("", obeyed=True))

    async def until_calm(self, seconds: float = 40.0) -> None:
        """Returns when everybody who lives serves, every customer has an owner among them, and nothing is suspect any more."""
        async with asyncio.timeout(seconds):
            while await asyncio.to_thread(self.server.execute, self._uncalm, self.database) != [(0,)]:
                await asyncio.sleep(0.1)

    @property
    def _uncalm(self) -> sql.Composed:
        pids = [worker.pid for worker in self.workers if worker.returncode is None]
        return sql.SQL(_UNCALM).format(pids=sql.Literal(pids))
