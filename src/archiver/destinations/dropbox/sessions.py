"""Upload sessions: asked for in advance by the hundreds, and, once closed, kept for another commit if theirs was refused."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

import msgspec

from archiver.destinations.dropbox.api import Api, Request
from archiver.destinations.dropbox.wire import Entry, StartBatchResult, decode
from archiver.destinations.port import CallKind
from archiver.errors import TransientError
from archiver.failpoints import failpoint
from genstage.clock import Clock

__all__ = ["SESSION_SECONDS", "KeptSessions", "OpenSession", "SessionPool"]

SESSION_SECONDS = 6 * 24 * 3600.0
"""For how long a session is trusted; Dropbox says seven days."""

_MOST = 1000  # per start_batch
_BUSY_SECONDS = 60.0  # a lane that needs sessions again so soon is given many more
_GROWTH = 8
_KEPT_MOST = 2000
_RESULT = msgspec.json.Decoder(StartBatchResult)


class OpenSession(NamedTuple):
    """A session without bytes, and when it was asked for."""

    id: str
    asked_at: float


class SessionPool:
    """Open sessions without bytes, of one account.

    An idle lane asks for exactly what it needs. A lane that comes again within a minute is busy, and asks for eight times as many each
    time, up to the thousand that one call gives: a busy lane makes one such call per thousand files. Unused sessions cost nothing and
    end by themselves.

    Args:
        api: Makes the calls.
        clock: Time.
    """

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._open: deque[OpenSession] = deque()
        self._one = asyncio.Lock()
        self._wanted = 0
        self._asked = 0
        self._asked_at = float("-inf")

    async def take(self, number: int) -> list[OpenSession]:
        """So many sessions, each for one file.

        Raises:
            ArchiverError: `start_batch` was refused; nothing was taken.
        """
        self._forget_old()
        if len(self._open) < number:
            self._wanted += number
            try:
                async with self._one:
                    while len(self._open) < number:
                        await self._refill()
            finally:
                self._wanted -= number
        return [self._open.popleft() for _ in range(number)]

    def give_back(self, sessions: list[OpenSession]) -> None:
        """Takes back sessions that are still empty, because the call that would have filled them was refused."""
        self._open.extendleft(reversed(sessions))  # the oldest stay first

    def forget(self) -> None:
        """Dropbox does not know one of them: the others are not trusted either."""
        self._open.clear()

    async def _refill(self) -> None:
        def body() -> bytes:
            now = self._clock.time()
            busy = now - self._asked_at < _BUSY_SECONDS
            number = max(self._wanted - len(self._open), _GROWTH * self._asked if busy else 0)
            self._asked, self._asked_at = min(number, _MOST), now
            return b'{"num_sessions":%d}' % self._asked

        result: StartBatchResult = await self._api.call(
            Request(route="files/upload_session/start_batch", kind=CallKind.TRANSFER, body=body), lambda answer: decode(answer, _RESULT)
        )
        failpoint("session.started")
        if not result.session_ids:
            raise TransientError("Dropbox gave no upload sessions")
        now = self._clock.time()
        self._open.extend(OpenSession(session_id, now) for session_id in result.session_ids)

    def _forget_old(self) -> None:
        oldest = self._clock.time() - SESSION_SECONDS
        while self._open and self._open[0].asked_at <= oldest:
            self._open.popleft()


class KeptSessions:
    """Closed sessions whose commit was refused: the next try of the same file commits them, without sending its bytes again.

    They are kept in memory only, and only a bounded number: losing one costs a transfer.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[int, tuple[str, str, float]] = {}

    def keep(self, entry: Entry) -> None:
        """Keeps the session of an entry."""
        if len(self._kept) >= _KEPT_MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[entry.upload.delivery.id] = (entry.session_id, entry.content_hash, self._clock.time() + SESSION_SECONDS)

    def recall(self, entry: Entry) -> bool:
        """Gives an entry the session that has exactly its bytes, if there is one."""
        if not self._kept:
            return False
        session_id, content_hash, until = self._kept.pop(entry.upload.delivery.id, ("", "", 0.0))
        if content_hash != entry.content_hash or until < self._clock.time():
            return False
        entry.session_id = session_id
        return True
