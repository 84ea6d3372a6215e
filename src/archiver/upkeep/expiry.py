"""Erases by itself what a customer does not want kept for longer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

__all__ = ["Expiry"]


class Expiry:
    """The service.

    Args:
        due: Erases what is due, of all customers.
    """

    interval = 3600.0

    def __init__(self, due: Callable[[], Awaitable[object]]) -> None:
        self._due = due

    async def turn(self) -> None:
        """One pass."""
        await self._due()
