"""The port of the Database on one SQLite file."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from archiver.database.engine import customers, looking
from archiver.database.engine.browses import Browses
from archiver.database.engine.completeness import KnowsCompleteness
from archiver.database.engine.connecting import Connects
from archiver.database.engine.credentials import KeepsCredentials
from archiver.database.engine.erasing import Erases
from archiver.database.engine.keeping_audit import KeepsAudit
from archiver.database.engine.keeping_people import KeepsPeople
from archiver.database.engine.migrating import migrate
from archiver.database.engine.surveying import Surveys
from archiver.database.engine.upkeep import KeepsUp
from archiver.database.port import Birth, Births, DeliveryRow, LaneCounters, LaneRecord, Owner, Settled, Start, Want, Worker
from archiver.database.sqlite import opening, owning, settling
from archiver.database.sqlite.births import BirthRows, add_births
from archiver.database.sqlite.finding import FtsFinder
from archiver.database.sqlite.handle import Handle
from archiver.database.sqlite.lock import ServeLock
from archiver.database.sqlite.looking import oldest_waiting, read_counters
from archiver.database.sqlite.reading import LANES_PER_STEP, decode_deliveries, decode_ready_lanes, read_ready_lanes, read_waiting
from archiver.failpoints import failpoint
from archiver.lifecycle import DeliveryState
from archiver.model import Connection, ConnectionState, Customer, CustomerState, Delivery, Kind, LaneId, Millis, Role, Session
from genstage.clock import Clock, SystemClock

__all__ = ["SqliteDatabase"]


class SqliteDatabase(KnowsCompleteness, Browses, KeepsAudit, KeepsPeople, Surveys, Connects, KeepsCredentials, KeepsUp, Erases):
    """Everything that Archiver remembers, in one file. See `archiver.database.port.Database` for what each method promises.

    Three connections, a thread each: what is written waits only for what is written, the hot reads for nobody, and a person who looks at
    a page makes neither wait.

    Args:
        path: The file; made by `open` if it does not exist, its directory is not.
        clock: Time.
    """

    def __init__(self, path: Path | str, clock: Clock | None = None) -> None:
        self._path = Path(path)
        self._clock = clock or SystemClock()
        self._lock = ServeLock(self._path)
        self._finder = FtsFinder()
        self._writer = Handle(self._path, "writer", writes=True, cache_kib=16_384)
        self._reader = Handle(self._path, "reader", writes=False, cache_kib=8_192)
        self._looker = Handle(self._path, "looker", writes=False, cache_kib=2_048)

    def __repr__(self) -> str:
        return f"SqliteDatabase({str(self._path)!r})"

    # -- opening --------------------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Makes the file if need be, connects, and brings the schema up to date."""
        await asyncio.to_thread(opening.prepare, self._path)
        try:
            await self._writer.open()
            if not await self._writer.run(opening.is_current):
                await self._writer.core(migrate)
            await self._reader.open()
            await self._looker.open()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Lets go of everything, ownership too; harmless when called twice."""
        for handle in (self._looker, self._reader, self._writer):
            await handle.close()
        self._lock.give_back()

    async def serve(self) -> None:
        """Makes this process the one that serves the database, until `close` or its death."""
        self._lock.take(self._now())

    async def owner(self) -> Owner | None:
        """The process that serves the database now; None if none does."""
        return self._lock.owner()

    # -- owning ---------------------------------------------------------------------------------------------------------------------

    async def enter(self, worker: Worker, *, ttl: Millis) -> bool:  # noqa: ARG002  the lock tells who is alive, no time does
        """Notes that this worker serves; whether every lane must start careful."""
        careful = await self._writer.transact(owning.enter, worker, self._now())
        failpoint("own.written")
        return careful

    async def leave(self, worker: Worker) -> None:
        """The worker ends by itself."""
        await self._writer.transact(owning.leave, worker)

    async def journal(self, starts: Sequence[Start]) -> None:
        """Writes down which uploads run from now on."""
        if starts:
            await self._writer.run(owning.write_journal, starts)

    async def suspects(self, customer_ids: Collection[int]) -> Mapping[int, int]:
        """What ran when a process died: id → how many deaths."""
        # Read where it is written: a line that has just been written must not be missed.
        return await self._writer.run(owning.suspects, customer_ids) if customer_ids else {}

    async def clear_journal(self, ended: Collection[int], given_back: Collection[int] = ()) -> None:
        """These uploads run no more, and nobody died of them."""
        if ended or given_back:
            await self._writer.transact(owning.clear_journal, ended, given_back)

    # -- customers and connections --------------------------------------------------------------------------------------------------

    async def add_customer(self, name: str, *, path_template: str, weight: int = 1) -> Customer:
        """Adds a customer."""
        customer = Customer(id=0, name=name, weight=weight, path_template=path_template, created_at=self._now())
        return await self._writer.core(customers.add_customer, customer)

    async def customers(self) -> Sequence[Customer]:
        """All customers, by name."""
        return await self._looker.core(customers.all_customers)

    async def set_customer_state(self, name: str, state: CustomerState) -> Customer:
        """Pauses or resumes."""
        return await self._writer.core(customers.set_customer_state, name, state)

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
        return await self._writer.core(customers.add_connection, connection)

    async def connections(self, *, customer_id: int | None = None, role: Role | None = None) -> Sequence[Connection]:
        """Connections, by id."""
        return await self._looker.core(customers.find_connections, customer_id, role)

    async def lanes(self, ids: Sequence[LaneId]) -> Mapping[LaneId, LaneRecord]:
        """What is needed to wake lanes."""
        return await self._looker.core(customers.lane_records, ids)

    async def set_connection_state(self, connection_id: int, state: ConnectionState, reason: str) -> bool:
        """Enters a state; False if it was in it already."""
        return await self._writer.core(customers.set_connection_state, connection_id, state, reason, self._now())

    async def save_pace(self, connection_id: int, *, throttled_until: Millis, pace: bytes) -> None:
        """Remembers what the pacer learnt."""
        await self._writer.core(customers.save_pace, connection_id, throttled_until, pace)

    async def replace_secret(self, connection_id: int, name: str, *, old: bytes, new: bytes) -> bool:
        """Keeps another sealed secret in the place of the old one; False if that one is no longer there."""
        return await self._writer.core(customers.replace_secret, connection_id, name, old, new)

    # -- birth ----------------------------------------------------------------------------------------------------------------------

    async def add_births(self, source: Connection, births: Sequence[Birth], *, now: Millis, cursor: str | None) -> Births:
        """Writes items, deliveries and the source's cursor in one transaction."""
        return await self._writer.transact(add_births, BirthRows.of(source, births, now, cursor))

    async def cursor(self, source_id: int) -> str:
        """The source's cursor; empty at the very first time."""
        return await self._looker.core(customers.cursor, source_id)

    # -- the hot path ---------------------------------------------------------------------------------------------------------------

    async def ready_lanes(self, now: Millis) -> Mapping[LaneId, Millis]:  # noqa: ARG002  each lane's time is told, due or not
        """Lanes that have waiting deliveries, each with its earliest ``ready_at``."""
        # Not on the reader: with a hundred thousand lanes it takes a quarter of a second, in which nothing would be read.
        return decode_ready_lanes(await self._looker.run(read_ready_lanes))

    async def waiting(self, wants: Mapping[LaneId, Want], now: Millis) -> Mapping[LaneId, Sequence[Delivery]]:
        """One read for all lanes: due deliveries of each."""
        asked = list(wants.items())
        read = self._reader.run if len(asked) <= LANES_PER_STEP else self._reader.transact
        return decode_deliveries(asked, await read(read_waiting, asked, now))

    async def settle(self, settled: Sequence[Settled], epochs: Mapping[int, int]) -> frozenset[int]:
        """Writes what became of deliveries, in one transaction."""
        if not settled:
            return frozenset()
        try:
            await self._writer.transact(settling.settle_hopeful, settling.Settling.of(settled, epochs, self._now()))
        except settling.NotAllWrittenError:
            return await self._writer.transact(settling.settle_careful, settled, epochs, self._now())
        return frozenset()

    async def save_sessions(self, sessions: Mapping[int, Session], epochs: Mapping[int, int]) -> frozenset[int]:
        """Writes where chunked uploads stand."""
        if not sessions:
            return frozenset()
        return await self._writer.transact(settling.save_sessions, settling.session_rows(sessions), epochs)

    # -- looking --------------------------------------------------------------------------------------------------------------------

    async def changes(self) -> int:
        """A number that differs when another process wrote something since."""
        # Asked of the writing connection: to any other, this process's own writes are another connection's.
        return await self._writer.run(lambda raw: int(raw.execute("PRAGMA data_version").fetchone()[0]))

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
        return await self._writer.core(looking.retry, customer, reason, ids, now)

    async def oldest_waiting(self) -> Mapping[LaneId, Millis]:
        """When the oldest waiting item of each lane was discovered."""
        return await self._looker.core(oldest_waiting)

    def _now(self) -> Millis:
        return int(self._clock.wall() * 1000)
