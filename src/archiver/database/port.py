"""The port of the Database: what must be kept, and the few hot reads and writes.

In: births from the collector, settlements from the pipeline. Out: waiting deliveries for the Fetcher, counters for people.
**Reading writes nothing**; one batched, fenced write per settled item.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from archiver.database.audit import AuditLog
from archiver.database.browsing import Browsing
from archiver.database.completeness import Completeness
from archiver.database.connecting import ConnectingDatabase, Invitation, Step
from archiver.database.credentials import CredentialsDatabase, SealedRow
from archiver.database.erasing import CustomerChange, Erasable, ErasingDatabase
from archiver.database.people import People
from archiver.database.records import (
    FORESIGHT,
    POISON_DEATHS,
    POISON_DETAIL,
    Birth,
    Births,
    DeliveryRow,
    LaneCounters,
    LaneRecord,
    Owner,
    Place,
    Settled,
    Start,
    Taken,
    Want,
    Worker,
    WorkerRow,
)
from archiver.database.survey import Survey, Totals
from archiver.database.upkeep import Channel, Notice, UpkeepDatabase
from archiver.lifecycle import DeliveryState
from archiver.model import (
    Connection,
    ConnectionState,
    Customer,
    CustomerState,
    Delivery,
    Kind,
    LaneId,
    Millis,
    Role,
    Session,
)

__all__ = [
    "FORESIGHT",
    "POISON_DEATHS",
    "POISON_DETAIL",
    "Birth",
    "Births",
    "Channel",
    "CustomerChange",
    "Database",
    "DeliveryRow",
    "Erasable",
    "Invitation",
    "LaneCounters",
    "LaneRecord",
    "Membership",
    "Notice",
    "Owner",
    "Place",
    "SealedRow",
    "Settled",
    "Start",
    "Step",
    "Survey",
    "Taken",
    "Totals",
    "Want",
    "Worker",
    "WorkerRow",
]


class Database(
    AuditLog, Completeness, ConnectingDatabase, CredentialsDatabase, ErasingDatabase, UpkeepDatabase, Browsing, People, Survey, Protocol
):
    """Everything that Archiver remembers. Methods may be called concurrently; each is one transaction.

    Raises:
        ConfigError: The address cannot be opened.
        DatabaseUnavailableError: Now it cannot be read or written (disk full, locked for long). Nothing was written; the same call may be
            made again.
        SchemaError: A newer version wrote the database.
    """

    async def open(self) -> None:
        """Connects, and brings the schema up to date (transactional: a kill half way leaves the old one)."""
        ...

    async def close(self) -> None:
        """Lets go of everything, ownership too; harmless when called twice."""
        ...

    async def owner(self) -> Owner | None:
        """The process that serves the database now, of several the one that has served longest; None if none does."""
        ...

    async def serve(self) -> None:
        """Makes this process the one that serves the database, until `close` or its death (also by SIGKILL).

        Where many may serve this does nothing: who serves whom is a matter of `Membership`.

        Raises:
            DatabaseHeldError: Another process does; the message names its pid, host and since when.
        """
        ...

    # -- owning ---------------------------------------------------------------------------------------------------------------------

    async def enter(self, worker: Worker, *, ttl: Millis) -> bool:
        """Notes that this worker serves, so that its death can be told from its leaving.

        Args:
            worker: Who.
            ttl: For how long it counts as alive if it is not heard of again. On a database that one process serves alone, the lock on
                it tells that, and this is not used.

        Returns:
            Whether the one that served *everything* before died without leaving, or suspects of an older death are left: every lane must
            start careful. The journal of the dead has been counted (see `take`). Where customers have owners, `take` tells it for each
            customer, and this is False.
        """
        ...

    async def leave(self, worker: Worker) -> None:
        """The worker serves no more: its customers are free at once. Harmless if it never entered."""
        ...

    async def journal(self, starts: Sequence[Start]) -> None:
        """Writes down, before they begin, which uploads run from now on; what stands there already keeps its count of deaths."""
        ...

    async def suspects(self, customer_ids: Collection[int]) -> Mapping[int, int]:
        """Deliveries of these customers that ran, by the journal, when a worker died: id → how many deaths, at least 1."""
        ...

    async def clear_journal(self, ended: Collection[int], given_back: Collection[int] = ()) -> None:
        """These uploads run no more, and nobody died of them.

        Args:
            ended: They have an outcome; nothing of them stays.
            given_back: They were not tried to the end (a 429, a drain): who has died of one before still knows it.
        """
        ...

    # -- customers and connections --------------------------------------------------------------------------------------------------

    async def add_customer(self, name: str, *, path_template: str, weight: int = 1) -> Customer:
        """Adds a customer.

        Raises:
            ConfigError: The name is taken, or is not 1-64 of ``a-z 0-9 . _ -`` beginning with a letter or digit.
        """
        ...

    async def customers(self) -> Sequence[Customer]:
        """All customers, by name."""
        ...

    async def set_customer_state(self, name: str, state: CustomerState) -> Customer:
        """Pauses or resumes. Raises ConfigError if there is no such customer."""
        ...

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
        """Adds a source or destination. A new destination gets deliveries for the customer's existing items only on request."""
        ...

    async def connections(self, *, customer_id: int | None = None, role: Role | None = None) -> Sequence[Connection]:
        """Connections, by id."""
        ...

    async def lanes(self, ids: Sequence[LaneId]) -> Mapping[LaneId, LaneRecord]:
        """What is needed to wake lanes: each with its customer, its destination and the customer's sources. Unknown ids are left out."""
        ...

    async def set_connection_state(self, connection_id: int, state: ConnectionState, reason: str) -> bool:
        """Enters a state. Returns False if it was in it already (so that a person is told once, not a thousand times)."""
        ...

    async def save_pace(self, connection_id: int, *, throttled_until: Millis, pace: bytes) -> None:
        """Remembers what the pacer learnt, so that a restart begins near the known rate and obeys a Retry-After."""
        ...

    async def replace_secret(self, connection_id: int, name: str, *, old: bytes, new: bytes) -> bool:
        """Keeps another sealed secret in the place of ``old``.

        Returns:
            False if what is kept is no longer ``old``: somebody else replaced it, and nothing was written.
        """
        ...

    # -- birth ----------------------------------------------------------------------------------------------------------------------

    async def add_births(self, source: Connection, births: Sequence[Birth], *, now: Millis, cursor: str | None) -> Births:
        """Writes items, deliveries and the source's cursor in one transaction.

        An item that is known already gets the deliveries it lacks (a new destination). If it has not been archived anywhere and comes with
        another locator, media type, size or sha256 (a file that grew), these are updated and its unfinished sessions forgotten.

        Args:
            source: Where the items were found; every delivery is its customer's.
            births: Any number; about a thousand is quickest.
            now: Becomes ``discovered_at`` and ``ready_at``; of what the source will purge ``ready_at`` is `FORESIGHT` before that, if that
                is earlier, so that among deliveries of one priority those go first that will be purged soonest.
            cursor: Where the source goes on; None leaves the stored one.

        Returns:
            How many items are new, and which lanes got deliveries.
        """
        ...

    async def cursor(self, source_id: int) -> str:
        """The source's cursor; empty at the very first time."""
        ...

    # -- the hot path ---------------------------------------------------------------------------------------------------------------

    async def ready_lanes(self, now: Millis) -> Mapping[LaneId, Millis]:
        """Lanes that have waiting deliveries, each with its earliest ``ready_at``; of active customers and whatever connection state.

        Where customers have owners: only of those that the worker which entered here owns.

        Costs lanes with work, not rows and not idle lanes (skips through the partial index).
        """
        ...

    async def waiting(self, wants: Mapping[LaneId, Want], now: Millis) -> Mapping[LaneId, Sequence[Delivery]]:
        """One read for all lanes: due deliveries of each, ordered by (priority, ready_at, id). Writes nothing.

        Lanes without any are left out.
        """
        ...

    async def settle(self, settled: Sequence[Settled], epochs: Mapping[int, int]) -> frozenset[int]:
        """Writes what became of deliveries, in one transaction: new states, receipts, counters, a line of the audit log.

        Args:
            settled: What became of each.
            epochs: Customer id → the epoch under which this process owns it.

        Returns:
            Ids that were **not** written, since the customer's epoch has moved on or the delivery was no longer waiting.
        """
        ...

    async def save_sessions(self, sessions: Mapping[int, Session], epochs: Mapping[int, int]) -> frozenset[int]:
        """Writes where chunked uploads stand, at chunk boundaries.

        Args:
            sessions: Delivery id → where it stands.
            epochs: Customer id → the epoch under which this process owns it.

        Returns:
            Ids that were **not** written, as `settle` has them: what another owner has promised of a delivery is not overwritten.
        """
        ...

    # -- looking --------------------------------------------------------------------------------------------------------------------

    async def changes(self) -> int:
        """A number that differs when *another* connection wrote something since; cheap enough to ask every second."""
        ...

    async def counters(self) -> Sequence[LaneCounters]:
        """Every lane's numbers. Never scans deliveries."""
        ...

    async def deliveries(
        self, *, customer: str | None = None, state: DeliveryState | None = None, after: int = 0, limit: int = 100
    ) -> Sequence[DeliveryRow]:
        """A page of deliveries by id."""
        ...

    async def retry(self, *, customer: str | None = None, reason: str | None = None, ids: Sequence[int] | None = None, now: Millis) -> int:
        """Rejected and gone deliveries become waiting again with no tries charged. Returns how many."""
        ...


