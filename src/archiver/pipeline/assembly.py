"""The assembly: wires the stages, runs them, takes them down in a written order.

Stopping, in this order: no new demand → what has arrived and not begun is forgotten (it was never written) → uploads end, up to the
deadline → where chunked uploads stand is saved → settle → the journal is cleared → paces are saved → destinations and sources close.
Nothing is lost either way: a second signal may end the process at any point of it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from operator import attrgetter

import msgspec

from archiver.database.port import Database, LaneRecord, Taken, Worker
from archiver.destinations.port import Destination, Pace
from archiver.model import Connection, ConnectionState, Customer, CustomerState, Role
from archiver.pipeline.careful import Careful
from archiver.pipeline.collector import Collector
from archiver.pipeline.contents import Contents
from archiver.pipeline.events import Listener, ignore_event
from archiver.pipeline.fetcher import Fetcher
from archiver.pipeline.holding import Holding
from archiver.pipeline.lanes import Lanes
from archiver.pipeline.patience import Patience
from archiver.pipeline.settlement import Settlement
from archiver.pipeline.share import Budget
from archiver.pipeline.waking import LaneParts
from archiver.sources.port import Source
from genstage import Pipeline, Restarts
from genstage.clock import Clock

__all__ = ["Assembly", "Parts"]

_FLUSH_SECONDS = 5.0  # for the last write of a drain; the uploads' deadline is apart


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What an assembly is made of.

    Attributes:
        database: Open, and served by this process.
        open_source: Makes a source from its connection.
        open_destination: Makes a destination from its connection, with the lane's pace.
        name_rules: The naming rules that a destination's adapter obeys.
        site: Whose servers a destination's are: lanes of one site share a circuit; by default those of one adapter do.
        clock: Time.
        listener: Told what happens.
        budget: What bounds the process.
        sweep_seconds: How often lanes with due work are looked for, in case a hint was lost.
        seed: Of the jitter; None takes one from the system.
    """

    database: Database
    open_source: Callable[[Connection], Source]
    open_destination: Callable[[Connection, Pace], Destination]
    name_rules: Callable[[str], str]
    clock: Clock
    site: Callable[[Connection], str] = attrgetter("adapter")
    listener: Listener = ignore_event
    budget: Budget = Budget()
    sweep_seconds: float = 30.0
    seed: int | None = None


