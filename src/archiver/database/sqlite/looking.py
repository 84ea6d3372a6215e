"""Which waiting item of each lane is the oldest, found without a scan."""

from __future__ import annotations

import sqlalchemy as sa

from archiver.database.engine import looking
from archiver.database.port import LaneCounters
from archiver.database.sqlite.reading import HEADS
from archiver.model import LaneId, Millis

__all__ = ["OLDEST", "oldest_waiting", "read_counters"]

# Deliveries that were never put off stand in ``deliveries_waiting`` by their birth: the first of each lane and priority is the oldest.
# The others stand in ``deliveries_deferred`` by their item. So the oldest of a lane is one of a few heads; nothing is scanned.
OLDEST = f"""
WITH RECURSIVE {HEADS},
deferred (lane, item_id) AS (
    SELECT * FROM (
        SELECT lane, item_id FROM deliveries INDEXED BY deliveries_deferred
        WHERE state = 'waiting' AND reason <> '' ORDER BY lane, item_id LIMIT 1
    )
    UNION ALL
    SELECT found.lane, found.item_id
    FROM deferred CROSS JOIN deliveries AS found ON found.id = (
        SELECT next.id FROM deliveries AS next INDEXED BY deliveries_deferred
        WHERE next.state = 'waiting' AND next.reason <> '' AND next.lane > deferred.lane
        ORDER BY next.lane, next.item_id LIMIT 1
    )
),
oldest (lane, item_id) AS (
    SELECT head.lane, deliveries.item_id FROM head CROSS JOIN deliveries ON deliveries.id = head.id
    UNION ALL
    SELECT lane, item_id FROM deferred
)
SELECT oldest.lane, min(items.discovered_at) FROM oldest CROSS JOIN items ON items.id = oldest.item_id GROUP BY oldest.lane
"""  # noqa: S608  made of constants


def read_counters(core: sa.Connection) -> list[LaneCounters]:
    """Every lane's numbers, by customer's name and lane."""
    return looking.read_counters(core, oldest_waiting(core))


def oldest_waiting(core: sa.Connection) -> dict[LaneId, Millis]:
    """When the oldest waiting item of each lane was discovered."""
    return {row[0]: row[1] for row in core.exec_driver_sql(OLDEST)}
