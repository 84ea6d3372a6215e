"""Who is to blame when a destination fails (5xx, a reset, a call that stalled): the item, or the provider and so nobody's item; pure.

A try is charged to an item only if the lane's other items fare better. Else a provider's bad hour would use up the tries of whatever
happened to be in flight; and an item that is alone would never be charged, so of one that is alone the provider is believed innocent.
"""

from __future__ import annotations

__all__ = ["Trouble"]

_WINDOW_SECONDS = 30.0
_FAILURES = 5  # fewer say nothing about a provider


class Trouble:
    """How one lane's calls ended lately."""

    __slots__ = ("_failed", "_last", "_other_at", "_since", "_worked", "_worked_at")

    def __init__(self) -> None:
        self._since = float("-inf")
        self._worked = self._failed = 0  # in the window that began then
        self._worked_at = float("-inf")
        self._last = (0, float("-inf"))  # who failed last, and when
        self._other_at = float("-inf")  # when somebody else did

    def worked(self, now: float) -> None:
        """An upload ended well, or was refused for what it is: the provider does what it should."""
        self._turn(now)
        self._worked += 1
        self._worked_at = now

    def failed(self, now: float, delivery_id: int, others: int) -> bool:
        """An upload failed, and it is not known why.

        Args:
            now: The time, in seconds.
            delivery_id: Whose upload it was.
            others: How many other uploads of the lane are under way.

        Returns:
            Whether the try is the item's own.
        """
        self._turn(now)
        self._failed += 1
        if self._last[0] != delivery_id:
            self._other_at = self._last[1]
        self._last = (delivery_id, now)
        if now - self._worked_at <= _WINDOW_SECONDS:
            return True
        return not others and now - self._other_at > _WINDOW_SECONDS

    @property
    def prevails(self) -> bool:
        """More than half of at least five uploads failed within half a minute: the lane had better wait."""
        return self._failed >= _FAILURES and self._failed > self._worked

    def _turn(self, now: float) -> None:
        if now - self._since > _WINDOW_SECONDS:
            self._since = now
            self._worked = self._failed = 0
