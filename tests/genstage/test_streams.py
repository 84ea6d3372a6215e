from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from genstage import Consumer, DefinitionError, Pipeline, ProducerConsumer, Restarts, StateError, SubscriptionError, from_iterable
from genstage.testing import END, Fail, Pause, Probe, ScriptedProducer, idle, run


async def ticks(end: int, log: list[str] | None = None) -> AsyncIterator[int]:
    """A number a second."""
    try:
        for number in range(end):
            await asyncio.sleep(1)
            yield number
    finally:
        if log is not None:
            log.append("closed")


async def ready(end: int) -> AsyncIterator[int]:
    """Numbers without a wait between them."""
    for number in range(end):
        yield number


def broken(end: int) -> Iterator[int]:
    """Numbers, then an error."""
    yield from range(end)
    raise OSError("torn")


async def broken_ticks(end: int) -> AsyncIterator[int]:
    """Numbers, then an error."""
    for number in range(end):
        yield number
    raise OSError("torn")


async def batches_of(source: Any, **terms: Any) -> list[list[int]]:
    """What a probe receives, list by list."""
    async with Pipeline() as pipeline:
        probe = pipeline.start(Probe(), subscribe_to=pipeline.start(from_iterable(source)), **terms)
    return probe.batches


def test_a_finite_source_ends_the_pipeline() -> None:
    """The end of the iterable ends the stream, and with it the block; batches follow the demand."""
    assert run(batches_of, range(7)) == [[0, 1, 2, 3, 4, 5, 6]]

    async def scenario() -> list[list[int]]:
        return await batches_of(range(7), max_demand=4, min_demand=1)

    assert run(scenario) == [[0, 1, 2], [3], [4, 5, 6]]


def test_an_empty_source_ends_at_once() -> None:
    """Nothing comes, and nothing waits."""
    assert run(batches_of, []) == []
    assert run(batches_of, ready(0)) == []


def test_nothing_is_taken_before_it_is_demanded() -> None:
    """An iterator is read exactly as far as somebody asked."""
    source = iter(range(100))

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(from_iterable(source))
            edge = pipeline.start(Probe()).subscribe(producer, demand="manual")
            await idle()
            edge.ask(3)
            await idle()
            await pipeline.drain()

    run(scenario)
    assert next(source) == 3


def test_an_async_source_is_read_as_it_comes() -> None:
    """What is there is given at once, however much was asked for; what is not stays owed."""

    async def scenario() -> tuple[list[list[int]], float]:
        batches = await batches_of(ticks(3))
        return batches, asyncio.get_running_loop().time()

    assert run(scenario) == ([[0], [1], [2]], 3.0)


def test_a_ready_async_source_is_read_in_lists() -> None:
    """What comes without a wait is gathered up to the demand."""

    async def scenario() -> list[list[int]]:
        return await batches_of(ready(10), max_demand=4, min_demand=0)

    assert run(scenario) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_an_async_source_is_read_only_as_far_as_demanded() -> None:
    """With no demand left the reader waits before the next step, not after it."""
    taken: list[int] = []

    async def source() -> AsyncIterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(from_iterable(source()))
            edge = pipeline.start(Probe()).subscribe(producer, demand="manual")
            edge.ask(2)
            await idle()
            edge.ask(3)
            await idle()
            await pipeline.drain()

    run(scenario)
    assert taken == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("source", [broken, broken_ticks])
def test_a_failing_source_comes_out_after_what_it_gave(source: Any) -> None:
    """What came before the error is handled; the error comes out of the block as it is."""
    probe = Probe()

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            pipeline.start(probe, subscribe_to=pipeline.start(from_iterable(source(3))), max_demand=10)

    with pytest.raises(OSError, match="torn"):
        run(scenario)
    assert probe.received == [0, 1, 2]


def test_a_drain_closes_an_async_source() -> None:
    """An async generator that is waited for is closed when its producer is drained."""
    log: list[str] = []

    async def scenario() -> tuple[list[int], bool]:
        async with Pipeline() as pipeline:
            probe = pipeline.start(Probe(), subscribe_to=pipeline.start(from_iterable(ticks(1000, log))))
            await asyncio.sleep(2.5)
            finished = await pipeline.drain()
        return probe.received, finished

    assert run(scenario) == ([0, 1], True)
    assert log == ["closed"]


def test_stopping_an_async_source_closes_it_too() -> None:
    """And returns nothing that was given out."""
    log: list[str] = []

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(from_iterable(ticks(1000, log)))
            pipeline.start(Probe(), subscribe_to=producer)
            await asyncio.sleep(2.5)
            rest = await pipeline.stop(producer)
            assert log == ["closed"]
        return rest

    assert run(scenario) == []


def test_a_source_may_end_with_its_last_consumer() -> None:
    """on_cancel="stop" ends the stream when the last consumer goes; otherwise it waits for another."""

    async def scenario(on_cancel: Any) -> bool:
        async with Pipeline() as pipeline:
            producer = pipeline.start(from_iterable(ticks(1000), on_cancel=on_cancel))
            edge = pipeline.start(Probe()).subscribe(producer)
            await asyncio.sleep(5)
            edge.cancel()
            await idle()
            ended = producer.outlet.ended
            await pipeline.drain()
        return ended

    assert run(scenario, "stop") is True
    assert run(scenario, "continue") is False


def test_what_is_no_iterable_is_refused() -> None:
    """The text says what it was; an unknown on_cancel is refused as well."""
    with pytest.raises(DefinitionError, match="int is neither an iterable nor an async iterable"):
        from_iterable(3)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="on_cancel is 'later'"):
        from_iterable([], on_cancel="later")  # type: ignore[arg-type]


