from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import pairwise

import pytest

from archiver.destinations.port import CallKind, Pace
from archiver.errors import (
    ArchiverError,
    ConflictError,
    ReconnectNeededError,
    RejectedError,
    ThrottledError,
    ThrottleKind,
    TransientError,
    UnavailableError,
)
from archiver.pipeline.events import CallResult
from archiver.pipeline.gate import Gate
from archiver.pipeline.pacer import Pacer
from genstage.clock import SystemClock
from genstage.testing import VirtualClock, idle, run

TRANSFER, COMMIT, LOOK = CallKind.TRANSFER, CallKind.COMMIT, CallKind.LOOK
KNOWN = b'{"limit": 10.101, "burst": 10.0}'  # a rate of 10 a second


def opened(learnt: bytes = KNOWN, throttled: list[tuple[float, ThrottleKind]] | None = None) -> tuple[Gate, Pacer]:
    """A gate in virtual time, past its first call, which goes alone."""
    pacer = Pacer(0.0, learnt=learnt)
    pacer.started(0.0, TRANSFER)
    pacer.ended(0.0, TRANSFER, 0.0)
    told = None if throttled is None else lambda until, kind: throttled.append((until, kind))
    return Gate(pacer, VirtualClock(), on_throttled=told), pacer


def test_it_is_a_pace() -> None:
    """Adapters are given a gate where they expect a pace."""
    pace: Pace = opened()[0]
    assert pace.call(TRANSFER, 3) is not None


def test_calls_keep_the_rate_first_come_first_served() -> None:
    """Twenty calls at once leave one after the other, a tenth of a second apart."""

    async def main() -> None:
        gate, _ = opened()
        clock, left = VirtualClock(), []

        async def one(index: int) -> None:
            async with gate.call(TRANSFER):
                left.append((index, clock.time()))

        async with asyncio.TaskGroup() as group:
            for index in range(20):
                group.create_task(one(index))
            await idle()
            assert gate.waiting == 20 - len(left)
        assert [index for index, _ in left] == list(range(20))
        gaps = [after - before for (_, before), (_, after) in pairwise(left)]
        assert all(0.099 < gap < 0.101 for gap in gaps)
        assert gate.waiting == 0

    run(main)


def test_a_single_item_does_not_wait_for_turns() -> None:
    """The calls of one item on an idle lane, of which nothing is known, follow each other at once; others that come then keep the pace."""

    async def main() -> None:
        gate, clock = Gate(Pacer(0.0), VirtualClock()), VirtualClock()
        for kind in (LOOK, TRANSFER, TRANSFER, COMMIT):
            async with gate.call(kind):
                assert gate.waiting == 0
        assert clock.time() == 0
        for _ in range(4):
            async with gate.call(TRANSFER):
                pass
        assert clock.time() >= 0.8

    run(main)


async def order(kinds: list[CallKind], commit_seconds: float = 0.0) -> list[CallKind]:
    """The kinds in the order in which their calls left, when all came at once; commits were so long before."""
    gate, pacer = opened()
    pacer.started(0.0, COMMIT)
    pacer.ended(0.0, COMMIT, commit_seconds)
    left: list[CallKind] = []

    async def one(kind: CallKind) -> None:
        async with gate.call(kind):
            left.append(kind)

    async with asyncio.TaskGroup() as group:
        for kind in kinds:
            group.create_task(one(kind))
    return left


def test_a_commit_goes_after_other_calls() -> None:
    """What moves bytes goes first, so that it can travel along with the commit."""
    assert run(order, [COMMIT, TRANSFER, LOOK, TRANSFER]) == [TRANSFER, LOOK, TRANSFER, COMMIT]


def test_a_commit_does_not_starve() -> None:
    """Only a few calls pass a commit that waits; then it goes, and the next commit waits in its turn."""
    assert run(order, [COMMIT, COMMIT, *[TRANSFER] * 20]) == [*[TRANSFER] * 8, COMMIT, *[TRANSFER] * 8, COMMIT, *[TRANSFER] * 4]


def test_a_commit_that_takes_long_waits_for_nobody() -> None:
    """What goes while it runs travels in the next one, and the namespace would stand idle meanwhile."""
    assert run(order, [TRANSFER, TRANSFER, COMMIT, TRANSFER], 5.0) == [COMMIT, TRANSFER, TRANSFER, TRANSFER]


