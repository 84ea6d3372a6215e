"""What people see at one glance, however many customers there are: sums, and the few lanes that matter.

Part of the port of the Database. Nothing here scans deliveries; the sums are of one row per lane.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from archiver.database.records import LaneCounters
from archiver.model import ConnectionState, LaneId, Millis

__all__ = ["Survey", "Totals"]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The sums over every lane.

    Attributes:
        customers: How many there are.
        paused: Of these, how many are paused.
        lanes: How many there are.
        throttled: Of these, how many may not call before some moment to come.
        states: How many lanes are in each state but ``active``.
        waiting: Deliveries by state.
        archived: Deliveries by state.
        rejected: Deliveries by state.
        gone: Deliveries by state.
        archived_bytes: Sum of sizes.
    """

    customers: int = 0
    paused: int = 0
    lanes: int = 0
    throttled: int = 0
    states: Mapping[ConnectionState, int] = {}
    waiting: int = 0
    archived: int = 0
    rejected: int = 0
    gone: int = 0
    archived_bytes: int = 0


class Survey(Protocol):
    """What people see at one glance."""

    async def totals(self, now: Millis) -> Totals:
        """The sums over every lane; cost grows with lanes, not with deliveries."""
        ...

    async def oldest_waiting(self) -> Mapping[LaneId, Millis]:
        """When the oldest waiting item of each lane was discovered; lanes where nothing waits are left out.

        Costs lanes with work, not rows and not idle lanes.
        """
        ...

    async def counters_of(self, lanes: Sequence[LaneId]) -> Sequence[LaneCounters]:
        """These lanes' numbers, by customer's name and lane, without ``oldest_waiting_at``; unknown ids are left out."""
        ...

    async def needing(self, limit: int) -> Sequence[LaneId]:
        """Lanes that are in another state than ``active``, those that have been so for longest first."""
        ...
