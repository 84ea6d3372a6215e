"""The states of a delivery and its legal moves; pure.

```mermaid
stateDiagram-v2
    [*] --> waiting
    waiting --> waiting: deferred
    waiting --> archived
    waiting --> rejected
    waiting --> gone
    rejected --> waiting: retry
    gone --> waiting: retry
    archived --> [*]
```

Throttling and parking are states of a lane, not of its deliveries: a hundred thousand rows are not rewritten because a quota is full.
"""

from __future__ import annotations

from enum import StrEnum

from archiver.errors import ArchiverError

__all__ = ["MOVES", "DeliveryState", "IllegalMoveError", "check_move"]


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    """To be uploaded, now or at its ``ready_at``."""
    ARCHIVED = "archived"
    """The storage confirmed size and hash; there is a receipt."""
    REJECTED = "rejected"
    """Needs a person: the reason says why."""
    GONE = "gone"
    """The source no longer has it; the evidence says since when."""


MOVES: frozenset[tuple[DeliveryState, DeliveryState]] = frozenset(
    {
        (DeliveryState.WAITING, DeliveryState.WAITING),
        (DeliveryState.WAITING, DeliveryState.ARCHIVED),
        (DeliveryState.WAITING, DeliveryState.REJECTED),
        (DeliveryState.WAITING, DeliveryState.GONE),
        (DeliveryState.REJECTED, DeliveryState.WAITING),
        (DeliveryState.GONE, DeliveryState.WAITING),
    }
)
"""Every legal move; nothing ever leaves ``archived``."""


class IllegalMoveError(ArchiverError):
    """A bug: somebody tried a move that the table does not have."""


def check_move(old: DeliveryState, new: DeliveryState) -> None:
    """Raises `IllegalMoveError` unless a delivery may go from ``old`` to ``new``."""
    if (old, new) not in MOVES:
        raise IllegalMoveError(f"a delivery cannot go from {old} to {new}")
