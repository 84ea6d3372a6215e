"""Which customers this process may serve, under which epoch, and until when; pure but for the clock.

Where one process serves a whole database everybody is held. In a fleet a customer is held from the moment at which it was taken until it
is given back, lost or dropped; and whatever is held counts only until the deadline by which the fleet must have been heard of again.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from archiver.database.port import Taken
from archiver.model import Customer
from genstage.clock import Clock

__all__ = ["Holding"]


class Holding:
    """Who is held. Made so that everybody is; `narrow` ends that.

    Args:
        clock: Time.

    Attributes:
        deadline: Of the clock's time; from then on nobody is held any more, whatever was taken.
        leaving: Customers that are to be given back: what is under way of them ends, nothing begins.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._epochs: dict[int, int] | None = None
        self.deadline = math.inf
        self.leaving: set[int] = set()

    @property
    def everybody(self) -> bool:
        """Whether everybody is held, without having been taken."""
        return self._epochs is None

    def lapsed(self) -> bool:
        """Whether the deadline is over."""
        return self._clock.time() >= self.deadline

    @property
    def held(self) -> Collection[int]:
        """Customers that were taken, those that are leaving too; the longest held first."""
        return () if self._epochs is None else self._epochs.keys()

    def narrow(self) -> None:
        """From now on only those are held who were taken."""
        if self._epochs is None:
            self._epochs = {}

    def take(self, taken: Iterable[Taken]) -> None:
        """These are held from now on, each under its epoch."""
        self.narrow()
        assert self._epochs is not None  # noqa: S101  narrowed just now
        for one in taken:
            self._epochs[one.customer_id] = one.epoch
            self.leaving.discard(one.customer_id)

    def forget(self, customer_ids: Iterable[int]) -> None:
        """These are not held any more."""
        for customer_id in customer_ids:
            if self._epochs is not None:
                self._epochs.pop(customer_id, None)
            self.leaving.discard(customer_id)

    def holds(self, customer: Customer) -> bool:
        """Whether calls may be made for the customer now: it is held under the very epoch that the record has."""
        epochs = self._epochs
        if epochs is None:
            return True
        return epochs.get(customer.id) == customer.epoch and self._clock.time() < self.deadline

    def serves(self, customer: Customer) -> bool:
        """Whether something new may begin for the customer."""
        return self.holds(customer) and customer.id not in self.leaving
