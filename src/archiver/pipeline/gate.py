"""The gate of a lane: callers wait here for their turn. The async shell around the `Pacer`, and the `Pace` which adapters are given.

In: calls of one destination. Out: leave to make them, or a `ThrottledError` at once. What leaves a call's block goes back to the pacer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType

from archiver.destinations.port import CallKind
from archiver.errors import ArchiverError, Scope, ThrottledError, ThrottleKind
from archiver.pipeline.events import CallResult
from archiver.pipeline.pacer import Pacer, Pacing
from genstage.clock import Clock

__all__ = ["Gate"]

_Waiter = asyncio.Future[None]


class Gate:
    """One lane's `Pace`. Belongs to one event loop; makes no tasks.

    Commits go after other calls: whatever has moved its bytes before a commit's turn comes travels along with it, so fewer are needed.
    They cannot starve: who waits for a commit keeps its place in `room`, so soon nobody is left to go first; and of the chunks of big
    files, which need no new room, only a few go first. Within a kind it is first come, first served.

    Nobody waits for the end of a 429 here: who waits when it comes, or comes while it lasts, gets `ThrottledError` at once, so that the
    demand goes away. Only a commit that collides with others waits a moment (see `archiver.pipeline.pacer`).

    Args:
        pacer: What decides.
        clock: Time.
        on_throttled: Told until when (of the clock's time) and by which kind of 429 the lane was throttled just now.
        on_ended: Told of each call's kind, how it ended, and after how many seconds.
        barred: Asked before every call whether it may not be made at all: the customer is not held any more. It is the last look
            before something leaves this process.
    """

    __slots__ = ("_clock", "_commits", "_on_ended", "_on_throttled", "_others", "_pacer", "_passed", "_timer", "_timer_at", "barred")

    def __init__(
        self,
        pacer: Pacer,
        clock: Clock,
        *,
        on_throttled: Callable[[float, ThrottleKind], None] | None = None,
        on_ended: Callable[[CallKind, CallResult, float], None] | None = None,
        barred: Callable[[], bool] | None = None,
    ) -> None:
        self.barred = _open if barred is None else barred
        self._pacer = pacer
        self._clock = clock
        self._on_throttled = on_throttled
        self._on_ended = on_ended
        self._commits: deque[_Waiter] = deque()
        self._others: deque[_Waiter] = deque()
        self._passed = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def call(self, kind: CallKind, items: int = 1) -> _Call:
        """One call that carries ``items`` items: ``async with gate.call(CallKind.COMMIT, items=80): …``.

        Raises:
            ThrottledError: On entering, without a call: the lane is throttled; ``retry_after`` is what is left of it.
        """
        del items  # the adapter's business: a call is a call, whatever it carries
        return _Call(self, kind)

    def room(self, running: int = 0) -> int:
        """How many more `put_many` calls are worth beginning now; 0 while the lane is throttled.

        Args:
            running: `put_many` calls that run, if the caller knows: some are between two calls, where the gate cannot see them.
        """
        return self._pacer.room(self._clock.time(), max(running, self._pacer.in_flight + self.waiting))

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return len(self._commits) + len(self._others)

    def throttled_until(self) -> float:
        """Nothing is sent before this moment of the clock's time; it lies in the past if the lane is open."""
        return self._pacer.throttled_until

    def throttle_until(self, until: float) -> None:
        """Sends nothing before a moment of the clock's time: a Retry-After which an earlier process, or another worker, was given."""
        self._pacer.throttle_until(self._clock.time(), until)

    def learnt(self) -> bytes:
        """What the pacer has found out, for the next `Pacer` of this lane."""
        return self._pacer.learnt()

    def snapshot(self) -> Pacing:
        """The pace, for people."""
        return self._pacer.snapshot()

    # -- one call -------------------------------------------------------------------------------------------------------------------

    def _enter(self, kind: CallKind) -> float | None:
        """When the call began, if its turn has come; None if it must wait."""
        pacer = self._pacer
        now = self._clock.time()
        if pacer.throttled_until > now or self.barred():
            raise self._refusal(now)
        commit = kind is CallKind.COMMIT
        if (commit and self._commits) or (self._others and not (commit and pacer.passes <= 0)):
            return None
        if pacer.next_call_at(now, kind, alone=not self.waiting) > now:
            return None
        pacer.started(now, kind)
        return now

    async def _wait(self, kind: CallKind) -> float:
        """Waits for the turn; returns when it came."""
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        (self._commits if kind is CallKind.COMMIT else self._others).append(waiter)
        self._arm(self._clock.time())
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._leave(kind, self._clock.time(), asyncio.CancelledError())  # its turn had come, and is given back
            raise
        now = self._clock.time()
        if self.barred():  # the process may have stood still between its turn and now
            refusal = self._refusal(now)
            self._leave(kind, now, asyncio.CancelledError())
            raise refusal
        return now

    def _leave(self, kind: CallKind, began: float, error: BaseException | None) -> None:
        pacer = self._pacer
        now = self._clock.time()
        if isinstance(error, ThrottledError):
            until = pacer.refused(now, kind, error.kind, error.retry_after, began)
            if until is not None and self._on_throttled is not None:
                self._on_throttled(until, error.kind)
        elif error is not None and not _answered(error):
            pacer.failed(kind)
        else:
            pacer.ended(now, kind, now - began)
        if self._on_ended is not None and (error is None or isinstance(error, ArchiverError)):  # else it was cancelled, or is a bug
            self._on_ended(kind, _result(error), now - began)
        if self._commits or self._others:
            self._serve()

    # -- who waits ------------------------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        """Lets through whose turn it is, turns away who must not wait, and sets the timer for the rest."""
        now = self._clock.time()
        throttled = self._pacer.throttled_until > now or self.barred()
        while (queue := self._next_queue()) is not None:
            kind = CallKind.COMMIT if queue is self._commits else CallKind.TRANSFER
            if throttled:
                queue.popleft().set_exception(self._refusal(now))
            elif self._pacer.next_call_at(now, kind, alone=self.waiting == 1) <= now:
                self._pacer.started(now, kind)
                self._passed = self._passed + 1 if kind is CallKind.TRANSFER and self._commits else 0
                queue.popleft().set_result(None)
            else:
                break
        self._arm(now)

    def _next_queue(self) -> deque[_Waiter] | None:
        """Whose turn it is; None if nobody waits. A commit that must not go yet, since commits collide, holds up nobody."""
        for queue in (self._commits, self._others):
            while queue and queue[0].done():  # cancelled while it waited
                queue.popleft()
        if not self._others:
            return self._commits or None
        now = self._clock.time()
        due = self._commits and self._passed >= self._pacer.passes and self._pacer.next_call_at(now, CallKind.COMMIT) <= now
        return self._commits if due else self._others

    def _arm(self, now: float) -> None:
        """Sets the timer for the earliest turn of those who wait."""
        at = min(
            (
                self._pacer.next_call_at(now, kind, alone=self.waiting == 1)
                for kind, queue in ((CallKind.COMMIT, self._commits), (CallKind.TRANSFER, self._others))
                if queue
            ),
            default=None,
        )
        if self._timer is not None:
            if at == self._timer_at:
                return
            self._timer.cancel()
            self._timer = None
        if at is not None:
            self._timer_at = at
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - now), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._serve()

    def _refusal(self, now: float) -> ThrottledError:
        return ThrottledError(
            "the lane is throttled",
            retry_after=max(0.0, self._pacer.throttled_until - now),
            kind=self._pacer.throttled_by,
            hint="it goes on by itself",
        )


def _open() -> bool:
    return False


def _result(error: ArchiverError | None) -> CallResult:
    match error:
        case None:
            return CallResult.ANSWERED
        case ThrottledError():
            return CallResult.THROTTLED
        case ArchiverError() if error.scope is Scope.PROVIDER:
            return CallResult.UNAVAILABLE
        case ArchiverError() if error.retryable:
            return CallResult.FAILED
        case _:
            return CallResult.REFUSED


def _answered(error: BaseException) -> bool:
    """Whether the provider took the call, though it does not like what is in it."""
    return isinstance(error, ArchiverError) and not error.retryable and error.scope is not Scope.PROCESS


class _Call:
    """The block around one call; a class, since a generator costs several times as much."""

    __slots__ = ("_began", "_gate", "_kind")

    def __init__(self, gate: Gate, kind: CallKind) -> None:
        self._gate = gate
        self._kind = kind
        self._began = 0.0

    async def __aenter__(self) -> None:
        began = self._gate._enter(self._kind)  # noqa: SLF001 - the two classes are one thing
        self._began = await self._gate._wait(self._kind) if began is None else began  # noqa: SLF001 - as above

    async def __aexit__(self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._gate._leave(self._kind, self._began, error)  # noqa: SLF001 - as above
