"""The Collector: what sources find becomes items and deliveries in the Database, and the lanes concerned get a hint.

A source is asked without end: first for what there is, then for what comes. Each page and the source's cursor are one transaction,
so a kill between two pages repeats a page at most, and finding an item twice is harmless.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import aclosing
from functools import partial

import msgspec

from archiver.database.port import Birth, Births, Database
from archiver.errors import ArchiverError, DatabaseUnavailableError, ReconnectNeededError
from archiver.model import Connection, ConnectionState, Customer, Discovery, Kind, LaneId, Millis, Role
from archiver.naming import item_path
from archiver.pipeline.contents import Contents
from archiver.pipeline.events import Born, Listener, SourceFailed, SourceParked, SourceResumed
from archiver.pipeline.patience import Patience
from archiver.pipeline.reading import level_of
from archiver.pipeline.watch import Watch
from archiver.sources.port import Page, Source, Told
from genstage.clock import Clock

__all__ = ["Collected", "Collector"]

_log = logging.getLogger(__name__)

_LONGEST_REST = 60.0  # seconds between two tries of a source that cannot be read
_LIVE_MILLIS = 86_400_000  # after it happened an item is old news: backfill
_NOTE_MILLIS = 60_000  # between two notes that a source was passed over completely: some say so every few seconds
_CURSOR_SECONDS = 600.0  # between two writes of the cursor of a source without news
_TRIES = 3  # in vain, after which a source no longer keeps those waiting who wait for a complete pass


class Collected(msgspec.Struct, frozen=True):
    """What one complete pass of a source brought.

    Attributes:
        found: Items found, known ones too.
        new: Of these, items that were not known.
    """

    found: int
    new: int


class Collector:
    """Turns discoveries into births.

    Args:
        database: Where births are written.
        contents: Where open sources are.
        name_rules: The naming rules that a destination's adapter obeys.
        hint: Told which lanes have something waiting now.
        clock: Time.
        listener: Told what happens.
        jitter: Where randomness comes from; its own by default.
        patience: With the database, for who watches: what a source gave is kept until it can be written. Who only collects needs none.

    Attributes:
        passed: Sources that were passed over completely, or tried several times in vain.
        failing: Sources that cannot be read now, each with what it says.
        on_parked: Told that a source was parked.
        on_news: Told that a source has news before its rest is over.
    """

    def __init__(  # noqa: PLR0913  its five neighbours and the time
        self,
        database: Database,
        contents: Contents,
        name_rules: Callable[[str], str],
        hint: Callable[[Iterable[LaneId]], None],
        *,
        clock: Clock,
        listener: Listener,
        jitter: random.Random | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._database = database
        self._contents = contents
        self._name_rules = name_rules
        self._hint = hint
        self._clock = clock
        self._listener = listener
        self._jitter = jitter or random.Random()  # noqa: S311  spreads retries, guards nothing
        self._patience = patience
        self._customers: dict[int, int] = {}  # of the sources that fail
        self._noted: dict[int, Millis] = {}  # when a complete pass was last written down
        self.passed: set[int] = set()
        self.failing: dict[int, SourceFailed] = {}
        self._watched: dict[int, tuple[Customer, Connection]] = {}
        self._parked: set[int] = set()
        self._quiet: dict[int, tuple[bool, float]] = {}  # whether the last page that was written had nothing, and when
        self.on_parked: Callable[[], None] = lambda: None
        self.on_news: Callable[[int], None] = lambda _source_id: None

    def begin(self, customer: Customer, source: Connection) -> Watch | None:
        """A source is watched from now on; None if it is parked: somebody must connect it again."""
        self._watched[source.id] = customer, source
        if source.state is not ConnectionState.ACTIVE:
            self._waits(customer, source, source.reason)
            return None
        self._goes_on(customer, source)
        return Watch(customer, source)

    async def look(self, watch: Watch) -> float | None:
        """Collects until the source rests. One that fails is told, and rests too; the longer, the more often it failed.

        That the database is away is no failure of the source: it waits, and the page with it.

        Returns:
            Seconds after which to look again; None if never: the source is finite, or parked.
        """
        patience = self._patience
        assert patience is not None, "who watches needs patience"  # noqa: S101  a wiring mistake, not a condition of the world
        rest: float | None = None
        try:
            if watch.pages is None:
                source = self._opened(watch.source)
                watch.pages = source.discover(await patience(self._database.cursor, watch.source.id))
            async for page in watch.pages:
                await patience(self._add, watch.customer, watch.source, page)
                watch.failures = 0
                self.failing.pop(watch.source.id, None)
                if page.complete:
                    watch.on_passed()
                if page.rest is not None:
                    rest = page.rest
                    return rest
        except ReconnectNeededError as error:
            await self.park(watch.source.id, error.message)
        except ArchiverError as error:  # also a table that lost a column: nobody else's trouble
            return await self._failed(watch, error.message)
        except Exception as error:  # noqa: BLE001  told in the log; a bug in one adapter must not stop everybody else
            _log.exception("the adapter %s failed", watch.source.adapter)
            return await self._failed(watch, f"a bug in the adapter ({type(error).__name__}); the log tells more")
        finally:
            if rest is None:
                await watch.close()
        return None

    def _opened(self, connection: Connection) -> Source:
        source = self._contents.source(connection)
        if isinstance(source, Told):
            source.on_news = partial(self._news, connection.id)
        return source

    def _news(self, source_id: int) -> None:
        self.on_news(source_id)

    async def _failed(self, watch: Watch, reason: str) -> float:
        """Tells that a source failed; seconds until it is tried again."""
        customer, source = watch.customer, watch.source
        watch.failures += 1
        if source.id not in self.failing and self._patience is not None:
            self._noted.pop(source.id, None)
            await self._patience(self._note_trouble, source, reason)
        retry_in = min(_LONGEST_REST, 2.0 ** min(watch.failures, 6)) * (0.5 + 0.5 * self._jitter.random())
        failed = SourceFailed(source=source.id, customer=customer.name, reason=reason, retry_in=retry_in)
        self.failing[source.id] = failed
        self._customers[source.id] = customer.id
        self._listener(failed)
        if watch.failures >= _TRIES:
            self.passed.add(source.id)
        return retry_in

    async def park(self, source_id: int, reason: str) -> None:
        """A watched source lets nobody in any more: it waits for a person. Nothing of it is lost, and no item is charged."""
        if source_id not in self._watched:
            return  # its customer went meanwhile
        customer, source = self._watched[source_id]
        assert self._patience is not None, "who watches needs patience"  # noqa: S101  a wiring mistake
        state = ConnectionState.RECONNECT_NEEDED
        self._waits(customer, source, reason)
        if await self._patience(self._database.set_connection_state, source_id, state, reason):
            name, adapter = customer.name, source.adapter
            self._listener(SourceParked(source=source_id, customer=name, provider=adapter, state=state, reason=reason))
        self.on_parked()

    def _waits(self, customer: Customer, source: Connection, reason: str) -> None:
        self._contents.rooms.shut(source.id)
        self._parked.add(source.id)
        self.failing[source.id] = SourceFailed(source=source.id, customer=customer.name, reason=reason, retry_in=0.0)
        self._customers[source.id] = customer.id
        self.passed.add(source.id)

    def _goes_on(self, customer: Customer, source: Connection) -> None:
        """If it was parked, somebody has connected it again: it is opened anew, with what it was connected with."""
        if source.id in self._parked:
            self._parked.discard(source.id)
            self.failing.pop(source.id, None)
            self.passed.discard(source.id)
            self._listener(SourceResumed(source=source.id, customer=customer.name))

    def forget(self, customer_ids: Collection[int]) -> None:
        """These customers are served elsewhere, where it is told how their sources are."""
        for source_id in [source_id for source_id in self.failing if self._customers[source_id] in customer_ids]:
            del self.failing[source_id]
            self._parked.discard(source_id)
        for source_id in [source_id for source_id, (customer, _) in self._watched.items() if customer.id in customer_ids]:
            del self._watched[source_id]

    async def collect(self, customer: Customer, source: Connection) -> Collected:
        """One complete pass over what a source has now.

        Raises:
            ArchiverError: The source could not be read.
        """
        found = new = 0
        try:
            async with aclosing(self._contents.source(source).discover(await self._database.cursor(source.id))) as pages:
                async for page in pages:
                    births = await self._add(customer, source, page)
                    found += len(page.discoveries)
                    new += births.items
                    if page.complete:
                        break
        except DatabaseUnavailableError:
            raise
        except ArchiverError as error:
            await self._note_trouble(source, error.message)
            raise
        return Collected(found, new)

    async def _add(self, customer: Customer, source: Connection, page: Page) -> Births:
        if page.rest is not None and not page.discoveries and not page.complete:
            return Births(items=0, lanes=frozenset())
        result = Births(items=0, lanes=frozenset()) if self._is_no_news(source, page) else await self._write(customer, source, page)
        if page.complete:
            now = int(self._clock.wall() * 1000)
            self.passed.add(source.id)
            if now - self._noted.get(source.id, 0) >= _NOTE_MILLIS:
                await self._database.note_complete(source.id, at=now, claimed=page.claimed)
                self._noted[source.id] = now
        return result

    def _is_no_news(self, source: Connection, page: Page) -> bool:
        """Whether a page only says once more that there is nothing: its cursor is worth a write now and then, to save some looking."""
        quiet, now = not page.discoveries, self._clock.time()
        before, stored_at = self._quiet.get(source.id, (False, 0.0))
        if quiet and before and now - stored_at < _CURSOR_SECONDS:
            return True
        self._quiet[source.id] = quiet and page.complete, now
        return False

    async def _write(self, customer: Customer, source: Connection, page: Page) -> Births:
        connections = await self._database.connections(customer_id=customer.id)
        lanes = [(c.id, self._name_rules(c.adapter), frozenset(c.kinds)) for c in connections if c.role is Role.DESTINATION]
        sources = [c.id for c in connections if c.role is Role.SOURCE]
        # Two sources of a customer may use the same ids; only the first one's paths stay free of a mark.
        tag = "" if sources[:1] == [source.id] else f"s{source.id}"
        now = int(self._clock.wall() * 1000)
        births = [_birth(discovery, customer.path_template, lanes, tag, _level(discovery, source, now)) for discovery in page.discoveries]
        result = await self._database.add_births(source, births, now=now, cursor=page.cursor)
        if result.items:
            self._listener(Born(source=source.id, customer=customer.name, items=result.items))
        if result.lanes:
            self._hint(result.lanes)
        return result

    async def _note_trouble(self, source: Connection, reason: str) -> None:
        await self._database.note_trouble(source.id, at=int(self._clock.wall() * 1000), trouble=reason)


def _birth(discovery: Discovery, template: str, lanes: Sequence[tuple[LaneId, str, frozenset[Kind]]], tag: str, level: int) -> Birth:
    """The path is fixed here, once: a later change of the template moves nothing. A destination that takes only some kinds gets those."""
    tag = "" if discovery.kind in {Kind.MANIFEST, Kind.SIDECAR} else tag  # of each of which a customer has one source
    about = discovery.metadata.get("of") if discovery.kind is Kind.SIDECAR else discovery.kind
    return Birth(
        discovery,
        [
            (lane, item_path(discovery, template=template, rules=rules, source_tag=tag), level)
            for lane, rules, kinds in lanes
            if (about in kinds if kinds and discovery.lane is None else discovery.lane in {None, lane})
        ],
    )


def _level(discovery: Discovery, source: Connection, now: Millis) -> int:
    return level_of(source.id, discovery.budget, backfill=now - discovery.occurred_at > _LIVE_MILLIS)
