"""Who gets how many customers: takes those that nobody serves, up to a fair share, and gives some back when others come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice

from archiver.database.port import Taken, Worker
from archiver.errors import DatabaseUnavailableError
from archiver.fleet.member import Member, MemberDatabase
from archiver.pipeline.assembly import Assembly
from archiver.pipeline.events import CustomersGivenBack, CustomersTaken, Listener
from genstage.clock import Clock

__all__ = ["Balance"]

_TAKEN_AT_ONCE = 500  # customers in one transaction
_LEAVING_AT_ONCE = 50  # customers; the others go on meanwhile
_CHANGES_SECONDS = 1.0  # how often it is looked whether others gave something back, died or came


class Balance:
    """Takes customers and gives them back. Nothing that has begun is ever taken away: a customer goes when its uploads have ended.

    Args:
        database: Where the fleet meets.
        assembly: What serves the customers.
        member: Under which name.
        collecting: Whether a collector of a customer runs.
        clock: Time.
        listener: Told what happens.

    Attributes:
        at_rest: Everything that this worker should hold it holds, as far as it knows.
    """

    def __init__(  # noqa: PLR0913  its four neighbours and the time
        self,
        database: MemberDatabase,
        assembly: Assembly,
        member: Member,
        *,
        collecting: Callable[[int], bool],
        clock: Clock,
        listener: Listener,
    ) -> None:
        self._database = database
        self._assembly = assembly
        self._member = member
        self._collecting = collecting
        self._clock = clock
        self._listener = listener
        self._wake = asyncio.Event()
        self._changes = -1
        self._next_look = 0.0
        self._doubted: set[int] = set()
        self._stopping = False
        self.at_rest = False
        assembly.lanes.on_end = self.look_soon
        assembly.lanes.on_lost = self._doubt
        member.on_entered = self.look_at_once

    def look_soon(self) -> None:
        """Something of a customer has ended: if it was leaving, it may be given back."""
        if self._assembly.holding.leaving:
            self._wake.set()

    def look_at_once(self) -> None:
        """Another share may be right now."""
        self._next_look = 0.0
        self.at_rest = False
        self._wake.set()

    def stop(self) -> None:
        """Takes nothing more, and gives everybody back as each has ended."""
        self._stopping = True
        self._assembly.let_go(list(self._assembly.holding.held))
        self._wake.set()

    def _doubt(self, customer_id: int) -> None:
        self._doubted.add(customer_id)
        self.look_at_once()

    async def run(self) -> None:
        """Keeps the balance, until cancelled."""
        while True:
            self._wake.clear()
            worker = self._member.worker
            if worker is not None and not self._assembly.holding.lapsed():
                try:
                    await self._give_back(worker)
                    if not self._stopping and await self._is_time():
                        await self._look(worker)
                except DatabaseUnavailableError as error:
                    self._assembly.settlement.tell_away(error)
                    self._next_look = 0.0
            try:
                async with asyncio.timeout(min(_CHANGES_SECONDS, self._member.beat_seconds)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _is_time(self) -> bool:
        """Whether others may have changed something since the last look, or it is long ago: nobody tells when somebody dies."""
        changes = await self._database.changes()
        now = self._clock.time()
        if changes == self._changes and now < self._next_look:
            return False
        self._changes = changes
        self._next_look = now + self._member.beat_seconds
        return True

    async def _look(self, worker: Worker) -> None:
        holding = self._assembly.holding
        if self._doubted:
            await self._settle_doubts(worker)
        share = await self._database.share(worker)
        surplus = len(holding.held) - len(holding.leaving) - share
        if surplus > 0:
            room = max(0, _LEAVING_AT_ONCE - len(holding.leaving))
            staying = (customer_id for customer_id in holding.held if customer_id not in holding.leaving)
            self._assembly.let_go(list(islice(staying, min(surplus, room))))
            await self._give_back(worker)
        elif surplus < 0:
            await self._take(worker, -surplus)
        self.at_rest = surplus <= 0 and not holding.leaving and not self._doubted

    async def _take(self, worker: Worker, room: int) -> None:
        while room > 0:
            limit = min(room, _TAKEN_AT_ONCE)
            taken = await self._database.take(worker, limit=limit)
            if self._member.worker is not worker or self._assembly.holding.lapsed():
                return  # it has left under this name, or will at once: nobody misses them
            if taken:
                self._hold(worker, taken)
            if len(taken) < limit:
                return
            room -= len(taken)

    def _hold(self, worker: Worker, taken: Sequence[Taken]) -> None:
        self._assembly.hold(taken)
        if self._stopping:
            self._assembly.let_go([one.customer_id for one in taken])
        careful = sum(one.careful for one in taken)
        self._listener(CustomersTaken(worker=worker.id, customers=len(taken), careful=careful))

    async def _give_back(self, worker: Worker) -> None:
        """Gives back those who were to go and have ended."""
        holding = self._assembly.holding
        busy = self._assembly.busy() if holding.leaving else set()
        ended = [customer_id for customer_id in holding.leaving if customer_id not in busy and not self._collecting(customer_id)]
        if not ended:
            return
        await self._database.give_back(worker, ended)
        await self._assembly.gave_back(ended)
        if not self._stopping:  # at the end it is told of all that could not be read
            self._assembly.collector.forget(ended)
        self._listener(CustomersGivenBack(worker=worker.id, customers=len(ended)))
        self._next_look = 0.0  # room for others who are to go

    async def _settle_doubts(self, worker: Worker) -> None:
        """A write was refused: those whom the database still calls this worker's own go on, under the epoch that it tells."""
        doubted, self._doubted = self._doubted, set()
        try:
            owned = await self._database.owned(worker)
        except DatabaseUnavailableError:
            self._doubted |= doubted
            raise
        if self._member.worker is worker:
            again = [customer_id for customer_id in doubted if customer_id in owned]
            self._assembly.hold([Taken(customer_id, owned[customer_id], careful=False) for customer_id in again])
