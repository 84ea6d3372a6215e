"""Who serves which customer: workers, their beats, taking and giving back. All times are the database's clock.

**A worker is alive as long as its row is there and its time has not run out.** Before others take the customers of one whose time has
run out, they delete its row: a beat that comes too late then finds nothing, and the two cannot both believe to be the owner. A row that
is being written, by a beat, is passed over and counts as alive.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from archiver.database.port import Owner, Taken, Worker, WorkerRow
from archiver.database.postgres.arrays import numbers
from archiver.database.postgres.handle import Raw, at_once
from archiver.database.postgres.journal import count_deaths
from archiver.failpoints import failpoint
from archiver.model import Millis

__all__ = ["BURY", "TAKE", "beat", "enter", "give_back", "leave", "owned", "serving", "share", "take", "workers"]

_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

_ENTER = f"""
INSERT INTO workers (id, host, pid, entered_at, alive_until)
SELECT %(id)s, %(host)s, %(pid)s, clock.now, clock.now + %(ttl)s FROM (SELECT {_NOW} AS now) AS clock
ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until
"""  # noqa: S608  made of constants

_BEAT = f"UPDATE workers SET alive_until = {_NOW} + %(ttl)s WHERE id = %(id)s AND alive_until > {_NOW}"  # noqa: S608  made of constants

BURY = f"""
DELETE FROM workers WHERE id IN (SELECT id FROM workers WHERE alive_until <= {_NOW} AND id <> %(me)s ORDER BY id FOR UPDATE SKIP LOCKED)
"""  # noqa: S608  made of constants

# ``owners`` skips through the index from one owner to the next; ``free`` is nobody and those that have no row. Of each, the head of the
# index is locked, the ones that were served longest ago first; of these heads the first ``most`` are taken.
TAKE = f"""
WITH RECURSIVE owners (owner) AS (
    (SELECT owner FROM customers WHERE state = 'active' AND has_source ORDER BY owner LIMIT 1)
    UNION ALL
    SELECT found.owner FROM owners CROSS JOIN LATERAL (
        SELECT next.owner FROM customers AS next
        WHERE next.state = 'active' AND next.has_source AND next.owner > owners.owner ORDER BY next.owner LIMIT 1
    ) AS found
), free AS (
    SELECT owner FROM owners WHERE NOT EXISTS (SELECT FROM workers WHERE workers.id = owners.owner)
), turn AS MATERIALIZED (
    SELECT head.* FROM free CROSS JOIN LATERAL (
        SELECT id, owner, served_at FROM customers
        WHERE customers.owner = free.owner AND state = 'active' AND has_source
        ORDER BY served_at, id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
    ) AS head
    ORDER BY head.served_at, head.id LIMIT %(most)s
)
UPDATE customers SET owner = %(me)s, epoch = epoch + 1, served_at = {_NOW}
FROM turn WHERE customers.id = turn.id AND customers.id = ANY(ARRAY(SELECT id FROM turn))
  AND EXISTS (SELECT FROM workers WHERE workers.id = %(me)s AND alive_until > {_NOW})
RETURNING customers.id, customers.epoch, turn.owner <> '', EXISTS (
    SELECT FROM journal WHERE journal.customer_id = customers.id AND deaths > 0
)
"""  # noqa: S608  made of constants

_FREE = "UPDATE customers SET owner = '' WHERE owner = %(me)s AND id = ANY(%(ids)s::bigint[])"
_FREE_ALL = "UPDATE customers SET owner = '' WHERE owner = %(me)s"

# Who lets go of a customer has ended its uploads: nobody died of what began. What stood there at a death stays suspect.
_MINE = "customer_id = ANY(ARRAY(SELECT id FROM customers WHERE owner = %(me)s)) AND {which}"
_FORGET = f"DELETE FROM journal WHERE deaths = 0 AND {_MINE}"  # noqa: S608  made of constants
_REST = f"UPDATE journal SET running = false WHERE running AND {_MINE}"  # noqa: S608  made of constants

_SHARE = f"""
SELECT ceil((SELECT count(*) FROM customers WHERE state = 'active' AND has_source)::numeric
            / greatest(1, (SELECT count(*) FROM workers WHERE alive_until > {_NOW})))::bigint
