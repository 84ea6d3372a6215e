from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from genstage import Consumer, DefinitionError, DemandDispatcher, KeyedDispatcher, Pipeline, Producer, ProducerConsumer, Stage, StateError
from genstage.testing import END, Probe, ScriptedProducer, idle, run


class Headless(Producer[int]):
    """No handler."""


class Handless(Consumer[int]):
    """No handler."""


class Heartless(ProducerConsumer[int, int]):
    """No handler."""


class TwoHanded(Consumer[int]):
    """One handler too many."""

    def handle_events(self, events: list[int]) -> None:
        """One."""

    def handle_event(self, event: int) -> None:
        """Two."""


class TwoHearted(ProducerConsumer[int, int]):
    """One handler too many."""

    def handle_events(self, events: list[int]) -> list[int]:
        """One."""
        return events

    def handle_event(self, event: int) -> list[int]:
        """Two."""
        return [event]


class CutSingles(Consumer[int]):
    """A cut that means nothing."""

    def handle_event(self, event: int) -> None:
        """One at a time."""

    def cut(self, events: Sequence[int]) -> int:
        """How many?"""
        return len(events)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Headless, "no handler: define handle_demand"),
        (Handless, "no handler: define either handle_events.*or handle_event"),
        (Heartless, "no handler: define either handle_events.*or handle_event.*returning"),
        (TwoHanded, "two handlers: define either"),
        (TwoHearted, "two handlers: define either"),
        (CutSingles, "define handle_events instead"),
    ],
)
def test_a_class_that_cannot_work_says_what_to_define(kind: type[Stage], text: str) -> None:
    """At its start, before anything runs; the pipeline is not hurt."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            with pytest.raises(DefinitionError, match=text):
                pipeline.start(kind())
            assert pipeline.stats().stages == ()

    run(scenario)


def test_a_dispatcher_is_a_prototype() -> None:
    """Each stage has its own; subclasses inherit the kind or name another."""

    class Plain(Producer[int]):
        def handle_demand(self, demand: int) -> list[int] | None:
            """Nothing."""

    class Keyed(Plain, dispatcher=KeyedDispatcher(buffer_size=3)):
        pass

    class Heir(Keyed):
        pass

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            first, second, plain = (pipeline.start(kind()).outlet.dispatcher for kind in (Keyed, Heir, Plain))
            assert isinstance(first, KeyedDispatcher)
            assert isinstance(second, KeyedDispatcher)
            assert isinstance(plain, DemandDispatcher)
            assert (first is not second, first.buffer_size, second.buffer_size) == (True, 3, 3)
            await pipeline.drain()

    run(scenario)


def test_names_are_given_or_numbered() -> None:
    """Before its start a stage has its class's name; afterwards one of its own."""

    class Quiet(Consumer[int]):
        def handle_event(self, event: int) -> None:
            """Nothing."""

    async def scenario() -> list[str]:
        async with Pipeline() as pipeline:
            stages = [pipeline.start(Quiet()), pipeline.start(Quiet()), pipeline.start(Quiet(), name="lane 7")]
            return [Quiet().name, *(stage.name for stage in stages)]

    assert run(scenario) == ["Quiet", "Quiet", "Quiet 2", "lane 7"]


class Sum(ProducerConsumer[int, int]):
    """Gives one sum, at the end."""

    total = 0

    def handle_events(self, events: list[int]) -> list[int]:
        """Adds up."""
        self.total += sum(events)
        return []

    async def handle_end(self) -> list[int]:
        """Gives the sum, a second later."""
        await asyncio.sleep(1)
        return [self.total]


def test_a_stage_that_gathers_gives_its_last_results_at_the_end() -> None:
    """handle_end is asked once, when everything was handled; what it returns goes down before the stream ends."""

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2, 3, 4, END]))
            total = pipeline.start(Sum(), subscribe_to=producer, max_demand=2)
            probe = pipeline.start(Probe(), subscribe_to=total)
        return probe.received

    assert run(scenario) == [10]


def test_a_failing_handle_end_comes_out_of_the_pipeline() -> None:
    """Also where no event ever came."""

    class Broken(Sum):
        def handle_end(self) -> list[int]:  # type: ignore[override]  # the same hook in the other colour
            """Fails."""
            raise OSError("no sum")

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            broken = pipeline.start(Broken(), subscribe_to=pipeline.start(ScriptedProducer([END])))
            pipeline.start(Probe(), subscribe_to=broken)

    with pytest.raises(OSError, match="no sum"):
        run(scenario)


