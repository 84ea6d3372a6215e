"""One customer's account with a cloud: calls arrive, are refused, fail, are carried out, and are answered, each in its time.

A call that was sent goes its way whatever becomes of its sender: a killed process's upload may well be stored. Nothing here trusts what
Archiver says; the promises about calls are checked where the calls arrive.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, TypeVar

from archiver.destinations.port import CallKind
from archiver.errors import ArchiverError, ThrottledError, ThrottleKind, TransientError, UnavailableError
from simulation.ledger import Entry, Ledger, Object
from simulation.limits import Limit, Refusal
from simulation.loop import Place
from simulation.story import Story

__all__ = ["MOST_AT_ONCE", "Account", "Caller", "Provider"]

MOST_AT_ONCE = 32
"""Calls of one process to one account."""

_R = TypeVar("_R")


class Caller(Place):
    """Who calls: a process, as clouds see it.

    Attributes:
        name: For the story.
        dead: It was killed; nothing of it is sent any more.
        freezes_at: It stands still just before the next call of the database with this name takes effect.
        reliable: It has never stood still, so whatever it had the time to do was done.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.dead = False
        self.freezes_at = ""
        self.reliable = True


class Provider:
    """What many accounts have in common: with it, all of them are away."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.away = False


class _Call:
    """One call on its way."""

    __slots__ = ("admitted", "caller", "carry_out", "future", "kind", "paths", "text")

    def __init__(self, caller: Caller, kind: CallKind, paths: Sequence[str], carry_out: Callable[[], Any], text: str) -> None:
        self.caller = caller
        self.kind = kind
        self.paths = paths
        self.carry_out = carry_out
        self.text = text
        self.admitted: list[Limit] = []
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()


class Account:
    """One account. What goes wrong with it is set from outside, as rates between 0 and 1 or as a state.

    Attributes:
        lane: Whose it is.
        ledger: What it has.
        limits: What it permits.
        latency: Seconds of an undisturbed call, there and back.
        service: Seconds that carrying out a call takes.
        breaks: How often a call ends with a 5xx.
        resets: How often a connection ends before the call is carried out.
        loses: How often a call is carried out and its answer lost.
        damages: How often bytes arrive as others.
        throttles: How often a call is refused though it is within the limits, and how.
        refusing: What every call is told, such as that the token was revoked.
        away: It cannot be reached.
        stalled: Seconds that every call takes besides.
        stored: When each path became visible.
        causes: Paths which may be uploaded once more, since nobody can know that they were.
    """

    def __init__(self, lane: int, provider: Provider, story: Story, chance: random.Random, limits: Sequence[Limit]) -> None:
        self.lane = lane
        self.provider = provider
        self.ledger = Ledger()
        self.limits = limits
        self.latency = 0.05
        self.service = 0.0
        self.breaks = self.resets = self.loses = self.damages = 0.0
        self.throttles: tuple[float, Refusal] | None = None
        self.refusing: ArchiverError | None = None
        self.away = False
        self.stalled = 0.0
        self.causes: set[str] = set()
        self.stored: dict[str, float] = {}
        self.unsettled: dict[str, Caller] = {}
        self.told_until = self._told_at = 0.0
        self._told: Caller | None = None
        self.calls = self.refused = 0
        self.may_call: Callable[[Caller, int], bool] = lambda _caller, _lane: True
        self._story = story
        self._chance = chance
        self._outside = Context()
        self._flying: dict[_Call, None] = {}
        self._obeys: dict[tuple[str, ThrottleKind], float] = {}

    # -- what an adapter calls ------------------------------------------------------------------------------------------------------

    async def call(self, caller: Caller, kind: CallKind, paths: Sequence[str], carry_out: Callable[[], _R], text: str) -> _R:
        """One call. It is carried out in one step or not at all.

        Args:
            caller: Who calls.
            kind: What for.
            paths: What it makes visible.
            carry_out: Does it.
            text: For the story.
        """
        if caller.dead:
            raise asyncio.CancelledError
        self._check_sender(caller, kind)
        call = _Call(caller, kind, paths, carry_out, text)
        self._flying[call] = None
        self._later(self._time(), self._arrive, call)
        try:
            return await call.future  # type: ignore[no-any-return]  # it is what carry_out gave
        except asyncio.CancelledError:
            self.causes.update(paths)
            raise
        except ThrottledError as error:
            if error.retry_after is not None:
                self.obey(caller, error.kind, asyncio.get_running_loop().time() + error.retry_after)
            raise

    def obey(self, caller: Caller, kind: ThrottleKind, until: float) -> None:
        """The caller knows that it must not call before a moment."""
        key = (caller.name, kind)
        self._obeys[key] = max(until, self._obeys.get(key, 0.0))
        if until > self.told_until:
            self.told_until, self._told_at, self._told = until, asyncio.get_running_loop().time(), caller

    def obey_what_was_told(self, caller: Caller, known_until: float) -> None:
        """The caller knows from another one how long it must wait; it need not wait for longer than the cloud said."""
        until = min(known_until, self.told_until)
        if until > asyncio.get_running_loop().time():
            self._obeys[caller.name, ThrottleKind.RATE] = until

    @property
    def told_long_ago(self) -> bool:
        """It must be left alone for a while yet, and who was told so has had the time to keep that for others."""
        now = asyncio.get_running_loop().time()
        return (
            self._told is not None and self._told.reliable and not self._told.dead and now > self._told_at + 5.0 and self.told_until > now
        )

    def obeys_until(self, caller: Caller) -> float:
        """Before which moment the caller must not call at all."""
        return self._obeys.get((caller.name, ThrottleKind.RATE), 0.0)

    def _check_sender(self, caller: Caller, kind: CallKind) -> None:
        now = asyncio.get_running_loop().time()
        until = self.obeys_until(caller)
        if kind is CallKind.COMMIT:
            until = max(until, self._obeys.get((caller.name, ThrottleKind.CONTENTION), 0.0))
        if now < until:
            self._story.break_promise("I7", f"{caller.name} calls lane {self.lane} ({kind}) {until - now:.6f} s too early")
        if sum(call.caller is caller for call in self._flying) >= MOST_AT_ONCE:
            self._story.break_promise("I7", f"{caller.name} has more than {MOST_AT_ONCE} calls to lane {self.lane} under way")
        if not self.may_call(caller, self.lane):
            self._story.break_promise("owner", f"{caller.name} calls lane {self.lane}, which another one owns")

    def lost_its_owner(self, caller: Caller) -> None:
        """The process died, or lost the customer: what it stored and did not settle may be stored again."""
        self.causes.update(path for path, owner in self.unsettled.items() if owner is caller)
        for call in self._flying:
            if call.caller is caller:
                self.causes.update(call.paths)

    def changes_owner(self, owner: Caller) -> None:
        """Somebody serves it from now on: what others stored and did not settle, or have under way, may be stored again."""
        self.causes.update(path for path, before in self.unsettled.items() if before is not owner)
        for call in self._flying:
            if call.caller is not owner:
                self.causes.update(call.paths)

    def settled(self, path: str) -> None:
        """The database has it as archived."""
        self.unsettled.pop(path, None)
        self.causes.discard(path)

    # -- a call's way ---------------------------------------------------------------------------------------------------------------

    def _later(self, seconds: float, step: Callable[..., None], *args: Any) -> None:
        asyncio.get_running_loop().call_later(seconds, step, *args, context=self._outside)

    def _time(self) -> float:
        return self.latency * self._chance.uniform(0.3, 0.7) + (self._chance.uniform(0.2, 1.0) * self.stalled if self.stalled else 0.0)

    def _arrive(self, call: _Call) -> None:
        chance = self._chance
        if call.caller.dead and chance.random() < 0.5:
            self._end(call, None)  # its connection went with it
            return
        self.calls += 1
        if self.away or self.provider.away:
            self._answer_later(call, UnavailableError("no route"), chance.uniform(0.1, 3.0))
        elif self.refusing is not None:
            self._answer_later(call, self.refusing)
        elif (refusal := self._refusal(call)) is not None:
            self.refused += 1
            self._answer_later(call, ThrottledError("429", retry_after=refusal.retry_after, kind=refusal.kind))
        elif chance.random() < self.breaks:
            self._answer_later(call, TransientError("503"))
        elif chance.random() < self.resets:
            self._answer_later(call, TransientError("connection reset"))
        elif self.service:
            self._later(self.service, self._carry_out, call)
        else:
            self._carry_out(call)

    def _refusal(self, call: _Call) -> Refusal | None:
        now = asyncio.get_running_loop().time()
        for limit in self.limits:
            refusal = limit.refuses(now, call.kind)
            if refusal is not None:
                return refusal
            call.admitted.append(limit)
        if self.throttles is None or self._chance.random() >= self.throttles[0]:
            return None
        refusal = self.throttles[1]
        return refusal if refusal.kind is ThrottleKind.RATE or call.kind is CallKind.COMMIT else None

    def _carry_out(self, call: _Call) -> None:
        if call.future.done():  # nobody waits for it any more, so somebody may have done it again
            self.causes.update(call.paths)
        result = call.carry_out()
        if self._chance.random() < self.loses:
            self.causes.update(call.paths)
            self._answer_later(call, TransientError("the answer was lost"))
        else:
            self._answer_later(call, result)

    def _answer_later(self, call: _Call, answer: Any, seconds: float = 0.0) -> None:
        for limit in call.admitted:
            limit.ended(call.kind)
        call.admitted = []
        self._later(seconds + self._time(), self._end, call, answer)

    def _end(self, call: _Call, answer: Any) -> None:
        del self._flying[call]
        told = type(answer).__name__ if isinstance(answer, ArchiverError) else "ok"
        self._story.tell("call", f"{call.caller.name} lane {self.lane} {call.kind} {call.text}: {told}")
        if call.future.done():
            return
        if isinstance(answer, ArchiverError):
            call.future.set_exception(answer)
        else:
            call.future.set_result(answer)

    # -- what calls carry out -------------------------------------------------------------------------------------------------------

    def damaged(self, data: bytes) -> bytes:
        """What arrives of bytes: nearly always they themselves."""
        return data + b"?" if self.damages and self._chance.random() < self.damages else data

    def commit(self, caller: Caller, entry: Entry) -> tuple[Object, bool] | str:
        """Makes something visible. See `Ledger.commit`."""
        result = self.ledger.commit(entry)
        if isinstance(result, str):
            return result
        _, repeated = result
        self.stored.setdefault(entry.path, asyncio.get_running_loop().time())
        if repeated:
            if entry.path not in self.causes and not caller.dead:
                self._story.break_promise("I4", f"{caller.name} uploads {entry.path} of lane {self.lane} once more, without a reason")
            self._story.counts["repeated"] += 1
        if caller.dead:
            self.causes.add(entry.path)
        else:
            self.unsettled[entry.path] = caller
        return result
