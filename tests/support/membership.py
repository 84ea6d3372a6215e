"""A database for many workers on one SQLite file: the `Membership` port with a real fence, for fleets in one event loop."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from archiver.database.port import POISON_DEATHS, Taken, Worker, WorkerRow
from archiver.database.sqlite import SqliteDatabase
from archiver.model import LaneId, Millis
from genstage.clock import Clock

__all__ = ["Roll", "SharedDatabase"]

_WANTS = """(state = 'active' AND (
    EXISTS (SELECT 1 FROM connections WHERE connections.customer_id = customers.id AND role = 'source')
    OR EXISTS (SELECT 1 FROM deliveries WHERE deliveries.customer_id = customers.id AND deliveries.state = 'waiting')))"""


class Roll:
    """Who is alive, for all workers of one file: kept beside it, so that a beat is no change that others would look at.

    Attributes:
        history: Every change of ownership: (clock's time, customer, owner or empty, epoch).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entered: dict[str, tuple[Worker, float]] = {}
        self._until: dict[str, float] = {}
        self.history: list[tuple[float, int, str, int]] = []

    def enter(self, worker: Worker, ttl: Millis) -> None:
        """A worker serves from now on; harmless when called twice."""
        self._entered.setdefault(worker.id, (worker, self._clock.wall()))
        self._until[worker.id] = self._clock.time() + ttl / 1000

    def leave(self, worker: Worker) -> None:
        """It serves no more."""
        self._entered.pop(worker.id, None)
        self._until.pop(worker.id, None)

    def beat(self, worker: Worker, ttl: Millis) -> bool:
        """It is alive; False if it had been dead."""
        if worker.id not in self.alive:
            return False
        self._until[worker.id] = self._clock.time() + ttl / 1000
        return True

    def bury(self, worker: str) -> None:
        """A worker is dead from now on, whatever it thinks itself."""
        self._until[worker] = -1.0

    @property
    def alive(self) -> list[str]:
        """Workers that are alive."""
        return self.alive_at(self._clock.time())

    def alive_at(self, now: float) -> list[str]:
        """Workers that are alive at that moment; for threads, which have no clock."""
        return [worker for worker, until in list(self._until.items()) if now < until]

    def rows(self, customers: Mapping[str, int]) -> list[WorkerRow]:
        """Those that have not left, for people."""
        offset = self._clock.wall() - self._clock.time()
        return [
            WorkerRow(
                worker=worker,
                entered_at=int(entered * 1000),
                alive_until=int((self._until[worker.id] + offset) * 1000),
                alive=worker.id in self.alive,
                customers=customers.get(worker.id, 0),
            )
            for worker, entered in self._entered.values()
        ]

    def now(self) -> float:
        """The clock's time; threads have none."""
        return self._clock.time()


class SharedDatabase(SqliteDatabase):
    """One SQLite file as one of several workers sees it.

    Args:
        path: The file.
        clock: Time.
        roll: Shared by all workers of the file.
    """

    def __init__(self, path: Path, clock: Clock, roll: Roll) -> None:
        super().__init__(path, clock=clock)
        self._roll = roll
        self._entered: str | None = None

    async def enter(self, worker: Worker, *, ttl: Millis) -> bool:
        """Notes that this worker serves; `take` tells whether somebody died."""
        self._roll.enter(worker, ttl)
        self._entered = worker.id
        return False

    async def leave(self, worker: Worker) -> None:
        """Its customers are free at once."""
        self._roll.leave(worker)
        now = self._roll.now()

        def free(raw: sqlite3.Connection) -> None:
            for customer_id, epoch in raw.execute("SELECT id, epoch FROM customers WHERE owner = ?", (worker.id,)).fetchall():
                self._roll.history.append((now, customer_id, "", epoch))
                _rest(raw, customer_id)
            raw.execute("UPDATE customers SET owner = '' WHERE owner = ?", (worker.id,))

        await self._writer.transact(free)

    async def beat(self, worker: Worker, *, ttl: Millis) -> bool:
        """Says that the worker is alive."""
        return self._roll.beat(worker, ttl)

    async def take(self, worker: Worker, *, limit: int) -> Sequence[Taken]:
        """Takes customers that no live worker owns."""
        if worker.id not in self._roll.alive:
            return []
        return await self._writer.transact(self._take, worker.id, self._roll.now(), limit)

    def _take(self, raw: sqlite3.Connection, me: str, now: float, limit: int) -> list[Taken]:
        # Within the transaction: somebody may have entered, and taken some, while it waited for another to end.
        alive = ", ".join(f"'{worker}'" for worker in self._roll.alive_at(now))
        free = f"SELECT id, epoch, owner FROM customers WHERE {_WANTS} AND owner NOT IN ({alive}) ORDER BY served_at, id LIMIT ?"  # noqa: S608  ids of our own
        taken = []
        for customer_id, epoch, owner in raw.execute(free, (limit,)).fetchall():
            raw.execute("UPDATE customers SET owner = ?, epoch = epoch + 1, served_at = ? WHERE id = ?", (me, int(now * 1000), customer_id))
            if owner:
                _count(raw, customer_id)
            taken.append(Taken(customer_id=customer_id, epoch=epoch + 1, careful=bool(owner)))
            self._roll.history.append((now, customer_id, me, epoch + 1))
        return taken

    async def give_back(self, worker: Worker, customer_ids: Collection[int]) -> None:
        """These customers are free at once."""
        now = self._roll.now()

        def free(raw: sqlite3.Connection) -> None:
            for customer_id in customer_ids:
                update = "UPDATE customers SET owner = '' WHERE id = ? AND owner = ? RETURNING epoch"
                for (epoch,) in raw.execute(update, (customer_id, worker.id)).fetchall():
                    self._roll.history.append((now, customer_id, "", epoch))
                    _rest(raw, customer_id)

        await self._writer.transact(free)

    async def owned(self, worker: Worker) -> Mapping[int, int]:
        """The customers that the worker owns, each with its epoch."""
        query = "SELECT id, epoch FROM customers WHERE owner = ?"
        return await self._writer.run(lambda raw: dict(raw.execute(query, (worker.id,)).fetchall()))

    async def share(self, worker: Worker) -> int:
        """How many customers the worker should hold at most."""
        query = f"SELECT count(*) FROM customers WHERE owner <> '' OR {_WANTS}"  # noqa: S608  made of constants
        count = await self._writer.run(lambda raw: int(raw.execute(query).fetchone()[0]))
        return math.ceil(count / max(1, len({*self._roll.alive, worker.id})))

    async def workers(self) -> Sequence[WorkerRow]:
        """Who serves, for people."""
        query = "SELECT owner, count(*) FROM customers WHERE owner <> '' GROUP BY owner"
        return self._roll.rows(await self._writer.run(lambda raw: dict(raw.execute(query).fetchall())))

    async def ready_lanes(self, now: Millis) -> Mapping[LaneId, Millis]:
        """Lanes that have waiting deliveries; once a worker has entered here, only those of its customers."""
        lanes = await super().ready_lanes(now)
        if self._entered is None:
            return lanes
        query = "SELECT connections.id FROM connections JOIN customers ON customers.id = customer_id WHERE owner = ?"
        mine = await self._writer.run(lambda raw: {row[0] for row in raw.execute(query, (self._entered,))})
        return {lane: ready_at for lane, ready_at in lanes.items() if lane in mine}


def _count(raw: sqlite3.Connection, customer_id: int) -> None:
    """One death more for everything that ran of a customer whose owner died; what is the cause of too many is rejected."""
    settled = "DELETE FROM journal WHERE (SELECT state FROM deliveries WHERE deliveries.id = delivery_id) <> 'waiting' AND customer_id = ?"
    raw.execute(settled, (customer_id,))
    raw.execute("UPDATE journal SET deaths = deaths + 1, running = 0 WHERE running AND customer_id = ?", (customer_id,))
    poison = raw.execute(
        "SELECT delivery_id, lane, kind FROM journal JOIN deliveries ON deliveries.id = delivery_id JOIN items ON items.id = item_id"
        " WHERE journal.customer_id = ? AND deaths >= ?",
        (customer_id, POISON_DEATHS),
    ).fetchall()
    for delivery_id, lane, kind in poison:
        raw.execute("UPDATE deliveries SET state = 'rejected', reason = 'PoisonError' WHERE id = ?", (delivery_id,))
        raw.execute("UPDATE lane_counters SET waiting = waiting - 1, rejected = rejected + 1 WHERE lane = ?", (lane,))
        raw.execute("UPDATE kind_counters SET waiting = waiting - 1, rejected = rejected + 1 WHERE lane = ? AND kind = ?", (lane, kind))
        raw.execute("DELETE FROM journal WHERE delivery_id = ?", (delivery_id,))


def _rest(raw: sqlite3.Connection, customer_id: int) -> None:
    """Whoever lets go of a customer has ended its uploads: nobody died of them."""
    raw.execute("DELETE FROM journal WHERE deaths = 0 AND customer_id = ?", (customer_id,))
    raw.execute("UPDATE journal SET running = 0 WHERE running AND customer_id = ?", (customer_id,))
