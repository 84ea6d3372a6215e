"""The hot reads: which lanes have work, and the next deliveries of each. They write nothing, and each is one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from archiver.database.port import Place, Want
from archiver.database.postgres.arrays import numbers
from archiver.database.postgres.handle import Raw
from archiver.database.texts import unescape
from archiver.model import Delivery, LaneId, Millis

__all__ = [
    "HEADS",
    "READY_LANES",
    "WAITING",
    "decode_deliveries",
    "decode_ready_lanes",
    "read_ready_lanes",
    "read_waiting",
    "waiting_values",
]

_BEGINNING: Place = (-1, -1, -1)
"""Before every delivery: priorities, times and ids are never negative."""
_LAST = 2**31 - 1
"""No priority is higher."""

HEADS = """
head (lane, priority, ready_at, item_id) AS (
    (
        SELECT lane, priority, ready_at, item_id FROM deliveries
        WHERE state = 'waiting' ORDER BY lane, priority, ready_at, id LIMIT 1
    )
    UNION ALL
    SELECT found.* FROM head CROSS JOIN LATERAL (
        SELECT next.lane, next.priority, next.ready_at, next.item_id FROM deliveries AS next
        WHERE next.state = 'waiting' AND (next.lane, next.priority) > (head.lane, head.priority)
        ORDER BY next.lane, next.priority, next.ready_at, next.id LIMIT 1
    ) AS found
)
"""
"""The first waiting delivery of every lane and priority: a scan that skips through the index, one seek per pair."""

READY_LANES = f"""
WITH RECURSIVE {HEADS}
SELECT coalesce(json_agg(json_build_array(lane, ready_at)), '[]') FROM (
    SELECT head.lane, min(head.ready_at) AS ready_at
    FROM head JOIN connections ON connections.id = head.lane JOIN customers ON customers.id = connections.customer_id
    WHERE customers.state = 'active' AND (%(worker)s::text IS NULL OR customers.owner = %(worker)s) GROUP BY head.lane
) AS ready
"""  # noqa: S608  made of constants

# Each lane's part: ``level`` is the priorities from the place's on, each with the place after which to read; within each the index is
# read in its own order from that place to now. So nothing is sorted, nothing that waits for a later try is stepped over, and LIMIT ends
# the scan. The items are looked up in a subquery that cannot be joined in another way: how many rows come is known to LIMIT only, the
# planner supposes far more and would read the whole table of items.
WAITING = """
SELECT coalesce(json_agg(json_build_array(
    d.id, d.lane, d.customer_id, d.path, d.priority, d.ready_at, d.attempt, d.session::json,
    json_build_array(i.id, i.source_id, i.kind, i.external_id, i.locator, i.media_type, i.size, i.sha256, i.occurred_at,
                     i.discovered_at),
    d.state
)), '[]')
FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[])
     AS want (lane, priority, ready_at, id, most, last)
CROSS JOIN LATERAL (
    WITH RECURSIVE level (priority, ready_at, id) AS (
        SELECT want.priority, want.ready_at, want.id
        UNION ALL
        SELECT (
            SELECT next.priority FROM deliveries AS next
            WHERE next.lane = want.lane AND next.state = 'waiting' AND next.priority > level.priority AND next.priority <= want.last
            ORDER BY next.priority LIMIT 1
        ), -1, -1
        FROM level WHERE level.priority IS NOT NULL
    )
    SELECT found.* FROM level CROSS JOIN LATERAL (
        SELECT * FROM deliveries AS one
        WHERE one.lane = want.lane AND one.state = 'waiting' AND one.priority = level.priority
          AND (one.ready_at, one.id) > (level.ready_at, level.id) AND one.ready_at <= %s
        ORDER BY one.ready_at, one.id LIMIT want.most
    ) AS found
    LIMIT want.most
) AS d
CROSS JOIN LATERAL (SELECT * FROM items WHERE items.id = d.item_id LIMIT 1) AS i
"""

_deliveries = msgspec.json.Decoder(list[Delivery])
_pairs = msgspec.json.Decoder(list[tuple[int, int]])


def waiting_values(wants: Mapping[LaneId, Want], now: Millis) -> Sequence[object]:
    """The values of `WAITING`."""
    places = [want.after or _BEGINNING for want in wants.values()]
    columns = zip(*places, strict=True) if places else ((), (), ())
    last = numbers(_LAST if want.last is None else want.last for want in wants.values())
    return (numbers(wants), *map(numbers, columns), numbers(want.limit for want in wants.values()), last, now)


def read_waiting(raw: Raw, wants: Mapping[LaneId, Want], now: Millis) -> bytes:
    """The due deliveries of lanes as JSON."""
    return _one(raw, WAITING, waiting_values(wants, now))


def decode_deliveries(text: bytes) -> dict[LaneId, list[Delivery]]:
    """What `read_waiting` read, as values; lanes without any are left out."""
    found: dict[LaneId, list[Delivery]] = {}
    for delivery in _deliveries.decode(text):
        found.setdefault(delivery.lane, []).append(delivery)
    if b"\\u0010" in text:
        return {lane: [_unescaped(delivery) for delivery in deliveries] for lane, deliveries in found.items()}
    return found


def read_ready_lanes(raw: Raw, worker: str | None) -> bytes:
    """Lanes of active customers, of those that the worker owns if there is one, with their earliest ``ready_at``, as JSON."""
    return _one(raw, READY_LANES, {"worker": worker})


def decode_ready_lanes(text: bytes) -> Mapping[LaneId, Millis]:
    """What `read_ready_lanes` read, as a mapping."""
    return dict(_pairs.decode(text))


def _one(raw: Raw, statement: str, values: Sequence[object] | Mapping[str, object]) -> bytes:
    """The only value of a statement's answer, as the bytes that came."""
    result = raw.execute(statement, values).pgresult
    text = result.get_value(0, 0) if result is not None else None
    assert text is not None  # noqa: S101  each of the statements has one row
    return text


def _unescaped(delivery: Delivery) -> Delivery:
    item = delivery.item
    return msgspec.structs.replace(
        delivery,
        path=unescape(delivery.path),
        item=msgspec.structs.replace(
            item, external_id=unescape(item.external_id), locator=unescape(item.locator), media_type=unescape(item.media_type)
        ),
    )
