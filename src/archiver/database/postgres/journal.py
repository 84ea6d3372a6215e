"""The journal: which uploads have begun on customers whose worker died before, so that an item that kills its worker is found out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import psycopg

from archiver.database.port import POISON_DEATHS, POISON_DETAIL, Start
from archiver.database.postgres.arrays import numbers
from archiver.database.postgres.handle import Raw, at_once

__all__ = ["clear", "count_deaths", "suspects", "write"]

_WRITE = """
INSERT INTO journal (delivery_id, customer_id, deaths, running) SELECT given.*, 0, true FROM unnest(%s::bigint[], %s::bigint[]) AS given
ON CONFLICT (delivery_id) DO UPDATE SET running = true
"""
# Its upload ended, and was settled, and the worker died before the line went: nobody died of it.
_FORGET_SETTLED = """
DELETE FROM journal USING deliveries
WHERE journal.customer_id = ANY(%s::bigint[]) AND deliveries.id = journal.delivery_id AND deliveries.state <> 'waiting'
"""
_COUNT = """
UPDATE journal SET deaths = deaths + 1, running = false WHERE customer_id = ANY(%s::bigint[]) AND running RETURNING delivery_id, deaths
"""
_CLEAR = "DELETE FROM journal WHERE delivery_id = ANY(%s::bigint[])"
_CLEAR_INNOCENT = "DELETE FROM journal WHERE delivery_id = ANY(%s::bigint[]) AND deaths = 0"
_REST = "UPDATE journal SET running = false WHERE delivery_id = ANY(%s::bigint[])"
_LOCK = """
SELECT FROM lane_counters WHERE lane = ANY(ARRAY(SELECT lane FROM deliveries WHERE id = ANY(%s::bigint[]))) ORDER BY lane
FOR NO KEY UPDATE
"""
_REJECT = """
WITH rejected AS (
    UPDATE deliveries SET state = 'rejected', reason = 'PoisonError', detail = %(detail)s, session = NULL
    WHERE id = ANY(%(ids)s::bigint[]) AND (state = 'waiting') IS TRUE RETURNING lane, item_id
), of_kind AS (
    SELECT lane, kind, count(*) AS rejected
    FROM (SELECT lane, (SELECT kind FROM items WHERE items.id = rejected.item_id) AS kind FROM rejected) AS found GROUP BY lane, kind
), kinds AS (
    UPDATE kind_counters SET waiting = kind_counters.waiting - of_kind.rejected, rejected = kind_counters.rejected + of_kind.rejected
    FROM of_kind WHERE kind_counters.lane = of_kind.lane AND kind_counters.kind = of_kind.kind
), counts AS (SELECT lane, sum(rejected) AS rejected FROM of_kind GROUP BY lane)
UPDATE lane_counters SET waiting = lane_counters.waiting - counts.rejected, rejected = lane_counters.rejected + counts.rejected
FROM counts WHERE lane_counters.lane = counts.lane
"""


def write(raw: Raw, starts: Sequence[Start]) -> None:
    """Notes what begins."""
    raw.execute(_WRITE, (numbers(start.delivery_id for start in starts), numbers(start.customer_id for start in starts)))


def suspects(raw: Raw, customer_ids: Collection[int]) -> Mapping[int, int]:
    """What ran when a worker died: id → how many deaths."""
    query = "SELECT delivery_id, deaths FROM journal WHERE customer_id = ANY(%s::bigint[]) AND deaths > 0"
    return dict(raw.execute(query, (numbers(customer_ids),)).fetchall())


def clear(raw: Raw, ended: Collection[int], given_back: Collection[int]) -> None:
    """Forgets what has ended; of what was given back it keeps who died of it."""
    with at_once(raw):
        raw.execute(_CLEAR, (numbers(ended),))
        if given_back:
            raw.execute(_CLEAR_INNOCENT, (numbers(given_back),))
            raw.execute(_REST, (numbers(given_back),))


def count_deaths(raw: Raw, pipeline: psycopg.Pipeline, customer_ids: Collection[int]) -> None:
    """One death more for all that runs by these customers' journals; what has had enough is rejected. In the caller's transaction."""
    raw.execute(_FORGET_SETTLED, (numbers(customer_ids),))
    counted = raw.execute(_COUNT, (numbers(customer_ids),))
    pipeline.sync()
    poison = numbers(delivery_id for delivery_id, deaths in counted if deaths >= POISON_DEATHS)
    if poison != "{}":
        raw.execute(_LOCK, (poison,))
        raw.execute(_REJECT, {"ids": poison, "detail": POISON_DETAIL})
        raw.execute(_CLEAR, (poison,))
