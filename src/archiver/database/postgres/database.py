"""The ports of the Database and of Membership on PostgreSQL."""

from __future__ import annotations

import asyncio
import secrets as random
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from archiver.database.engine import customers, looking
from archiver.database.engine.browses import Browses
from archiver.database.engine.completeness import KnowsCompleteness
from archiver.database.engine.connecting import Connects
from archiver.database.engine.credentials import KeepsCredentials
from archiver.database.engine.erasing import Erases
from archiver.database.engine.keeping_audit import KeepsAudit
from archiver.database.engine.keeping_people import KeepsPeople
from archiver.database.engine.surveying import Surveys
from archiver.database.engine.upkeep import KeepsUp
from archiver.database.port import (
    Birth,
    Births,
    DeliveryRow,
    Invitation,
    LaneCounters,
    LaneRecord,
    Owner,
    Settled,
    Start,
    Taken,
    Want,
    Worker,
    WorkerRow,
)
from archiver.database.postgres import journal, owning, settling
from archiver.database.postgres.address import Address
from archiver.database.postgres.births import BirthRows, add_births
from archiver.database.postgres.finding import VectorFinder
from archiver.database.postgres.handle import HANG_SECONDS, Handle
from archiver.database.postgres.hints import Listener
from archiver.database.postgres.looking import oldest_waiting, read_counters
from archiver.database.postgres.opening import is_current, migrate_alone
from archiver.database.postgres.reading import decode_deliveries, decode_ready_lanes, read_ready_lanes, read_waiting
from archiver.lifecycle import DeliveryState
from archiver.model import Connection, ConnectionState, Customer, CustomerState, Delivery, Kind, LaneId, Millis, Role, Session
from genstage.clock import Clock, SystemClock

__all__ = ["PostgresDatabase"]

_T = TypeVar("_T")


