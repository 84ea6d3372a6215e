"""Files made visible: one call at a time per account, and each takes everything that gathered while the one before ran.

There is no task and no timer: one of those who wait leads, and takes up to a thousand entries, its own and the others'. When the call has
ended the next one leads first, and whoever is done hears of it after that: what is done with a thousand outcomes takes a while, and the
namespace, which is the bottleneck of a busy account, would stand idle meanwhile.
The turn of the pace is waited for with the batch still open. So an idle lane commits a single file at once, and a busy one commits
hundreds per call, without anybody having chosen a size or an interval.
"""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from archiver.destinations.dropbox.api import Api, Request
from archiver.destinations.dropbox.errors import union_error
from archiver.destinations.dropbox.wire import (
    Commit,
    Cursor,
    Entry,
    FinishArg,
    FinishBatchArg,
    FinishBatchResult,
    Success,
    decode,
    timestamp,
)
from archiver.destinations.port import CallKind
from archiver.errors import ArchiverError, ThrottledError, ThrottleKind, TransientError
from archiver.failpoints import failpoint

__all__ = ["Commits"]

_ROUTE = "files/upload_session/finish_batch_v2"
_MOST = 1000  # entries per call, says files.stone
_TURNS = 3  # commits that may collide before the lane hears of it; the pace spaces them out
_RESULT = msgspec.json.Decoder(FinishBatchResult)


class Commits:
    """Commits of one account.

    Args:
        api: Makes the calls.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._pending: deque[Entry] = deque()
        self._waiting: list[tuple[list[Entry], asyncio.Future[None]]] = []
        self._leading = False

    async def commit(self, entries: list[Entry]) -> None:
        """Returns when each entry is committed or has its error. A cancelled call takes its entries back from what is pending."""
        self._pending.extend(entries)
        try:
            while _open(entries):
                if self._leading:
                    await self._wait(entries)
                    continue
                self._leading = True
                try:
                    await self._lead()
                finally:
                    self._hand_over()
        except BaseException:
            mine = set(entries)
            self._pending = deque(entry for entry in self._pending if entry not in mine)
            raise

    async def _wait(self, entries: list[Entry]) -> None:
        """Returns when the entries have ended, or nobody leads."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entries, waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            self._waiting = [waiting for waiting in self._waiting if waiting[1] is not waiter]
            if not waiter.cancelled() and not self._leading:
                self._hand_over()  # it was to lead
            raise

    def _hand_over(self) -> None:
        """Nobody leads now: wakes who does next, and a turn of the loop later, when that call is on its way, those who are done."""
        self._leading = False
        for index, (entries, waiter) in enumerate(self._waiting):
            if _open(entries) and not waiter.done():  # a cancelled one has not left the line yet
                del self._waiting[index]
                waiter.set_result(None)
                break
        asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        """Wakes those whose entries have all ended."""
        for entries, waiter in self._waiting:
            if not _open(entries) and not waiter.done():
                waiter.set_result(None)
        self._waiting = [waiting for waiting in self._waiting if not waiting[1].done()]

    async def _lead(self) -> None:
        """One call, for whoever has something pending. Leaves each entry of it ended, or pending again."""
        taken: list[Entry] = []

        def body() -> bytes:
            self._pending.extendleft(reversed(taken))  # the call is repeated with a fresh token; newcomers travel along
            taken[:] = [self._pending.popleft() for _ in range(min(_MOST, len(self._pending)))]
            return msgspec.json.encode(FinishBatchArg([_argument(entry) for entry in taken]))

        request = Request(route=_ROUTE, kind=CallKind.COMMIT, items=min(_MOST, len(self._pending)), body=body)
        failpoint("finish.before")
        try:
            await self._api.call(request, lambda answer: _end(taken, answer))
        except ThrottledError as error:
            self._refused(taken, error)
        except ArchiverError as error:
            # Refused before the turn came: then nothing was taken, and whoever waits would only hear the same.
            for entry in taken or self._take_all():
                if entry.open:
                    entry.error = error
        finally:
            # Only after a cancel is anything of it still open: whoever leads next repeats it, which is harmless.
            self._pending.extendleft(entry for entry in reversed(taken) if entry.open)

    def _refused(self, taken: list[Entry], error: ThrottledError) -> None:
        """A collision is tried again at the next commit, up to a bound; any other refusal ends what was to be committed."""
        for entry in taken or self._take_all():
            if not entry.open:
                continue
            entry.turns += 1
            if error.kind is not ThrottleKind.CONTENTION or entry.turns >= _TURNS or not taken:
                entry.error = error

    def _take_all(self) -> list[Entry]:
        taken = list(self._pending)
        self._pending.clear()
        return taken


def _open(entries: list[Entry]) -> bool:
    return any(entry.open for entry in entries)


def _argument(entry: Entry) -> FinishArg:
    return FinishArg(
        Cursor(entry.session_id, entry.size),
        Commit(path=entry.path, client_modified=timestamp(entry.upload.delivery.item.occurred_at)),
    )


def _end(taken: list[Entry], answer: bytes) -> None:
    """Tells each entry how it ended.

    Raises:
        ThrottledError: Some collided with other writes; these stay open. Raised inside the call, so that the pacer hears of it.
        TransientError: The answer is not for these entries.
    """
    failpoint("finish.done")
    result: FinishBatchResult = decode(answer, _RESULT)
    if len(result.entries) != len(taken):
        raise TransientError("Dropbox answered for another number of files than were committed")
    collision: ThrottledError | None = None
    for entry, end in zip(taken, result.entries, strict=True):
        if isinstance(end, Success):
            entry.done = end
            continue
        error = union_error(end.failure, _ROUTE)
        if isinstance(error, ThrottledError):
            collision = error
        else:
            entry.error = error
    if collision is not None:
        raise collision