"""  # noqa: S608  made of constants


_WORKERS = f"""
SELECT id, host, pid, entered_at, alive_until, alive_until > {_NOW}, (SELECT count(*) FROM customers WHERE owner = workers.id)
FROM workers ORDER BY entered_at, id
"""  # noqa: S608  made of constants


def enter(raw: Raw, worker: Worker, ttl: Millis) -> None:
    """Notes that a worker serves; one that was thought dead lives again, with what nobody has taken from it in the meantime."""
    raw.execute(_ENTER, {"id": worker.id, "host": worker.host, "pid": worker.pid, "ttl": ttl})


def leave(raw: Raw, worker: Worker) -> None:
    """Frees the worker's customers and forgets it."""
    with at_once(raw):
        raw.execute(_FORGET.format(which="true"), {"me": worker.id})
        raw.execute(_REST.format(which="true"), {"me": worker.id})
        raw.execute(_FREE_ALL, {"me": worker.id})
        raw.execute("DELETE FROM workers WHERE id = %s", (worker.id,))


def beat(raw: Raw, worker: Worker, ttl: Millis) -> bool:
    """Says that a worker is alive; False if its time had run out."""
    return raw.execute(_BEAT, {"id": worker.id, "ttl": ttl}).rowcount > 0


def take(raw: Raw, worker: Worker, limit: int) -> list[Taken]:
    """Takes customers that nobody alive owns, in a transaction of its own; counts the journals of those whose owner died."""
    with at_once(raw) as pipeline:
        raw.execute(BURY, {"me": worker.id})
        rows = raw.execute(TAKE, {"me": worker.id, "most": limit})
        pipeline.sync()
        taken = rows.fetchall()
        if orphans := [customer for customer, _, orphaned, _ in taken if orphaned]:
            count_deaths(raw, pipeline, orphans)
        failpoint("own.unwritten")
    failpoint("own.written")
    return [Taken(customer, epoch, careful=orphaned or suspected) for customer, epoch, orphaned, suspected in taken]


def give_back(raw: Raw, worker: Worker, customer_ids: Collection[int]) -> None:
    """Frees some of a worker's customers."""
    ids = {"me": worker.id, "ids": numbers(customer_ids)}
    with at_once(raw):
        raw.execute(_FORGET.format(which="customer_id = ANY(%(ids)s::bigint[])"), ids)
        raw.execute(_REST.format(which="customer_id = ANY(%(ids)s::bigint[])"), ids)
        raw.execute(_FREE, ids)


def owned(raw: Raw, worker: Worker) -> Mapping[int, int]:
    """The worker's customers: id → epoch."""
    return dict(raw.execute("SELECT id, epoch FROM customers WHERE owner = %s AND owner <> ''", (worker.id,)).fetchall())


def share(raw: Raw) -> int:
    """How many customers a worker should hold at most."""
    (most,) = raw.execute(_SHARE).fetchone() or (0,)
    return int(most)


def workers(raw: Raw) -> list[WorkerRow]:
    """Every worker that has not left, with how many customers it owns; the longest-serving first."""
    rows = raw.execute(_WORKERS).fetchall()
    return [
        WorkerRow(worker=Worker(id=name, host=host, pid=pid), entered_at=entered_at, alive_until=until, alive=alive, customers=customers)
        for name, host, pid, entered_at, until, alive, customers in rows
    ]


def serving(raw: Raw) -> Owner | None:
    """The live worker that has been there longest."""
    row = raw.execute(
        f"SELECT pid, host, entered_at FROM workers WHERE alive_until > {_NOW} ORDER BY entered_at, id LIMIT 1"  # noqa: S608  a constant
    ).fetchone()
    return None if row is None else Owner(*row)
