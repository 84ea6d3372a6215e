from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from genstage import AnswerError, Consumer, Pipeline, ProducerConsumer, StateError
from genstage.testing import END, Probe, ScriptedProducer, idle, run


class Jobs(Consumer[float]):
    """Each event is a job of so many seconds; keeps how many ran at once."""

    def __init__(self) -> None:
        self.running = 0
        self.peak = 0
        self.done: list[float] = []

    async def handle_event(self, event: float) -> None:
        """Takes its time."""
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            await asyncio.sleep(event)
        finally:
            self.running -= 1
        self.done.append(event)


@pytest.mark.parametrize("workers", [1, 2, 7, 100])
def test_never_more_than_the_workers_run_and_never_fewer_without_need(workers: int) -> None:
    """A hundred jobs of a second each take 100 / workers seconds, rounded up."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1.0] * 100 + [END]))
            jobs = pipeline.start(Jobs(), subscribe_to=producer, workers=workers, max_demand=300)
        assert (jobs.peak, len(jobs.done)) == (workers, 100)
        assert asyncio.get_running_loop().time() == -(-100 // workers)

    run(scenario)


def test_workers_are_made_when_events_need_them() -> None:
    """An idle consumer has no task at all; three jobs make three workers of a hundred."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer())
            jobs = pipeline.start(Jobs(), subscribe_to=producer, workers=100)
            await idle()
            assert len(jobs.inlet.tasks) == 0
            producer.add(1.0, 1.0, 1.0)
            await idle()
            assert (len(jobs.inlet.tasks), pipeline.stats().stages[1].busy) == (3, 3)
            producer.add(END)
        assert len(jobs.inlet.tasks) == 0

    run(scenario)


def test_a_sync_handler_needs_no_second_worker() -> None:
    """Whatever the number, nothing is gained by a second one, so none is made."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer(range(100)))
            probe = pipeline.start(Probe(), subscribe_to=producer, workers=10, max_demand=10)
            await idle()
            assert (len(probe.inlet.tasks) <= 1, probe.received) == (True, list(range(100)))
            await pipeline.drain()

    run(scenario)


def test_demand_returns_when_the_work_ends() -> None:
    """The second hole of the original: while workers are busy nothing more is asked for."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([5.0] * 50))
            pipeline.start(Jobs(), subscribe_to=producer, workers=2, max_demand=4, min_demand=3)
            await asyncio.sleep(4)
            assert producer.asked == [4]
            await asyncio.sleep(2)
            assert sum(producer.asked) == 4 + 2
            await pipeline.drain()

    run(scenario)


def test_workers_may_be_added_while_it_runs() -> None:
    """New ones begin at once with what waits."""

    async def scenario() -> float:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([10.0] * 4 + [END]))
            jobs = pipeline.start(Jobs(), subscribe_to=producer, workers=1)
            await asyncio.sleep(5)
            jobs.workers = 3
        return asyncio.get_running_loop().time()

    assert run(scenario) == 20


def test_surplus_workers_go_when_their_call_ends() -> None:
    """Nobody is interrupted; from then on fewer run at once."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([10.0] * 6 + [END]))
            jobs = pipeline.start(Jobs(), subscribe_to=producer, workers=4)
            await asyncio.sleep(5)
            jobs.workers = 1
            await idle()
            assert jobs.running == 4
            await asyncio.sleep(10)
            assert (jobs.running, jobs.workers, len(jobs.inlet.tasks)) == (1, 1, 1)
        assert asyncio.get_running_loop().time() == 30

    run(scenario)


def test_idle_surplus_workers_go_at_once() -> None:
    """Fewer workers free their tasks also when nothing happens, and the last one still works."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1.0] * 4))
            jobs = pipeline.start(Jobs(), subscribe_to=producer, workers=4)
            await asyncio.sleep(2)
            jobs.workers = 1
            await idle()
            assert len(jobs.inlet.tasks) == 1
            producer.add(1.0, 1.0, END)
        assert len(jobs.done) == 6

    run(scenario)