class PostgresDatabase(KnowsCompleteness, Browses, KeepsAudit, KeepsPeople, Surveys, Connects, KeepsCredentials, KeepsUp, Erases):
    """Everything that Archiver remembers, on a PostgreSQL server, for any number of processes.

    See `archiver.database.port` for what each method promises. Four connections, a thread each: one writes, one has the hot reads, one is
    for people who look, one listens to what other processes tell.

    Args:
        address: ``postgresql://…``, see `archiver.database.postgres.address.Address`.
        clock: Time, of what is noted when a person does something. Owning goes by the database's clock.

    Raises:
        ConfigError: The address cannot be understood.
    """

    def __init__(self, address: str, clock: Clock | None = None) -> None:
        self._address = Address(address)
        self._clock = clock or SystemClock()
        self._finder = VectorFinder()
        self._writer = Handle(self._address, "writer", hot=True)
        self._reader = Handle(self._address, "reader", hot=True)
        self._looker = Handle(self._address, "looker", hot=False)
        self._handles = (self._writer, self._reader, self._looker)
        self._listener = Listener(self._address, random.token_hex(4))
        self._worker: Worker | None = None
        self._owned: set[int] = set()

    def __repr__(self) -> str:
        return f"PostgresDatabase({str(self._address)!r})"

    # -- opening --------------------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connects, and brings the schema up to date."""
        try:
            await self._writer.open()
            if not await self._writer.run(is_current):
                await self._writer.unhurried(migrate_alone)
            await self._reader.open()
            await self._looker.open()
            self._listener.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Lets go of everything; harmless when called twice. A worker that has not left keeps its customers until its time is over."""
        for handle in self._handles:
            await handle.close()
        await asyncio.to_thread(self._listener.stop)

    async def serve(self) -> None:
        """Any number of processes may serve."""

    async def owner(self) -> Owner | None:
        """The worker that has served longest; None if none does."""
        return await self._looker.run(owning.serving)

    # -- owning ---------------------------------------------------------------------------------------------------------------------

    async def enter(self, worker: Worker, *, ttl: Millis) -> bool:
        """Notes that this worker serves."""
        await self._writer.run(owning.enter, worker, ttl)
        self._worker = worker
        return False

    async def leave(self, worker: Worker) -> None:
        """The worker serves no more: its customers are free at once."""
        await self._writer.run(owning.leave, worker)
        self._owned.clear()
        self._worker = None
        self._listener.tell()

    async def beat(self, worker: Worker, *, ttl: Millis) -> bool:
        """Says that the worker is alive; False if it had been dead."""
        # Not behind what is being written: a beat that comes late is a death.
        return await self._looker.run(owning.beat, worker, ttl)

    async def take(self, worker: Worker, *, limit: int) -> Sequence[Taken]:
        """Takes customers that no live worker owns."""
        taken = await self._writer.run(owning.take, worker, limit)
        self._owned.update(one.customer_id for one in taken)
        return taken

    async def give_back(self, worker: Worker, customer_ids: Collection[int]) -> None:
        """These customers are free at once."""
        if customer_ids:
            await self._writer.run(owning.give_back, worker, customer_ids)
            self._owned.difference_update(customer_ids)
            self._listener.tell()

    async def owned(self, worker: Worker) -> Mapping[int, int]:
        """The customers that the worker owns by the database: id → epoch."""
        return await self._looker.run(owning.owned, worker)

    async def share(self, worker: Worker) -> int:  # noqa: ARG002  everybody's share is the same
        """How many customers the worker should hold at most."""
        return await self._looker.run(owning.share)

    async def workers(self) -> Sequence[WorkerRow]:
        """Who serves, for people."""
        return await self._looker.run(owning.workers)

    async def journal(self, starts: Sequence[Start]) -> None:
        """Writes down which uploads begin."""
        if starts:
            await self._writer.run(journal.write, starts)

    async def suspects(self, customer_ids: Collection[int]) -> Mapping[int, int]:
        """What stood in the journal when a worker died: id → how many deaths."""
        return await self._reader.run(journal.suspects, customer_ids) if customer_ids else {}

    async def clear_journal(self, ended: Collection[int], given_back: Collection[int] = ()) -> None:
        """These uploads run no more, and nobody died of them."""
        if ended or given_back:
            await self._writer.run(journal.clear, ended, given_back)

    # -- customers and connections --------------------------------------------------------------------------------------------------

    async def add_customer(self, name: str, *, path_template: str, weight: int = 1) -> Customer:
        """Adds a customer."""
        customer = Customer(id=0, name=name, weight=weight, path_template=path_template, created_at=self._now())
        return self._told(await self._writer.core(customers.add_customer, customer))

    async def customers(self) -> Sequence[Customer]:
        """All customers, by name."""
        return await self._looker.core(customers.all_customers)

    async def set_customer_state(self, name: str, state: CustomerState) -> Customer:
        """Pauses or resumes."""
        return self._told(await self._writer.core(customers.set_customer_state, name, state))

    async def add_connection(  # noqa: PLR0913  the parts of one record
        self,
        customer_id: int,
        role: Role,
        adapter: str,
        options: Mapping[str, Any],
        secrets: Mapping[str, bytes],
        *,
        account: str = "",
        kinds: Sequence[Kind] = (),
    ) -> Connection:
        """Adds a source or destination."""
        connection = Connection(
            id=0,
            customer_id=customer_id,
            role=role,
            adapter=adapter,
            options=options,
            secrets=secrets,
            state_since=self._now(),
            account=account,
            kinds=tuple(kinds),
        )
        return self._told(await self._writer.core(customers.add_connection, connection))

    async def accept(self, invitation: Invitation, connection: Connection, *, now: Millis) -> Connection | None:
        """The invitation becomes a connection."""
        return self._told(await super().accept(invitation, connection, now=now))

    async def connections(self, *, customer_id: int | None = None, role: Role | None = None) -> Sequence[Connection]:
        """Connections, by id."""
        return await self._looker.core(customers.find_connections, customer_id, role)

    async def lanes(self, ids: Sequence[LaneId]) -> Mapping[LaneId, LaneRecord]:
        """What is needed to wake lanes."""
        return await self._looker.core(customers.lane_records, ids)

    async def set_connection_state(self, connection_id: int, state: ConnectionState, reason: str) -> bool:
        """Enters a state; False if it was in it already."""
        changed = await self._writer.core(customers.set_connection_state, connection_id, state, reason, self._now())
        # A lane that the worker here parks concerns nobody else; one that a person lets go on concerns whoever owns it.
        if changed and (self._worker is None or state is ConnectionState.ACTIVE):
            self._listener.tell()
        return changed

    async def save_pace(self, connection_id: int, *, throttled_until: Millis, pace: bytes) -> None:
        """Remembers what the pacer learnt."""
        await self._writer.core(customers.save_pace, connection_id, throttled_until, pace)

    async def replace_secret(self, connection_id: int, name: str, *, old: bytes, new: bytes) -> bool:
        """Keeps another sealed secret in the place of the old one; False if that one is no longer there."""
        return await self._writer.core(customers.replace_secret, connection_id, name, old, new)

    # -- birth ----------------------------------------------------------------------------------------------------------------------

    async def add_births(self, source: Connection, births: Sequence[Birth], *, now: Millis, cursor: str | None) -> Births:
        """Writes items, deliveries and the source's cursor in one transaction."""
        born = await self._writer.run(add_births, BirthRows.of(source, births, now, cursor))
        # Whoever owns the customer learns of it; here it is known already.
        if born.lanes and source.customer_id not in self._owned:
            self._listener.tell()
        return born

    async def cursor(self, source_id: int) -> str:
        """The source's cursor; empty at the very first time."""
        return await self._looker.core(customers.cursor, source_id)

    # -- the hot path ---------------------------------------------------------------------------------------------------------------

    async def ready_lanes(self, now: Millis) -> Mapping[LaneId, Millis]:  # noqa: ARG002  each lane's time is told, due or not
        """Lanes that have waiting deliveries, each with its earliest ``ready_at``; of the worker's customers if one has entered."""
        # Not on the reader: with a hundred thousand lanes it takes a quarter of a second, in which nothing would be read.
        return decode_ready_lanes(await self._looker.run(read_ready_lanes, None if self._worker is None else self._worker.id))

    async def waiting(self, wants: Mapping[LaneId, Want], now: Millis) -> Mapping[LaneId, Sequence[Delivery]]:
        """One read for all lanes: due deliveries of each."""
        return decode_deliveries(await self._reader.run(read_waiting, wants, now)) if wants else {}

    async def settle(self, settled: Sequence[Settled], epochs: Mapping[int, int]) -> frozenset[int]:
        """Writes what became of deliveries, in one transaction."""
        return await self._writer.run(settling.settle, settling.Settling.of(settled, epochs, self._now())) if settled else frozenset()

    async def save_sessions(self, sessions: Mapping[int, Session], epochs: Mapping[int, int]) -> frozenset[int]:
        """Writes where chunked uploads stand."""
        if not sessions:
            return frozenset()
        written = await self._writer.run(settling.save_sessions, settling.session_values(sessions, epochs))
        return frozenset(sessions.keys() - written)

    # -- looking --------------------------------------------------------------------------------------------------------------------

    async def changes(self) -> int:
        """A number that differs when another process told something since."""
        self._listener.look_after(HANG_SECONDS)
        return self._listener.heard

    async def counters(self) -> Sequence[LaneCounters]:
        """Every lane's numbers."""
        return await self._looker.core(read_counters)

    async def deliveries(
        self, *, customer: str | None = None, state: DeliveryState | None = None, after: int = 0, limit: int = 100
    ) -> Sequence[DeliveryRow]:
        """A page of deliveries by id."""
        return await self._looker.core(looking.page, customer, state, after, limit)

    async def retry(self, *, customer: str | None = None, reason: str | None = None, ids: Sequence[int] | None = None, now: Millis) -> int:
        """Rejected and gone deliveries become waiting again."""
        return self._told(await self._writer.unhurried(looking.retry, customer, reason, ids, now))

    def _told(self, result: _T) -> _T:
        self._listener.tell()
        return result

    async def oldest_waiting(self) -> Mapping[LaneId, Millis]:
        """When the oldest waiting item of each lane was discovered."""
        return await self._looker.core(oldest_waiting)

    def _now(self) -> Millis:
        return int(self._clock.wall() * 1000)