class Assembly:
    """Collector → Database → Fetcher → Uploaders → destinations, and Settlement back to the Database.

    It creates no tasks: ``archiver.fleet`` runs `services` and, for each source, `Collector.watch`.
    """

    def __init__(self, parts: Parts) -> None:
        jitter = random.Random(parts.seed)  # noqa: S311  spreads retries, guards nothing
        self._parts = parts
        # No stage is restarted in place. An adapter's bug is already its item's failure; what comes out of a handler all the same is of
        # process scope, or has left our own counts wrong. The Database is right: whoever starts this process again begins with that.
        self._pipeline = Pipeline(clock=parts.clock, restarts=Restarts(0))
        self.budget = parts.budget
        self.contents = Contents(parts.open_source, parts.clock)
        self.holding = Holding(parts.clock)
        self.settlement = Settlement(parts.database, parts.clock, parts.listener, jitter)
        self._patience = Patience(parts.clock, self.settlement.tell_away)
        self.careful = Careful(parts.database, self._patience, parts.budget.items)
        self.lanes = Lanes(
            LaneParts(
                database=parts.database,
                patience=self._patience,
                holding=self.holding,
                careful=self.careful,
                pipeline=self._pipeline,
                settlement=self.settlement,
                contents=self.contents,
                open_destination=parts.open_destination,
                site=parts.site,
                clock=parts.clock,
                budget=parts.budget,
                listener=parts.listener,
                jitter=jitter,
                sweep_seconds=parts.sweep_seconds,
            )
        )
        self.settlement.control(self.lanes)
        self.careful.on_turn = self.lanes.hint
        lanes = self.lanes
        self.fetcher = Fetcher(parts.database, self._patience, lanes.awake, parts.clock, went_dry=lanes.went_dry, freed=lanes.freed)
        self.collector = Collector(
            parts.database,
            self.contents,
            parts.name_rules,
            self.lanes.hint,
            clock=parts.clock,
            listener=parts.listener,
            jitter=jitter,
            patience=self._patience,
        )
        self.collector.on_parked = self.lanes.look_again
        self.contents.on_locked_out = lambda source, error: self.lanes.do(lambda: self.collector.park(source, error.message))

    def services(self) -> list[Coroutine[None, None, None]]:
        """What must run beside the stages, until cancelled."""
        return [self.settlement.run(), self.careful.run(), self.lanes.run(), self.lanes.probes.run()]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The stages run within; leaving it without `drain` stops them at once, and loses nothing."""
        async with self._pipeline:
            self.lanes.fetch_from(self._pipeline.start(self.fetcher))
            yield

    async def drain(self, deadline: float) -> bool:
        """Stops in the written order. The services must still run.

        Args:
            deadline: Seconds that uploads may take to end.

        Returns:
            Whether everything that had begun ended by itself.
        """
        self.lanes.stop_asking()
        self.careful.pardon()
        ended = await self._pipeline.drain(deadline=deadline)
        try:
            async with asyncio.timeout(_FLUSH_SECONDS):
                await self.settlement.flush()
                await self.careful.flush()
        except TimeoutError:
            ended = False
        return ended

    async def close(self) -> None:
        """Saves paces and closes what is open; the last thing."""
        try:
            await self.lanes.close()
        finally:
            await self.contents.close()

    # -- whom it serves -------------------------------------------------------------------------------------------------------------

    async def enter(self, worker: Worker, *, ttl: float) -> None:
        """This process serves everybody from now on; if the one before died of something, it is careful. Waits for the database."""
        if await self._patience(self._parts.database.enter, worker, ttl=int(ttl * 1000)):
            self.careful.expect_everybody()

    async def leave(self, worker: Worker) -> None:
        """It serves nobody any more; everything is settled.

        Raises:
            DatabaseUnavailableError: It could not be said, so whoever comes next will be careful without need.
        """
        await self._parts.database.leave(worker)

    def hold(self, taken: Sequence[Taken]) -> None:
        """From now on these customers are served, each under its epoch; a lane that is awake under an older one falls at once."""
        self.holding.take(taken)
        self.careful.forget(one.customer_id for one in taken if not one.careful)
        self.careful.expect(one.customer_id for one in taken if one.careful)
        self.lanes.held_anew()

    def let_go(self, customer_ids: Collection[int]) -> None:
        """Nothing new begins for these customers, what has begun ends and is settled. `busy` tells who has not come so far."""
        self.holding.leaving.update(customer_ids)
        self.lanes.held_anew()

    def busy(self) -> set[int]:
        """Customers of whom something is under way."""
        return self.lanes.busy()

    async def gave_back(self, customer_ids: Collection[int]) -> None:
        """These customers are held no more; their sources are closed. Of none of them anything is under way."""
        self.holding.forget(customer_ids)
        self.careful.forget(customer_ids)
        await self.contents.forget(customer_ids)

    def drop(self) -> int:
        """Nobody is held any more: cancels and forgets everything at once, and writes nothing. Returns how many there were.

        `dropped` waits until what was cancelled has ended.
        """
        held = list(self.holding.held)
        self.holding.forget(held)
        self.collector.forget(held)
        self.lanes.held_anew()
        return len(held)

    async def dropped(self) -> None:
        """Returns when nothing of what was dropped is under way."""
        await self.lanes.dropped()

    async def sources(self) -> list[tuple[Customer, Connection]]:
        """Every source of every active customer that is served."""
        database = self._parts.database
        active = [c for c in await self._patience(database.customers) if c.state is CustomerState.ACTIVE]
        customers = {customer.id: customer for customer in active if self.holding.serves(customer)}
        connections = await self._patience(database.connections, role=Role.SOURCE)
        return [(customers[c.customer_id], c) for c in connections if c.customer_id in customers]

    async def is_empty(self) -> bool:
        """Whether every source was passed over completely and nothing is left that could be uploaded now, or when a source has room.

        What is deferred to later, or belongs to a parked lane or source, does not count.
        """
        if self.settlement.waiting or any(not lane.idle for lane in self.lanes.awake.values() if lane.parked is None):
            return False
        if any(source.id not in self.collector.passed for _, source in await self.sources()):
            return False
        now = int(self._parts.clock.wall() * 1000)
        due = [lane for lane, ready_at in (await self._patience(self._parts.database.ready_lanes, now)).items() if ready_at <= now]
        records = await self._patience(self._parts.database.lanes, due)
        return not any(self._goes_on(record) for record in records.values())

    def _goes_on(self, record: LaneRecord) -> bool:
        """Whether a lane with due work is not parked, and does not wait for parked sources alone."""
        if record.destination.state is not ConnectionState.ACTIVE:
            return False
        if all(source.state is ConnectionState.ACTIVE for source in record.sources):
            return True
        lane = self.lanes.awake.get(record.destination.id)
        return lane is not None and not lane.shut