class Membership(Protocol):
    """What a database for many workers can do besides: each customer has at most one owner, and a dead worker's are taken over.

    All times are the database's clock, so that no machine's own clock matters.

    The journal of a customer whose owner died is counted when it is taken: each delivery that ran is one death further and runs no more,
    and one that has come to `POISON_DEATHS` is rejected with the reason ``PoisonError``.
    """

    async def beat(self, worker: Worker, *, ttl: Millis) -> bool:
        """Says that the worker is alive.

        Returns:
            False if it had been dead by the database's clock: others may own its customers by now, and it must drop everything that it
            holds and `enter` anew.
        """
        ...

    async def take(self, worker: Worker, *, limit: int) -> Sequence[Taken]:
        """Takes customers that want to be served and that no live worker owns, those that were served longest ago first.

        A customer wants to be served if it is active and has a source, or a waiting delivery that is due or will be.

        Args:
            worker: Who takes; it must be alive.
            limit: At most this many.
        """
        ...

    async def give_back(self, worker: Worker, customer_ids: Collection[int]) -> None:
        """These customers are free at once; those that the worker does not own any more are left alone."""
        ...

    async def owned(self, worker: Worker) -> Mapping[int, int]:
        """The customers that the worker owns by the database: id → epoch."""
        ...

    async def share(self, worker: Worker) -> int:
        """How many customers the worker should hold at most: those that are owned or want to be, over the workers that are alive."""
        ...

    async def workers(self) -> Sequence[WorkerRow]:
        """Who serves, for people: those that are alive, and the dead whose customers nobody has taken yet; the longest-serving first."""
        ...