def test_a_commit_that_takes_long_goes_past_those_who_wait() -> None:
    """At once, if the pace lets it: not even a turn of the loop is lost."""

    async def main() -> None:
        gate, pacer = opened(learnt=b"")
        pacer.started(0.0, COMMIT)
        pacer.ended(0.0, COMMIT, 5.0)
        clock = VirtualClock()

        async def wait() -> None:
            async with gate.call(TRANSFER):
                pass

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(wait())
            await clock.sleep(1.2)
            assert gate.waiting
            turns = list[int]()
            asyncio.get_running_loop().call_soon(turns.append, 1)
            async with gate.call(COMMIT):
                assert not turns

    run(main)


def test_a_refusal_sends_everybody_away() -> None:
    """Who waits when a 429 comes, and who comes while it lasts, gets an error at once that says how long; then the lane is open again."""

    async def main() -> None:
        throttled: list[tuple[float, ThrottleKind]] = []
        gate, _ = opened(throttled=throttled)
        clock = VirtualClock()
        turned_away: list[tuple[float, float | None]] = []

        async def refused(gate: Gate) -> None:
            async with gate.call(TRANSFER):
                await clock.sleep(0.01)
                raise ThrottledError("slow down", retry_after=15)

        async def one() -> None:
            await clock.sleep(0.001)
            try:
                async with gate.call(TRANSFER):
                    raise AssertionError("nothing may be sent")
            except ThrottledError as error:
                turned_away.append((clock.time(), error.retry_after))

        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(one())
            with pytest.raises(ThrottledError, match="slow down"):
                await refused(gate)
            await idle()
            assert len(turned_away) == 5
            assert gate.waiting == 0
            assert gate.room() == 0
            await clock.sleep(10)
            await one()
        at, rest = turned_away[-1]
        assert rest is not None
        assert at + rest == pytest.approx(gate.throttled_until())
        assert [kind for _, kind in throttled] == [ThrottleKind.RATE]
        assert throttled[0][0] == gate.throttled_until()
        assert 15.0 < gate.throttled_until() < 15.2
        await clock.sleep(5.1)
        assert gate.room() == 1
        async with gate.call(TRANSFER):
            pass

    run(main)


def test_a_commit_that_collides_waits_a_moment() -> None:
    """A short wait for others' commits is waited for here, since its bytes are up there already; transfers pass meanwhile."""

    async def main() -> None:
        gate, _ = opened()
        clock, left = VirtualClock(), []

        async def one(kind: CallKind) -> None:
            async with gate.call(kind):
                left.append((kind, clock.time()))

        with pytest.raises(ThrottledError):
            async with gate.call(COMMIT):
                raise ThrottledError("busy", retry_after=1, kind=ThrottleKind.CONTENTION)
        async with asyncio.TaskGroup() as group:
            group.create_task(one(COMMIT))
            group.create_task(one(TRANSFER))
        assert [kind for kind, _ in left] == [TRANSFER, COMMIT]
        assert left[0][1] < 0.5
        assert 1.0 < left[1][1] < 1.5

    run(main)


def test_what_leaves_the_block_is_told_to_the_pacer() -> None:
    """A failure counts as one, an answer that the caller does not like does not, and nothing stays in flight."""

    async def main() -> None:
        gate, pacer = opened()
        for error, failures in (
            (TransientError("5xx"), 1),
            (OSError("reset"), 2),
            (RejectedError("a name"), 0),
            (TransientError("5xx"), 1),
        ):
            with pytest.raises(type(error)):
                async with gate.call(TRANSFER):
                    raise error
            assert pacer._failures == failures
            assert pacer.in_flight == 0

    run(main)


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (None, CallResult.ANSWERED),
        (ConflictError("in the way"), CallResult.REFUSED),
        (ReconnectNeededError("revoked"), CallResult.REFUSED),
        (ThrottledError("429", retry_after=1.0), CallResult.THROTTLED),
        (TransientError("502"), CallResult.FAILED),
        (UnavailableError("no route"), CallResult.UNAVAILABLE),
    ],
)
def test_each_call_is_told_with_its_end(error: ArchiverError | None, result: CallResult) -> None:
    """Its kind, how it ended, and how long it took; what is cancelled, or is a bug, is no call's end."""

    async def main() -> None:
        told: list[tuple[CallKind, CallResult, float]] = []
        gate = Gate(Pacer(0.0), VirtualClock(), on_ended=lambda *ended: told.append(ended))
        with contextlib.suppress(ArchiverError):
            async with gate.call(LOOK):
                await VirtualClock().sleep(2.0)
                if error is not None:
                    raise error
        with contextlib.suppress(ThrottledError, KeyError):
            async with gate.call(LOOK):
                raise KeyError("a bug")
        assert told == [(LOOK, result, pytest.approx(2.0))]

    run(main)


