"""Which waiting item of each lane is the oldest, found without a scan."""

from __future__ import annotations

import sqlalchemy as sa

from archiver.database.engine import looking
from archiver.database.port import LaneCounters
from archiver.database.postgres.reading import HEADS
from archiver.model import LaneId, Millis

__all__ = ["OLDEST", "oldest_waiting", "read_counters"]

# Deliveries that were never put off stand in the queue by their birth: the first of each lane and priority is the oldest. The others
# stand in ``deliveries_deferred`` by their item. So the oldest of a lane is one of a few heads; nothing is scanned.
OLDEST = f"""
WITH RECURSIVE {HEADS},
deferred (lane, item_id) AS (
    (
        SELECT lane, item_id FROM deliveries WHERE state = 'waiting' AND reason <> '' ORDER BY lane, item_id LIMIT 1
    )
    UNION ALL
    SELECT found.* FROM deferred CROSS JOIN LATERAL (
        SELECT next.lane, next.item_id FROM deliveries AS next
        WHERE next.state = 'waiting' AND next.reason <> '' AND next.lane > deferred.lane ORDER BY next.lane, next.item_id LIMIT 1
    ) AS found
),
oldest (lane, item_id) AS (SELECT lane, item_id FROM head UNION ALL SELECT lane, item_id FROM deferred)
SELECT oldest.lane, min(item.discovered_at)
FROM oldest CROSS JOIN LATERAL (SELECT discovered_at FROM items WHERE items.id = oldest.item_id LIMIT 1) AS item
GROUP BY oldest.lane
"""  # noqa: S608  made of constants


def read_counters(core: sa.Connection) -> list[LaneCounters]:
    """Every lane's numbers, by customer's name and lane."""
    return looking.read_counters(core, oldest_waiting(core))


def oldest_waiting(core: sa.Connection) -> dict[LaneId, Millis]:
    """When the oldest waiting item of each lane was discovered."""
    return {row[0]: row[1] for row in core.exec_driver_sql(OLDEST)}
