"""A source in memory that gives so many items in a window, as phone systems do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from archiver.errors import ArchiverError, SourceThrottledError
from archiver.model import Item
from archiver.sources.memory import MemorySource
from archiver.sources.port import Room
from genstage.clock import Clock


class Spring(MemorySource):
    """Gives at most ``calls`` items of budget 1 in ``window`` seconds; refuses more.

    Attributes:
        given: When each was given.
        refused: How often somebody came without room.
    """

    def __init__(self, clock: Clock, *, calls: int, window: float = 60.0) -> None:
        super().__init__()
        self.clock = clock
        self._calls = calls
        self._window = window
        self.given: list[float] = []
        self.refused = 0

    def room(self, budget: int, *, wanted: bool) -> Room:
        """What is left of the window; budgets other than the first are not limited."""
        del wanted
        if budget != 1:
            return Room(items=1000)
        now = self.clock.time()
        recent = [at for at in self.given if at > now - self._window]
        if len(recent) < self._calls:
            return Room(items=self._calls - len(recent))
        return Room(items=0, again_in=recent[0] + self._window - now)

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """Each item costs a call; recordings alone are limited here."""
        return [await self._one(item) for item in items]

    async def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """As `read_many`."""
        self._pay(item)
        async for chunk in super().stream(item, offset):
            yield chunk

    async def _one(self, item: Item) -> bytes | ArchiverError:
        try:
            self._pay(item)
        except SourceThrottledError as error:
            return error
        return (await super().read_many([item]))[0]

    def _pay(self, item: Item) -> None:
        if item.kind != "recording":
            return
        room = Spring.room(self, 1, wanted=False)
        if not room.items:
            self.refused += 1
            raise SourceThrottledError("scripted", retry_after=room.again_in)
        self.given.append(self.clock.time())