def test_a_handle_end_is_cut_short_at_the_deadline() -> None:
    """A drain cancels it as it cancels handlers, and one that has not begun is not asked."""

    async def scenario() -> tuple[bool, list[int]]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, END]))
            total = pipeline.start(Sum(), subscribe_to=producer)
            probe = pipeline.start(Probe(), subscribe_to=total)
            await asyncio.sleep(0.5)
            finished = await pipeline.drain(deadline=0.1)
        return finished, probe.received

    assert run(scenario) == (False, [])


class Twice(ProducerConsumer[int, int]):
    """Each event twice, a second after it came."""

    async def handle_event(self, event: int) -> list[int]:
        """One event a call, several calls at once."""
        await asyncio.sleep(1)
        return [event, event]


def test_a_producer_consumer_may_take_one_event_at_a_time() -> None:
    """Its workers call the handler beside each other, whatever list the events came in."""

    async def scenario() -> tuple[list[int], float]:
        async with Pipeline() as pipeline:
            twice = pipeline.start(Twice(), subscribe_to=pipeline.start(ScriptedProducer([1, 2, 3, 4, END])), workers=2)
            probe = pipeline.start(Probe(), subscribe_to=twice)
        return probe.received, asyncio.get_running_loop().time()

    assert run(scenario) == ([1, 1, 2, 2, 3, 3, 4, 4], 2.0)


class Held(Producer[int], demand="accumulate"):
    """Begins with accumulating demand."""

    poll_interval = None

    def __init__(self) -> None:
        self.asked: list[int] = []

    def handle_demand(self, demand: int) -> list[int]:
        """Nothing of itself."""
        self.asked.append(demand)
        return []

    def handle_info(self, message: str) -> None:
        """Nothing."""


def test_demand_accumulates_until_it_is_forwarded() -> None:
    """Nothing is asked and nothing given out; then the handler is told the sum, and what was pushed goes out in its order."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            held = pipeline.start(Held())
            probe = pipeline.start(Probe())
            edge = probe.subscribe(held, demand="manual")
            edge.ask(3)
            edge.ask(2)
            held.push([1])
            held.push([2])
            await idle()
            assert (held.asked, probe.received, held.estimate_buffered_count(), held.demand) == ([], [], 2, "accumulate")
            held.demand = "forward"
            await idle()
            assert (held.asked, probe.received, edge.outstanding) == ([3], [1, 2], 3)
            held.demand = "accumulate"
            held.demand = "accumulate"
            edge.ask(1)
            held.push([3])
            await idle()
            assert (held.asked, probe.received) == ([3], [1, 2])
            held.demand = "forward"
            await idle()
            assert (held.asked, probe.received) == ([3, 3], [1, 2, 3])
            with pytest.raises(StateError, match="forward"):
                held.demand = "backward"  # type: ignore[assignment]
            await pipeline.drain()

    run(scenario)


def test_a_pipeline_may_begin_with_all_demand_accumulating() -> None:
    """So nothing flows before everybody is subscribed; setting it sets all producers, and those to come."""

    async def scenario() -> None:
        async with Pipeline(demand="accumulate") as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2, 3, 4]))
            first, second = (pipeline.start(Probe(), subscribe_to=producer, max_demand=2, cancel="temporary") for _ in range(2))
            await idle()
            assert (producer.asked, pipeline.demand) == ([], "accumulate")
            pipeline.demand = "forward"
            await idle()
            assert (first.received, second.received, producer.asked[0]) == ([1, 2], [3, 4], 4)
            assert pipeline.start(ScriptedProducer()).demand == "forward"
            await pipeline.drain()

    run(scenario)


def test_what_accumulated_is_given_out_when_the_stream_ends() -> None:
    """A drain forgets nothing that was pushed and asked for."""

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            held = pipeline.start(Held())
            probe = pipeline.start(Probe(), subscribe_to=held)
            held.push([1, 2])
            held.inform("the end")
            await pipeline.drain()
        return probe.received

    assert run(scenario) == [1, 2]
