"""From and to iterables: producers out of (async) iterables, and the events of stages as an async iterator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from itertools import islice
from typing import Any, Literal, TypeVar, Unpack

from genstage.errors import DefinitionError, StateError
from genstage.stage import Consumer, Giving, Producer
from genstage.subscription import Subscription, TermOptions

__all__ = ["OnCancel", "Stream", "from_iterable"]

Event = TypeVar("Event")

OnCancel = Literal["continue", "stop"]


def from_iterable(source: Iterable[Event] | AsyncIterable[Event], *, on_cancel: OnCancel = "continue") -> Producer[Event]:
    """A producer of what an iterable gives; its end ends the stream.

    Nothing is taken from it before it is demanded. Of an iterable that is not asynchronous as many as are demanded are taken at once,
    so it should not block; of an asynchronous one what is there is given, and the rest stays owed.

    An error of the iterable comes out of the pipeline; what it gave before is given out. Since an iterator that failed is over, a
    restart of the stage only raises the error again.

    Args:
        source: Iterated once. An async generator is closed when the stream ends, however it ends.
        on_cancel: "stop" ends the stream when the last consumer has gone; "continue" waits for another.

    Raises:
        DefinitionError: It is no iterable.
    """
    if on_cancel not in ("continue", "stop"):
        raise DefinitionError(f'on_cancel is {on_cancel!r}; give "continue" or "stop"')
    if isinstance(source, AsyncIterable):
        return _AsyncIterableProducer(source, on_cancel)
    if isinstance(source, Iterable):
        return _IterableProducer(source, on_cancel)
    raise DefinitionError(f"{type(source).__name__} is neither an iterable nor an async iterable")


class _Finite(Producer[Event]):
    """What both have in common."""

    poll_interval = None
    _on_cancel: OnCancel

    def _left(self) -> None:
        if self._on_cancel == "stop":
            self.drain()


class _IterableProducer(_Finite[Event]):
    """Gives what an iterable gives."""

    def __init__(self, source: Iterable[Event], on_cancel: OnCancel) -> None:
        self._on_cancel = on_cancel
        self._iterator = iter(source)
        self._error: Exception | None = None

    def handle_demand(self, demand: int) -> list[Event] | None:
        """Takes the next ones."""
        if self._error is not None:
            raise self._error
        events: list[Event] = []
        try:
            events.extend(islice(self._iterator, demand))
        except Exception as error:  # raised by the next call, after what came before it was given out
            self._error = error
            if not events:
                raise
        return events or None


class _AsyncIterableProducer(_Finite[Event]):
    """Gives what an async iterable gives, as it comes.

    A task reads it as far as is demanded, so that what is there can be given out while the next one is waited for.
    """

    def __init__(self, source: AsyncIterable[Event], on_cancel: OnCancel) -> None:
        self._on_cancel = on_cancel
        self._source = source
        self._reader: asyncio.Task[None] | None = None
        self._read: list[Event] = []
        self._room = 0
        self._more: asyncio.Future[None] | None = None  # the reader waits for room
        self._news: asyncio.Future[None] | None = None  # the handler waits for the reader
        self._over = False
        self._error: Exception | None = None

    async def handle_demand(self, demand: int) -> list[Event] | None:
        """Waits until there is something."""
        if not self._read and not self._over:
            self._room = demand
            if self._reader is None and self._post is not None:
                self._reader = self._post.spawn(self._run())
            _set(self._more)
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        self._room = 0
        if self._read:
            events, self._read = self._read[:demand], self._read[demand:]
            return events
        if self._error is not None:
            raise self._error
        return None

    def drain(self) -> None:
        """For the pipeline: ends the stream here."""
        super().drain()
        self._stop_reading()

    def halt(self) -> list[Any]:
        """For the pipeline: ends the stream here; returns what was taken from the iterable and not given out."""
        self._stop_reading()
        rest, self._read = self._read, []
        return super().halt() + rest

    async def gone(self) -> None:
        """For the pipeline: returns when nothing reads any more."""
        await super().gone()
        if self._reader is not None:
            await asyncio.wait((self._reader,))

    def runs_in(self, task: asyncio.Task[Any] | None) -> bool:
        """For the pipeline: whether a task is one of the stage's own."""
        return super().runs_in(task) or (task is not None and task is self._reader)

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.cancel()

    async def _run(self) -> None:
        iterator = aiter(self._source)
        try:
            async for event in iterator:
                self._read.append(event)
                _set(self._news)
                while len(self._read) >= self._room:
                    self._more = asyncio.get_running_loop().create_future()
                    await self._more
        except Exception as error:  # noqa: BLE001 - raised by handle_demand, after what came before it was given out
            self._error = error
        finally:
            self._over = True
            _set(self._news)
            await _close(iterator)


class Stream(Consumer[Any]):
    """A consumer whose events somebody else takes, list by list: the taking side of `Pipeline.stream`.

    Its handler ends, and so its demand returns, when the list was taken *and* the taker has come back for the next.
    """

    def __init__(self) -> None:
        self._split = 1
        self._batch: list[Any] | None = None
        self._taken: asyncio.Future[None] | None = None  # the handler waits for the taker
        self._news: asyncio.Future[None] | None = None  # the taker waits for the handler
        self._over = False
        self._cut = False

    def _ended(self) -> None:
        """The taker hears of the end."""
        self._over = True
        _set(self._news)
        super()._ended()

    def subscribe(self, to: Giving, **terms: Unpack[TermOptions]) -> Subscription:
        """As the parent's."""
        edge = super().subscribe(to, **terms)
        self._split = max(self._split, edge.split)
        return edge

    def cut(self, events: Sequence[Any]) -> int:
        """As much as GenStage's rule lets one call take, but of all that waits: each handing over costs two trips through the loop."""
        return min(len(events), self._split)

    def handle_events(self, events: list[Any]) -> asyncio.Future[None]:
        """Holds the events for the taker."""
        self._batch = events
        self._taken = asyncio.get_running_loop().create_future()
        _set(self._news)
        return self._taken

    async def take(self) -> list[Any] | None:
        """The next events; None when the streams have ended.

        Raises:
            StateError: The pipeline stopped before they had.
        """
        _set(self._taken)
        while self._batch is None:
            if self._over:
                if self._cut:
                    raise StateError("the pipeline stopped before its stream had ended")
                return None
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        batch, self._batch = self._batch, None
        return batch

    def release(self) -> None:
        """The taker takes nothing more."""
        self._batch = None
        _set(self._taken)

    def abort(self) -> bool:
        """For the pipeline: cancel what runs; the taker is told that it does not get everything."""
        self._cut = not self._over
        return super().abort()


def _set(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


async def _close(iterator: AsyncIterator[Any]) -> None:
    """Closes an async generator; other iterators have nothing to close."""
    aclose = getattr(iterator, "aclose", None)
    if aclose is not None:
        await aclose()