def test_who_is_cancelled_leaves_no_trace() -> None:
    """Cancelled while it waits, or in the moment in which its turn came: the next one is served, and nothing stays in flight."""

    async def main() -> None:
        gate, pacer = opened()
        left: list[int] = []

        async def one(index: int) -> None:
            async with gate.call(TRANSFER):
                left.append(index)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(index)) for index in range(4)]
            await idle()
            tasks[1].cancel()
            await VirtualClock().sleep(0.05)
            waiter = gate._others[1] if gate._others[0].cancelled() else gate._others[0]
            waiter.add_done_callback(lambda _: tasks[2].cancel())  # in the very moment of its turn
        assert 3 in left
        assert 1 not in left
        assert 2 not in left
        assert pacer.in_flight == 0
        assert gate.waiting == 0

    run(main)


def test_a_throttle_from_another_life_holds() -> None:
    """A Retry-After that was stored is obeyed from the first call on, and tells nobody again."""

    async def main() -> None:
        throttled: list[tuple[float, ThrottleKind]] = []
        gate, _ = opened(throttled=throttled)
        gate.throttle_until(30.0)
        with pytest.raises(ThrottledError) as caught:
            async with gate.call(LOOK):
                raise AssertionError("nothing may be sent")
        assert caught.value.retry_after == pytest.approx(30.0)
        assert gate.throttled_until() == 30.0
        assert throttled == []

    run(main)


def test_room_counts_what_runs_and_what_waits() -> None:
    """Callers that wait for their turn take room, and so do those that run elsewhere."""

    async def main() -> None:
        gate, _ = opened()
        room = gate.room()
        assert gate.room(running=2) == room - 2

        async def one() -> None:
            async with gate.call(TRANSFER):
                await VirtualClock().sleep(1)

        async with asyncio.TaskGroup() as group:
            for _ in range(room):
                group.create_task(one())
            await idle()
            assert gate.room() == 0

    run(main)


def test_it_survives_a_restart() -> None:
    """What the gate has learnt is what its pacer has learnt, and people can look at it."""
    gate, _ = opened()
    assert b'"limit":10.101' in gate.learnt()
    assert gate.snapshot().limit == pytest.approx(10.101)


async def test_a_call_that_need_not_wait_is_cheap() -> None:
    """Entering and leaving costs a few microseconds; ten times that would be a mistake."""
    gate = Gate(Pacer(0.0, learnt=b'{"limit": 9000.0, "burst": 10000.0}'), SystemClock())
    calls = 500

    async def once() -> float:
        began = time.perf_counter()
        for _ in range(calls):
            async with gate.call(TRANSFER):
                pass
            gate._pacer._slot = 0.0  # its turn has always come
        return (time.perf_counter() - began) / calls

    assert min([await once() for _ in range(5)]) < 50e-6


def test_a_barred_gate_lets_nobody_through() -> None:
    """Not those that come, not those that wait, and not one whose turn came while the process stood still."""

    async def main() -> None:
        clock = VirtualClock()
        barred: list[bool] = []
        pacer = Pacer(0.0, learnt=KNOWN)
        gate = Gate(pacer, clock, barred=lambda: bool(barred))
        went: list[float] = []
        turned: list[float] = []

        async def one() -> None:
            try:
                async with gate.call(TRANSFER):
                    went.append(clock.time())
            except ThrottledError:
                turned.append(clock.time())

        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(one())
            await idle()
            before = len(went)
            barred.append(True)
            group.create_task(one())
        assert len(went) == before
        assert len(turned) == 6 - before
        assert pacer.in_flight == 0
        barred.clear()
        await one()
        assert len(went) == before + 1

    run(main)
