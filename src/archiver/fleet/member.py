"""A worker's place in its fleet: it enters, it beats, and it lets everything fall before others may think it dead.

Others take a worker's customers when the database has not heard of it for its time to live. The worker cannot ask whether they have:
perhaps the database is away, perhaps the process itself stood still for a minute. So it goes by its own monotonic clock. It counts from
the moment *before* a beat was sent, a little less than the others count from the moment at which the beat arrived; when that is over it
holds nothing any more, whatever else is going on, and must enter anew under another name.
"""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol

from archiver.database.port import Database, Membership, Worker
from archiver.errors import DatabaseUnavailableError
from archiver.pipeline.assembly import Assembly
from archiver.pipeline.events import CustomersDropped, Listener, WorkerEntered
from archiver.pipeline.patience import rest_seconds
from genstage.clock import Clock

__all__ = ["Member", "MemberDatabase"]

_BEATS = 4  # in a time to live: three may be lost
_MARGIN = 0.1  # of the time to live: so much earlier than the others' does the own deadline come


class MemberDatabase(Database, Membership, Protocol):
    """A database that many workers may serve."""


class Member:
    """This process as one of several workers.

    Args:
        database: Where the fleet meets.
        assembly: What serves the customers.
        clock: Time.
        listener: Told what happens.
        ttl: Seconds after which others may take this worker for dead.
        make_id: Makes the worker's name, anew at each entering.

    Attributes:
        worker: Under which name it serves; None while it does not.
        on_entered: Told that it serves, perhaps anew.
    """

    def __init__(  # noqa: PLR0913  its two neighbours, time, and what is one's own
        self,
        database: MemberDatabase,
        assembly: Assembly,
        *,
        clock: Clock,
        listener: Listener,
        ttl: float,
        make_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._database = database
        self._assembly = assembly
        self._clock = clock
        self._listener = listener
        self._ttl = ttl
        self._make_id = make_id
        self._entered = asyncio.Event()
        self.worker: Worker | None = None
        self.on_entered: Callable[[], None] = lambda: None

    @property
    def beat_seconds(self) -> float:
        """How often it is heard of."""
        return self._ttl / _BEATS

    async def _enter(self) -> None:
        """Serves from now on; waits while the database is away."""
        worker = Worker(id=self._make_id(), host=socket.gethostname(), pid=os.getpid())
        began = await self._insist(lambda: self._database.enter(worker, ttl=int(self._ttl * 1000)))
        self._alive_since(began)
        self.worker = worker
        self._entered.set()
        self._listener(WorkerEntered(worker=worker.id))
        self.on_entered()

    async def leave(self) -> None:
        """Serves no more; everything is settled, so whoever comes next need not wait or be careful."""
        if self.worker is not None:
            await self._database.leave(self.worker)
            self.worker = None

    # -- being alive ----------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Enters, then says again and again that it is alive, and enters anew when that was not heard; until cancelled."""
        await self._enter()
        failures = 0
        rest = self.beat_seconds
        while True:
            await self._clock.sleep(rest)
            try:
                await self._beat()
            except DatabaseUnavailableError as error:
                self._assembly.settlement.tell_away(error)
                rest = min(rest_seconds(failures), self.beat_seconds)
                failures += 1
            else:
                rest, failures = self.beat_seconds, 0

    async def _beat(self) -> None:
        if self._assembly.holding.lapsed():  # before a beat could say otherwise to the others
            await self._enter_anew("its own deadline was over")
            return
        worker = self.worker
        assert worker is not None, "it beats only after it has entered"  # noqa: S101  a mistake of the fleet
        began = self._clock.time()
        try:
            async with asyncio.timeout(self._ttl):
                alive = await self._database.beat(worker, ttl=int(self._ttl * 1000))
        except TimeoutError:
            alive = True  # perhaps, but no answer came until after the deadline
        if not alive:
            await self._enter_anew("the database took it for dead")
        elif self._assembly.holding.lapsed():
            await self._enter_anew("a beat took too long")
        else:
            self._alive_since(began)

    async def guard(self) -> None:
        """Lets everything fall when the deadline comes, also while a beat is still waiting for its answer; until cancelled."""
        holding = self._assembly.holding
        while True:
            await self._entered.wait()
            rest = holding.deadline - self._clock.time()
            if rest > 0:
                await self._clock.sleep(rest)
            else:
                self._entered.clear()
                self._drop("its own deadline was over")

    def _alive_since(self, began: float) -> None:
        self._assembly.holding.deadline = began + self._ttl * (1 - _MARGIN)

    # -- dying ----------------------------------------------------------------------------------------------------------------------

    async def _enter_anew(self, reason: str) -> None:
        """Lets everything fall, leaves under the old name so that nobody takes that for a death, and enters under a new one."""
        worker, self.worker = self.worker, None
        self._entered.clear()
        self._drop(reason, worker)
        await self._assembly.dropped()
        if worker is not None:
            await self._insist(lambda: self._database.leave(worker))
        await self._enter()

    def _drop(self, reason: str, worker: Worker | None = None) -> None:
        who = worker or self.worker
        if (customers := self._assembly.drop()) and who is not None:
            self._listener(CustomersDropped(worker=who.id, customers=customers, reason=reason))

    async def _insist(self, call: Callable[[], Awaitable[object]]) -> float:
        """Calls until the database answers; returns when the call that was answered began."""
        failures = 0
        while True:
            began = self._clock.time()
            try:
                await call()
            except DatabaseUnavailableError as error:
                self._assembly.settlement.tell_away(error)
            else:
                return began
            await self._clock.sleep(rest_seconds(failures))
            failures += 1
