"""The composition root: settings in, a running Archiver out; the only room that knows all others. Commands and console ask only it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import aiohttp

from archiver.connecting import Connecting, link_of
from archiver.database.browsing import CustomerRow
from archiver.database.port import DeliveryRow, LaneCounters, WorkerRow
from archiver.destinations.port import Account, Unpaced
from archiver.engines import Engine, Standing, standing_of
from archiver.erasing import Erasing, Parting
from archiver.errors import ArchiverError, ConfigError, DatabaseUnavailableError
from archiver.hooks import listening
from archiver.lifecycle import DeliveryState
from archiver.looking import Looking
from archiver.model import Connection, ConnectionState, Customer, CustomerState, Millis, Role
from archiver.naming import DEFAULT_TEMPLATE, check_template
from archiver.observe.address import address_of
from archiver.observe.pulse import under_way
from archiver.opening import Opening, name_rules, site
from archiver.people import Door
from archiver.pipeline.assembly import Assembly, Parts
from archiver.pipeline.collector import Collector
from archiver.pipeline.contents import Contents
from archiver.pipeline.events import Listener, ignore_event
from archiver.pipeline.share import Budget
from archiver.proof.auditing import Auditor, audited
from archiver.proof.prover import Prover
from archiver.rotation import KeyRing
from archiver.services import quiet_services
from archiver.settings import Settings
from archiver.snapshot import Lookout, Moment, Snapshot, lane_progress
from archiver.vault import Vault
from archiver.vault.kms import AwsKms
from archiver.views import ConnectionSpec, CustomerAdded, CustomerView, Imported, LaneProgress, Progress
from genstage.clock import Clock, SystemClock

__all__ = [
    "Archiver",
    "ConnectionSpec",
    "CustomerAdded",
    "CustomerView",
    "Imported",
    "LaneProgress",
    "Moment",
    "Progress",
    "Snapshot",
    "Standing",
]


class Archiver:
    """An open Archiver: ``async with Archiver.open(settings) as archiver``.

    Attributes:
        auditor: Writes and checks the audit log; see `archiver.proof.auditing`.
        prover: Reports and verifies; see `archiver.proof.prover`.
        connecting: Connects customers' storages and phone systems; see ``archiver.connecting``.
        keys: The keys that seal credentials.
        erasing: What customers are kept for, and what goes; see ``archiver.erasing``.
    """

    def __init__(self, settings: Settings, engine: Engine, http: aiohttp.ClientSession, clock: Clock) -> None:
        self._settings = settings
        self._engine = engine
        self._database = engine.database
        self._http = http
        self._clock = clock
        provider = AwsKms(settings.kms_key) if settings.kms_key else None
        self._vault = Vault(keys=settings.key.reveal(), key_file=settings.key_file, provider=provider)
        self.auditor = Auditor(engine.database)
        self._opening = opening = Opening(engine.database, self._vault, http, clock)
        self.prover = Prover(engine.database, self.auditor, partial(opening.destination, pace=Unpaced()), clock)
        self.keys = KeyRing(engine.database, self._vault, self.auditor)
        self.connecting = Connecting(engine.database, self._vault, http, clock, auditor=self.auditor, changed=self._changed)
        self.erasing = Erasing(
            Parting(engine.database, self._vault, http, clock, opening.destination, link_of), self.auditor, changed=self._changed
        )
        self._assembly: Assembly | None = None
        self._lookout = Lookout(engine.database, clock)
        self.door = Door(engine.database, clock)
        self.looking = Looking(engine.database)
        self._began = 0.0

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, *, serve: bool = False, clock: Clock | None = None) -> AsyncIterator[Archiver]:
        """Opens the database, and closes everything at the end.

        Args:
            settings: Where things are.
            serve: Be the process that serves the database; needed for `run`.
            clock: Time; the machine's by default.

        Raises:
            DatabaseHeldError: ``serve``, but another process serves the database; the message names it.
            ConfigError: The database cannot be opened.
            SchemaError: A newer version wrote the database.
        """
        clock = clock or SystemClock()
        engine = Engine(settings, clock)
        database = engine.database
        # No total timeout: big files take long. Each adapter limits the time without progress itself.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
        # Sources are looked at every minute: a connection lives longer than that, since making one costs more than the look.
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=0, keepalive_timeout=90)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=True) as http:
            try:
                if serve:
                    # Before the schema is touched: a second process must not migrate under the first one.
                    await database.serve()
                await database.open()
                archiver = cls(settings, engine, http, clock)
                if archiver._vault.wrapped:  # who unwraps the keys is asked now, not in the middle of something
                    await asyncio.to_thread(archiver._vault.load)
                yield archiver
            finally:
                await database.close()

    @staticmethod
    async def standing(settings: Settings) -> Standing:
        """How the database stands to this version of Archiver; nothing is opened or changed.

        Raises:
            ConfigError: There is something else there, or it does not let us in.
            DatabaseUnavailableError: It cannot be reached or read now.
        """
        return await standing_of(settings)

    @property
    def settings(self) -> Settings:
        """What it was opened with."""
        return self._settings

    # -- running --------------------------------------------------------------------------------------------------------------------

    async def run(
        self,
        stop: asyncio.Event,
        *,
        until_empty: bool = False,
        listener: Listener = ignore_event,
        beside: Sequence[Coroutine[None, None, None]] = (),
    ) -> bool:
        """Archives until ``stop`` is set, then drains.

        Args:
            stop: Set it to drain; uploads that have begun may take up to the setting ``drain_seconds``.
            until_empty: End by itself when every source was read and nothing is left that could be uploaded now.
            listener: Told what happens.
            beside: What else runs meanwhile, such as showing the progress; cancelled after the drain.

        Returns:
            Whether everything that had begun ended by itself.
        """
        settings = self._settings
        await self.check_key()
        quiet = quiet_services(settings, self._database, self._vault, self._http, self._clock, erase=self.erasing.due)
        await self.auditor.record("run", result="started")
        self._assembly = Assembly(
            Parts(
                database=self._database,
                open_source=self._opening.source,
                open_destination=self._opening.destination,
                name_rules=name_rules,
                site=site,
                clock=self._clock,
                listener=self._lookout.listening(listener),
                budget=Budget(settings.uploads_in_flight, settings.bytes_in_flight),
                sweep_seconds=settings.sweep_seconds,
            )
        )
        self._began = self._clock.time()
        fleet = self._engine.fleet(listener)
        beside = [*beside, self._lookout.watch(self._assembly), quiet.run()]
        reached_at = address_of(settings.webhooks, "webhooks") if settings.webhooks else None
        try:
            async with listening(settings.webhooks_url, reached_at) as self._opening.hooks:
                return await fleet.run(self._assembly, stop, drain_seconds=settings.drain_seconds, until_empty=until_empty, beside=beside)
        finally:
            self._opening.hooks = None
            with suppress(DatabaseUnavailableError):
                await self.auditor.record("run", result="stopped")

    async def progress(self) -> Progress:
        """What the running Archiver is at; also before and after `run`, then without what only a running one knows."""
        assembly = self._assembly
        awake = assembly.lanes.awake if assembly else {}
        lanes = [lane_progress(row, awake.get(row.lane), self._clock) for row in await self._database.counters()]
        return Progress(
            seconds=self._clock.time() - self._began if assembly else 0.0,
            archived=assembly.settlement.archived if assembly else 0,
            archived_bytes=assembly.settlement.archived_bytes if assembly else 0,
            reads=assembly.fetcher.reads if assembly else 0,
            lanes=lanes,
            unreadable={failed.customer: failed.reason for failed in assembly.collector.failing.values()} if assembly else {},
        )

    async def snapshot(self, limit: int = 20) -> Snapshot:
        """How everything is at this moment, whatever this process does; ``limit`` lanes at most, those that matter most."""
        return await self._lookout.snapshot(self._assembly, limit)

    def under_way(self) -> int:
        """Uploads that run here and that nothing outside of this process holds up."""
        return under_way(self._assembly, self._clock) if self._assembly else 0

    async def lanes_of(self, row: CustomerRow) -> Sequence[LaneProgress]:
        """What each of a customer's lanes is at, with what only a running one knows."""
        awake = self._assembly.lanes.awake if self._assembly else {}
        return [lane_progress(lane, awake.get(lane.lane), self._clock) for lane in row.lanes]

    def moments(self, after: Millis = 0) -> Sequence[Moment]:
        """What was done in each second after ``after``, within the last hour, as far as this process knows."""
        return self._lookout.moments(after)

    # -- customers ------------------------------------------------------------------------------------------------------------------

    @audited("customers add", subject="name")
    async def add_customer(  # noqa: PLR0913  what a person says in one command
        self,
        name: str,
        sources: Sequence[ConnectionSpec],
        destinations: Sequence[ConnectionSpec],
        *,
        weight: int = 1,
        path_template: str | None = None,
        ping: bool = True,
    ) -> CustomerAdded:
        """Adds a customer with its connections, after everything was checked and, with ``ping``, all of them have answered.

        Raises:
            ConfigError: A name, an option or the template cannot be.
            DestinationError: A destination does not let us in. Nothing was added.
            UnavailableError: A source or destination cannot be reached. Nothing was added.
        """
        template = DEFAULT_TEMPLATE if path_template is None else path_template
        check_template(template)
        given = [*self._opening.given(Role.SOURCE, sources), *self._opening.given(Role.DESTINATION, destinations)]
        for one in given:
            await self._opening.try_given(one, ask=ping)
        customer = await self._database.add_customer(name, path_template=template, weight=weight)
        connections = [await self._opening.keep(one, customer) for one in given]
        self._changed()
        known = {connection.id: one.account for connection, one in zip(connections, given, strict=True) if one.account is not None}
        return CustomerAdded(customer=customer, connections=connections, accounts=known)

    async def customers(self) -> Sequence[CustomerView]:
        """Every customer with its connections, by name."""
        connections = await self._database.connections()
        return [
            CustomerView(customer=customer, connections=[c for c in connections if c.customer_id == customer.id])
            for customer in await self._database.customers()
        ]

    async def _named(self, name: str | None) -> Sequence[Customer]:
        customers = [customer for customer in await self._database.customers() if name in {None, customer.name}]
        if name is not None and not customers:
            raise ConfigError(f"there is no customer {name}", hint="`archiver customers list` shows them.")
        return customers

    @audited("customers pause", subject="name")
    async def pause(self, name: str) -> Customer:
        """Serves the customer no more until `resume`; what is under way ends. Raises ConfigError if there is no such customer."""
        customer = await self._database.set_customer_state(name, CustomerState.PAUSED)
        self._changed()
        return customer

    @audited("customers resume", subject="name")
    async def resume(self, name: str) -> Customer:
        """Serves the customer again, and lets its parked lanes try again. Raises ConfigError if there is no such customer."""
        customer = await self._database.set_customer_state(name, CustomerState.ACTIVE)
        for connection in await self._database.connections(customer_id=customer.id):
            if connection.state is not ConnectionState.ACTIVE:
                await self._database.set_connection_state(connection.id, ConnectionState.ACTIVE, "")
        self._changed()
        return customer

    # -- items ----------------------------------------------------------------------------------------------------------------------

    @audited("import", subject="name")
    async def import_items(self, name: str | None = None) -> Imported:
        """One complete pass over the sources of a customer, or of all: what they have becomes items, nothing is uploaded.

        Raises:
            ConfigError: There is no such customer.
            DatabaseUnavailableError: What was found cannot be written.
        """
        customers = await self._named(name)
        contents = Contents(self._opening.source)
        collector = Collector(self._database, contents, name_rules, lambda _: None, clock=self._clock, listener=ignore_event)
        found = new = 0
        unreadable: dict[str, str] = {}
        try:
            for customer in customers:
                for source in await self._database.connections(customer_id=customer.id, role=Role.SOURCE):
                    try:
                        collected = await collector.collect(customer, source)
                    except DatabaseUnavailableError:
                        raise
                    except ArchiverError as error:
                        unreadable[customer.name] = error.message
                    else:
                        found += collected.found
                        new += collected.new
        finally:
            await contents.close()
            self._changed()
        return Imported(found=found, new=new, unreadable=unreadable)

    @audited("retry", subject="customer")
    async def retry(self, *, customer: str | None = None, reason: str | None = None, ids: Sequence[int] | None = None) -> int:
        """Rejected and gone deliveries become waiting again; returns how many. Raises ConfigError if there is no such customer."""
        await self._named(customer)
        moved = await self._database.retry(customer=customer, reason=reason, ids=ids, now=int(self._clock.wall() * 1000))
        self._changed()
        return moved

    async def status(self) -> Sequence[LaneCounters]:
        """Every lane's numbers."""
        return await self._database.counters()

    async def parked_sources(self) -> Sequence[CustomerView]:
        """Customers of whom a source waits for a person; each with these sources alone."""
        views = [
            (view.customer, [c for c in view.connections if c.role is Role.SOURCE and c.state is not ConnectionState.ACTIVE])
            for view in await self.customers()
        ]
        return [CustomerView(customer=customer, connections=parked) for customer, parked in views if parked]

    async def workers(self) -> Sequence[WorkerRow]:
        """Who serves a database that many may serve; of any other nobody is known here."""
        return await self._engine.shared.workers() if self._engine.shared else ()

    async def deliveries(
        self, *, customer: str | None = None, state: DeliveryState | None = None, after: int = 0, limit: int = 100
    ) -> Sequence[DeliveryRow]:
        """A page of deliveries by id. Raises ConfigError if there is no such customer."""
        await self._named(customer)
        return await self._database.deliveries(customer=customer, state=state, after=after, limit=limit)

    def _changed(self) -> None:
        """The running assembly learns from the database what other processes write, but not what this one does."""
        if self._assembly is not None:
            self._assembly.lanes.look_again()

    async def look(self, connection: Connection) -> Account:
        """Whether a connection lets us in, and whose account it is. Writes nothing. Raises ArchiverError if it does not."""
        return await self._opening.look(connection)

    async def check_key(self) -> bool:
        """Whether there are credentials that the key opens; see `archiver.opening.Opening.check_key`."""
        return await self._opening.check_key()