class Double(ProducerConsumer[int, int]):
    """Twice as much."""

    def handle_events(self, events: list[int]) -> list[int]:
        """A list for a list."""
        return [event * 2 for event in events]


@pytest.mark.parametrize(("count", "max_demand"), [(10, 1000), (300, 100), (5, 1)])
def test_a_stage_is_an_async_iterator(count: int, max_demand: int) -> None:
    """All events come, in order, and the loop ends when the stream does."""

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            double = pipeline.start(Double(), subscribe_to=pipeline.start(from_iterable(range(count))))
            return [event async for event in pipeline.stream(double, max_demand=max_demand)]

    assert run(scenario) == [number * 2 for number in range(count)]


def test_a_loop_asks_no_faster_than_it_works() -> None:
    """Demand returns when a list was used up: a slow loop holds the producer back."""
    producer = ScriptedProducer(range(100))

    async def scenario() -> int:
        async with Pipeline() as pipeline:
            pipeline.start(producer)
            async for _ in pipeline.stream(producer, max_demand=4, min_demand=2):
                await asyncio.sleep(1)
                if asyncio.get_running_loop().time() >= 10:
                    break
            await idle()
            left = len(producer.steps)
            await pipeline.drain()
        return left

    assert run(scenario) == 100 - 12


def test_leaving_a_loop_early_cancels_the_subscription() -> None:
    """A break cancels; the producer goes on for others."""

    async def scenario() -> tuple[list[int], int, list[int]]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer(range(10)))
            seen = []
            async for event in pipeline.stream(producer, max_demand=2, min_demand=0):
                seen.append(event)
                if event == 2:
                    break
            await idle()
            edges = len(pipeline.stats().edges)
            probe = pipeline.start(Probe(), subscribe_to=producer)
            await idle()
            await pipeline.drain()
        return seen, edges, probe.received

    assert run(scenario) == ([0, 1, 2], 0, [4, 5, 6, 7, 8, 9])


def test_closing_a_stream_waits_until_it_is_cancelled() -> None:
    """With aclosing() the subscription is gone when the block is left."""

    async def scenario() -> tuple[int, int]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer(range(10)))
            async with aclosing(pipeline.stream(producer)) as events:
                await anext(events)
                before = len(pipeline.stats().edges)
            after = len(pipeline.stats().edges)
            await pipeline.drain()
        return before, after

    assert run(scenario) == (1, 0)


def test_several_stages_make_one_stream() -> None:
    """Each has its own demand; the loop ends when all have ended, whatever the cancel mode."""

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            first = pipeline.start(from_iterable(range(3)))
            second = pipeline.start(from_iterable(ticks(3)))
            return [event async for event in pipeline.stream(first, second, cancel="temporary")]

    assert run(scenario) == [0, 1, 2, 0, 1, 2]


def test_a_failure_comes_out_of_the_block_and_not_as_an_end() -> None:
    """A handler's error stops the loop; the block raises it."""
    seen = []

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            producer = pipeline.start(ScriptedProducer([1, Pause(1), Fail(OSError("cut"))]))
            async for event in pipeline.stream(producer):
                seen.append(event)  # noqa: PERF401 - a comprehension would lose what came before the error
            pytest.fail("the loop ended as if all had come")

    with pytest.raises(OSError, match="cut"):
        run(scenario)
    assert seen == [1]


def test_a_loop_in_another_task_learns_that_it_was_cut() -> None:
    """Whoever iterates outside of the block gets an error where the stream was cut, not an end."""

    async def loop(pipeline: Pipeline, producer: ScriptedProducer) -> list[int]:
        return [event async for event in pipeline.stream(producer)]

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            async with Pipeline() as pipeline:
                producer = pipeline.start(ScriptedProducer([1, Pause(10), 2, END]))
                task = group.create_task(loop(pipeline, producer))
                await asyncio.sleep(1)
                await pipeline.drain(deadline=0)
            with pytest.raises(StateError, match="stopped before its stream had ended"):
                await task

    with pytest.raises(ExceptionGroup) as caught:
        run(scenario)
    assert caught.group_contains(StateError)


def test_bad_terms_are_refused_at_the_call() -> None:
    """Before anything is iterated; a stream of nothing is refused too."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(from_iterable([1]))
            pipeline.start(Probe(), subscribe_to=producer)
            with pytest.raises(SubscriptionError, match="min_demand is 5"):
                pipeline.stream(producer, max_demand=5, min_demand=5)
            with pytest.raises(SubscriptionError, match="at least one"):
                pipeline.stream()

    run(scenario)


def test_a_stream_needs_an_open_pipeline() -> None:
    """Iterating after the block is an error that says so."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(from_iterable([1]))
            pipeline.start(Probe(), subscribe_to=producer)
        with pytest.raises(StateError, match="not open"):
            await anext(pipeline.stream(producer))

    run(scenario)


def test_an_event_in_the_loops_body_may_fail() -> None:
    """An exception of the loop's body ends the pipeline and comes out as it is."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            async for event in pipeline.stream(pipeline.start(from_iterable(range(10)))):
                if event == 3:
                    raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        run(scenario)


def test_a_source_may_be_shared() -> None:
    """Two consumers of one iterable get each event once."""

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(from_iterable(range(100)))
            probes: list[Consumer[int]] = [pipeline.start(Probe(), subscribe_to=producer, max_demand=8) for _ in range(3)]
        return sorted(event for probe in probes if isinstance(probe, Probe) for event in probe.received)

    assert run(scenario) == list(range(100))
