"""Whether a store that only speaks S3's language really refuses to write over something. Some ignore the condition without a word.

Until it is known, each key is looked at before it is written, and the first object is written a second time: the same bytes at the same
key, which does no harm, and shows whether the store refuses. What is found out is kept for the process.
"""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["Caution", "Conditions"]


class Conditions(Enum):
    """What a store does with ``If-None-Match: *``."""

    UNKNOWN = auto()
    ASKING = auto()
    KEPT = auto()
    IGNORED = auto()


class Caution:
    """What is known of one store.

    Attributes:
        conditions: What it does with conditions.
    """

    def __init__(self, *, trusted: bool) -> None:
        self.conditions = Conditions.KEPT if trusted else Conditions.UNKNOWN

    @property
    def looks_first(self) -> bool:
        """Each key must be looked at before it is written."""
        return self.conditions is not Conditions.KEPT

    @property
    def header(self) -> dict[str, str]:
        """The condition, unless the store does not know such."""
        return {} if self.conditions is Conditions.IGNORED else {"if-none-match": "*"}
