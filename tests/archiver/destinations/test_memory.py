"""The memory destination: the kit, and what only it can do."""

from collections.abc import AsyncIterator, Mapping

import pytest

from archiver.adapter import check_options
from archiver.destinations.conformance import DestinationConformance, Rig, put, receipt_of, streamed, whole
from archiver.destinations.memory import ADAPTER, MemoryDestination, MemoryStore, RateLimit
from archiver.destinations.port import CallKind, Context, Features, Unpaced
from archiver.errors import QuotaFullError, RejectedError, ThrottledError, ThrottleKind, UnavailableError
from archiver.model import ConnectionState
from archiver.outcome import Archived, Deferred, Parked, Rejected, Throttled, Unavailable
from genstage.clock import SystemClock
from genstage.testing import VirtualClock, run

CONTEXT = Context(pace=Unpaced(), clock=SystemClock())


class TestMemory(DestinationConformance):
    """The kit against memory."""

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        """A destination with an empty store."""
        destination = MemoryDestination(CONTEXT)

        async def stored() -> Mapping[str, bytes]:
            return {path: found.data for path, found in destination.objects.items()}

        async def throttle(retry_after: float) -> None:
            destination.throttle_next(retry_after, calls=1000)

        async def unthrottle() -> None:
            destination.script.clear()

        yield Rig(
            destination=destination,
            stored=stored,
            reopen=lambda: MemoryDestination(CONTEXT, store=destination.store),
            throttle=throttle,
            unthrottle=unthrottle,
        )
        await destination.close()


async def test_the_script_is_used_up_in_order() -> None:
    """Each line of the script concerns the next call or item, and what is not written goes well."""
    destination = MemoryDestination(CONTEXT)
    destination.throttle_next(15, ThrottleKind.CONTENTION)
    destination.script.fail(UnavailableError("no route"))
    destination.script.fail(QuotaFullError("full"))
    destination.script.fail(RejectedError("bad name"))
    destination.script.corrupt()
    ends = [(await put(destination, [whole(1, b"x")]))[1] for _ in range(6)]
    assert ends[0] == Throttled(retry_after=15, kind=ThrottleKind.CONTENTION)
    assert ends[1] == Unavailable(reason="no route")
    assert ends[2] == Parked(state=ConnectionState.QUOTA_FULL, reason="full")
    assert isinstance(ends[3], Rejected)
    assert isinstance(ends[4], Deferred)
    assert ends[4].reason == "IntegrityError"
    assert isinstance(ends[5], Archived)
    assert [call.refused for call in destination.calls] == [True, False, False, False, False, False]


async def test_a_lost_answer_is_recovered() -> None:
    """An item that was stored before its answer was lost is recovered, and there is one object."""
    destination = MemoryDestination(CONTEXT)
    destination.script.lose_answer()
    first = await put(destination, [whole(1, b"x")])
    assert isinstance(first[1], Deferred)
    assert receipt_of((await put(destination, [whole(1, b"x")]))[1], b"x").recovered
    assert len(destination.objects) == 1


def test_the_limit_is_kept_by_the_clock() -> None:
    """A token bucket takes its burst, then refuses, and takes again when the clock has gone on."""

    async def main() -> None:
        clock = VirtualClock()
        limit = RateLimit(calls_per_second=2, burst=2, retry_after=1.5)
        destination = MemoryDestination(Context(pace=Unpaced(), clock=clock), limit=limit)
        ends = [(await put(destination, [whole(1, b"x")]))[1] for _ in range(3)]
        assert [type(end) for end in ends] == [Archived, Archived, Throttled]
        assert ends[2] == Throttled(retry_after=1.5)
        await clock.sleep(0.5)
        assert isinstance((await put(destination, [whole(1, b"x")]))[1], Archived)

    run(main)


def test_calls_take_the_time_that_is_written() -> None:
    """A scripted delay and the latency pass by the destination's clock."""

    async def main() -> None:
        clock = VirtualClock()
        destination = MemoryDestination(Context(pace=Unpaced(), clock=clock))
        destination.latency = 0.25
        destination.script.delay(2)
        begun = clock.time()
        await put(destination, [whole(1, b"x")])
        await put(destination, [whole(2, b"x")])
        assert clock.time() - begun == pytest.approx(2.5)

    run(main)


async def test_the_ledger_tells_every_call() -> None:
    """A batch is one call, a stream is one per chunk and one that makes it visible."""
    destination = MemoryDestination(CONTEXT, features=Features(batch_items=10))
    destination.chunk_bytes = 1024 * 1024
    await put(destination, [whole(1, b"abc"), whole(2, b"d"), streamed(3, bytes(2 * 1024 * 1024 + 1))])
    assert [(call.kind, call.items, call.size) for call in destination.calls] == [
        (CallKind.TRANSFER, 2, 4),
        (CallKind.TRANSFER, 1, 1024 * 1024),
        (CallKind.TRANSFER, 1, 1024 * 1024),
        (CallKind.TRANSFER, 1, 1),
        (CallKind.COMMIT, 1, 0),
    ]


async def test_a_ping_may_be_refused() -> None:
    """A ping is a call as any other."""
    destination = MemoryDestination(CONTEXT)
    destination.throttle_next(3)
    with pytest.raises(ThrottledError):
        await destination.ping()
    assert (await destination.ping()).used_bytes == 0


async def test_sizes_without_bytes() -> None:
    """A store that keeps no bytes still confirms sizes and hashes, and finds conflicts."""
    destination = MemoryDestination(CONTEXT, store=MemoryStore(keep_bytes=False))
    receipt_of((await put(destination, [whole(1, b"abc")]))[1], b"abc")
    receipt_of((await put(destination, [streamed(2, b"abcd")]))[2], b"abcd")
    assert isinstance((await put(destination, [whole(1, b"abd")]))[1], Rejected)
    assert [found.data for found in destination.objects.values()] == [b"", b""]


async def test_the_adapter_opens_from_options() -> None:
    """Options from text make a destination with its limit."""
    options = check_options("memory", ADAPTER.options, {"calls_per_second": "5", "latency": "0.5", "keep_bytes": "no"})
    destination = ADAPTER.open(options, CONTEXT)
    assert destination.limit == RateLimit(calls_per_second=5, burst=1, retry_after=1)
    assert destination.latency == 0.5
    assert not destination.store.keep_bytes
    assert "0 objects" in repr(destination)