def test_no_workers_at_all_are_refused() -> None:
    """The error names the way to pause."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            jobs = pipeline.start(Jobs())
            with pytest.raises(StateError, match="set max_demand = 0"):
                jobs.workers = 0

    run(scenario)


def test_a_stage_may_cut_its_own_lists() -> None:
    """While one call runs the next batch gathers, however many deliveries that takes."""

    class Committer(Consumer[int]):
        def __init__(self) -> None:
            self.batches: list[list[int]] = []

        def cut(self, events: Sequence[int]) -> int:
            return min(len(events), 4)

        async def handle_events(self, events: list[int]) -> None:
            self.batches.append(events)
            await asyncio.sleep(1)

    async def scenario() -> list[list[int]]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1]))
            committer = pipeline.start(Committer(), subscribe_to=producer)
            for event in range(2, 8):
                await asyncio.sleep(0.1)
                producer.add(event)
            producer.add(END)
        return committer.batches

    assert run(scenario) == [[1], [2, 3, 4, 5], [6, 7]]


def test_a_consumer_that_returns_something_is_told_where_to_go() -> None:
    """Results are the business of a producer-consumer."""

    class Chatty(Consumer[int]):
        def handle_events(self, events: list[int]) -> list[int]:
            return events

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            pipeline.start(Chatty(), subscribe_to=pipeline.start(ScriptedProducer([1])))

    with pytest.raises(AnswerError, match="only a ProducerConsumer"):
        run(scenario)


def test_a_handler_that_returns_an_awaitable_is_awaited() -> None:
    """A plain function that hands out a future or a coroutine is as good as a coroutine function."""
    done: list[int] = []

    class Delegating(Consumer[int]):
        def handle_event(self, event: int) -> asyncio.Future[None]:
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(1, lambda: (done.append(event), future.set_result(None)))
            return future

    async def scenario() -> float:
        async with Pipeline() as pipeline:
            pipeline.start(Delegating(), subscribe_to=pipeline.start(ScriptedProducer([1, 2, 3, END])), workers=3)
        return asyncio.get_running_loop().time()

    assert (run(scenario), done) == (1, [1, 2, 3])


def test_nothing_is_begun_before_somebody_wants_results() -> None:
    """A producer-consumer reads ahead, but handles no more than one call beyond the demand below it."""
    handled: list[list[int]] = []

    class Doubler(ProducerConsumer[int, int]):
        def handle_events(self, events: list[int]) -> list[int]:
            handled.append(events)
            return [event * 2 for event in events]

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer(range(100)))
            doubler = pipeline.start(Doubler(), subscribe_to=producer, max_demand=10)
            probe = pipeline.start(Probe())
            edge = probe.subscribe(doubler, demand="manual")
            await idle()
            assert (producer.asked, handled) == ([10], [])
            edge.ask(2)
            await idle()
            assert (handled, probe.received) == ([[0, 1, 2, 3, 4]], [0, 2])
            edge.ask(3)
            await idle()
            assert (len(handled), probe.received, pipeline.stats().stages[1].buffered) == (1, [0, 2, 4, 6, 8], 0)
            await pipeline.drain()

    run(scenario)


def test_the_buffer_of_a_producer_consumer_is_bounded_by_one_call() -> None:
    """However much a call returns, there is no second one before it is given out."""

    class Exploder(ProducerConsumer[int, int]):
        def handle_events(self, events: list[int]) -> list[int]:
            return [event for event in events for _ in range(1000)]

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([*range(20), END]))
            exploder = pipeline.start(Exploder(), subscribe_to=producer, max_demand=2)
            edge = pipeline.start(Probe()).subscribe(exploder, demand="manual")
            for _ in range(50):
                edge.ask(100)
                await idle()
                assert pipeline.stats().stages[1].buffered <= 1000
            await pipeline.drain()

    run(scenario)


def test_a_filtering_producer_consumer_goes_on_until_it_has_something() -> None:
    """Demand below is not used up by events that are filtered out (GenStage's issue 44)."""

    class Thousandth(ProducerConsumer[int, int]):
        async def handle_events(self, events: list[int]) -> list[int]:
            return [event for event in events if event % 1000 == 999]

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([*range(5000), END]))
            sieve = pipeline.start(Thousandth(), subscribe_to=producer, max_demand=10)
            probe = pipeline.start(Probe(), subscribe_to=sieve, max_demand=1)
        return probe.received

    assert run(scenario) == [999, 1999, 2999, 3999, 4999]


def test_a_producer_consumer_that_returns_nothing_is_told_so() -> None:
    """None is no list; the error says what is."""

    class Silent(ProducerConsumer[int, int]):
        def handle_events(self, events: list[int]) -> None:
            del events

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            silent = pipeline.start(Silent(), subscribe_to=pipeline.start(ScriptedProducer([1])))
            pipeline.start(Probe(), subscribe_to=silent)

    with pytest.raises(AnswerError, match="must return a list"):
        run(scenario)
