"""What handles events: n long-lived workers, made when events need them; for a synchronous handler nobody but the pipeline's turns."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from inspect import isawaitable, iscoroutinefunction
from types import CoroutineType
from typing import Any, Final, NoReturn

from genstage.dispatchers import Dispatcher
from genstage.errors import AnswerError
from genstage.handling import Handling, limited
from genstage.hands import Hand
from genstage.inbox import Inbox, Job, SingleInbox, SplitInbox
from genstage.post import Post
from genstage.recovery import Recovery
from genstage.subscription import Subscription
from genstage.supervision import is_cancelled

__all__ = ["DEPTH", "Workers"]

_TURN: Final = 32
"""Calls after which a synchronous handler's turn ends."""
DEPTH: Final = 16
"""So many stages hand on to one another within one stack; the next one's work is queued."""


_NOBODY: Final[set[asyncio.Task[None]]] = set()
"""The workers of all stages that never had any; a hundred thousand idle lanes need no empty sets of their own."""


class Workers(Recovery):
    """The hands of the taking side of one stage.

    A worker that has nothing to do sleeps; whoever brings work wakes one, and one that is about to wait wakes two more if work is left.
    So a handler is served by as many as there is work for, up to ``limit``.

    A synchronous handler needs no task: it is called in the turns of its pipeline. If such a one returns an awaitable after all, a
    worker awaits it and the stage has workers from then on.
    """

    __slots__ = (
        "_barred",
        "_coming",
        "_eager",
        "_gate",
        "_handle",
        "_held",
        "_idle",
        "_inline",
        "_inside",
        "_marked",
        "_marks",
        "_outlet",
        "_queued",
        "_quiet",
        "_short",
        "_turns",
        "closing",
        "draining",
        "handled",
        "limit",
        "name",
        "tasks",
    )

    def __init__(self, post: Post, inbox: Inbox, handling: Handling) -> None:
        self.name = post.name
        self.inbox = inbox
        self.limit = 1
        self.in_flight = 0
        """Events that are inside the handler."""
        self.handled = 0
        """Events whose handler has ended well."""
        self.failed = 0
        """Events whose handler has failed, and which were not given back."""
        self.tasks: set[asyncio.Task[None]] = _NOBODY
        self.closing = False
        self.draining = False
        self._post = post
        self._handling = handling
        self._handle: Callable[[Any], Any] = (
            handling.handle if handling.timeout is None else limited(post.name, handling.handle, handling.timeout)
        )
        if post.watch is not None:
            self._handle = post.watch.handling(self, self._handle, single=isinstance(inbox, SingleInbox))
        self._outlet = handling.outlet
        self._gate: Dispatcher | None = None if handling.outlet is None else handling.outlet.dispatcher
        self._turns = post.turns
        self._call = post.context.run
        self._inline = not iscoroutinefunction(self._handle) and not iscoroutinefunction(handling.failed)
        self._short = self._inline and isinstance(inbox, SplitInbox)  # may take over what it is given within the giver's turn
        self._eager = iscoroutinefunction(self._handle) and isinstance(inbox, SplitInbox)  # the same, of asynchronous ones
        self._queued = False
        self._inside = False  # a synchronous handler runs
        self._idle: list[Hand] = []
        self._coming = 0  # workers that were woken or made, and have not looked into the inbox yet
        self._barred = False  # something is to be seen to before the next job is taken
        self._held = False
        self._marked = False  # a marker is being handled
        self._marks: deque[tuple[int, Any]] | None = None  # (how many events must have ended, message)
        self._quiet: asyncio.Future[None] | None = None

    @property
    def busy(self) -> int:
        """Handler calls that run: all workers but those that sleep or are on their way."""
        return len(self.tasks) - len(self._idle) - self._coming + self._inside

    @property
    def waiting(self) -> int:
        """Events that were delivered and not yet begun."""
        return self.inbox.waiting

    def resize(self, limit: int) -> None:
        """More or fewer workers from now on; those that are too many go when their handler ends."""
        self.limit = limit
        for _ in range(len(self.tasks) - limit):
            self._wake()
        for _ in range(min(limit - len(self.tasks), self.inbox.waiting)):
            self.stir()

    def stir(self) -> None:
        """There may be something to do: sees to it that somebody does it, if not enough are coming."""
        if self._inline:
            if not self._queued and (self.inbox.waiting or self._barred):
                self._queued = True
                turns = self._turns
                if turns.running:
                    turns.ready.append(self)
                else:
                    turns.put(self)
        elif self.inbox.waiting > self._coming and not self._wake() and len(self.tasks) < self.limit:
            self._hire(None)

    def mark(self, message: Any) -> None:
        """Delivers a marker when everything that came before it has been handled, and before anything that comes after it."""
        self._marks = deque() if self._marks is None else self._marks
        self._marks.append((self._known, message))
        self._barred = True
        if not self._inside:
            self._bar()
            self.stir()

    def hold(self) -> None:
        """Begins nothing until `release`."""
        self._held = self._barred = True

    def release(self) -> None:
        """Goes on."""
        self._held = False
        self.stir()
        self._look_for_the_end()

    async def quiet(self) -> None:
        """Returns when no handler runs; after `hold`."""
        if self.in_flight:
            self._quiet = asyncio.get_running_loop().create_future()
            await self._quiet

    def turn(self) -> int:
        """Calls a synchronous handler, for some of what waits."""
        self._queued = False
        inbox, gate = self.inbox, self._gate
        calls = 0
        while calls < _TURN and self._inline:
            if not inbox.waiting and not self._barred:
                break
            if (self._barred and self._bar()) or (gate is not None and gate.wanted <= 0):
                break
            job = inbox.take()
            if job is None:
                break
            calls += 1
            if not self._do(*job, 0):
                return calls
        else:
            self.stir()
        if self.closing:
            self._look_for_the_end()
        return calls or 1

    def _do(self, edge: Subscription, payload: Any, count: int, depth: int) -> bool:
        """Calls a synchronous handler once; returns whether the stage goes on."""
        turns, outlet = self._turns, self._outlet
        turns.depth = 0
        self.in_flight = count
        self._inside = True
        try:
            result = self._call(self._handle, payload)
            if type(result) is not list and result is not None and isawaitable(result):
                self._inside = False
                self._hire(((edge, payload, count), result))
                return True
            if outlet is not None:
                turns.depth = depth + 1
                outlet.emit(result, bounded=False)
                turns.depth = 0
            elif result is not None:
                self._refuse(result)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the hook or the warden decides
            turns.depth = self.in_flight = 0
            self._inside = False
            return self._fail((edge, payload, count), error)
        self.in_flight = 0
        self._inside = False
        self.handled += count
        edge.handled(count)
        if self.draining and not edge.level:
            edge.cancel()
        return True

    async def _work(self, hand: Hand, begun: tuple[Job, Any] | None) -> None:
        if begun is not None:
            self._coming -= 1
            await self._finish_call(*begun)
            self._coming += 1
        await self._serve(hand)
        task = asyncio.current_task()
        if task is not None:
            self.tasks.discard(task)  # at once, so that a second one does not find itself surplus too
        self.stir()  # if somebody counted on this one
        self._look_for_the_end()

    async def _serve(self, hand: Hand) -> None:  # noqa: C901, PLR0912 - the hot path: every call would cost
        """Takes call after call, until the stage ends or this worker is one too many."""
        inbox, handle, gate, outlet, tasks = self.inbox, self._handle, self._gate, self._outlet, self.tasks
        turns, task = self._turns, asyncio.current_task()
        self._coming -= 1
        while len(tasks) <= self.limit:
            if (self._barred and self._bar()) or (gate is not None and gate.wanted <= 0):
                job = None
            elif jobs := inbox.jobs:
                job = jobs.popleft()
                inbox.waiting -= job[2]
            else:
                job = inbox.take()
            if job is None:
                if self.closing and not inbox.waiting:
                    return
                await self._sleep(hand)
                continue
            edge, payload, count = job
            self.in_flight += count
            try:
                result = handle(payload)
                if type(result) is CoroutineType or (result is not None and type(result) is not list and isawaitable(result)):
                    if inbox.waiting and (self._idle or len(tasks) < self.limit):
                        self.stir()  # two more: so all of n workers are busy in log n steps
                        self.stir()
                    result = await result
                if outlet is not None:
                    turns.giver, turns.rank = task, 0
                    outlet.emit(result, bounded=False)
                    turns.giver = None
                elif result is not None:
                    self._refuse(result)
            except (Exception, asyncio.CancelledError) as error:
                turns.giver = None
                if is_cancelled(error):
                    raise
                await self._cope(job, error)
            else:
                self.in_flight -= count
                self.handled += count
                if edge.level - count > edge.floor and not edge.manual:
                    edge.level -= count
                else:
                    edge.handled(count)
                if self.draining and not edge.level:
                    edge.cancel()

    async def _sleep(self, hand: Hand) -> None:
        """Waits for something to do; if it was begun already, goes on with it."""
        hand.sleeper = asyncio.get_running_loop().create_future()
        self._idle.append(hand)
        thrown = None
        try:
            await hand.sleeper
        except asyncio.CancelledError as cancelled:
            if hand.begun is None:
                raise
            thrown = cancelled
        if hand.begun is None:
            self._coming -= 1
        else:
            begun, hand.begun = hand.begun, None
            await self._finish_call(begun.job, begun.rest(thrown))

    async def _finish_call(self, job: Job, result: Any) -> None:
        """Awaits what a synchronous handler has returned after all."""
        edge, _, count = job
        try:
            answer = await result
            if self._outlet is not None:
                self._outlet.emit(answer, bounded=False)
            elif answer is not None:
                self._refuse(answer)
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled(error):
                raise
            await self._cope(job, error)
        else:
            self.in_flight -= count
            self.handled += count
            edge.handled(count)
            if self.draining and not edge.level:
                edge.cancel()

    def _hire(self, begun: tuple[Job, Any] | None) -> None:
        """Makes a worker; it may begin with a job whose handler has returned an awaitable."""
        context = self._post.context.copy()
        hand = Hand(context)
        task = hand.task = self._post.spawn(self._work(hand, begun), None if begun is None else begun[1], context)
        if task is not None:
            self._coming += 1
            self._inline = self._short = False
            if self.tasks is _NOBODY:
                self.tasks = set()
            self.tasks.add(task)
            task.add_done_callback(self._reap)
            if begun is not None:
                self.stir()

    def _wake(self) -> bool:
        while self._idle:
            if self._idle.pop().wake():
                self._coming += 1
                return True
        return False

    def _bar(self) -> bool:
        """Whether nothing may be begun now: the stage is held, or a marker's turn has come and earlier events are still being handled."""
        if self._held:
            if self._quiet is not None and not self._quiet.done() and not self.in_flight:
                self._quiet.set_result(None)
            return True
        while self._marks and not self._marked and self._known - self.inbox.waiting >= self._marks[0][0]:
            if self.in_flight:
                return True
            self._pass_mark(self._marks.popleft()[1])
        self._barred = bool(self._marks) or self._marked
        return self._marked

    def _pass_mark(self, message: Any) -> None:
        """A marker's turn has come; nothing is begun until it has been handled."""
        if self._handling.informed is not None:
            self._marked = True
            self._handling.informed(message, self._unmark)

    def _unmark(self) -> None:
        self._marked = False
        self.stir()

    def _clamp_marks(self) -> None:
        """After events have been taken out: no marker waits for more than there is."""
        if self._marks:
            known = self._known
            self._marks = deque((min(position, known), message) for position, message in self._marks)

    @property
    def _known(self) -> int:
        """Events that have come, without those that were taken out again before they ended."""
        return self.handled + self.failed + self.in_flight + self.inbox.waiting

    def _refuse(self, result: Any) -> NoReturn:
        raise AnswerError(f"the handler of {self.name} returned {type(result).__name__}; only a ProducerConsumer returns something")

    def _look_for_the_end(self) -> None:
        if self.closing and not self.inbox.waiting and not self._inside:
            while self._wake():
                pass
            if not self.tasks:
                self._finish()

    def _reap(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if self.closing and not self.tasks and not self.inbox.waiting:
            self._finish()
        if self._held:
            self._bar()

    @abstractmethod
    def _finish(self) -> None:
        """The stage has ended."""
