from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref
from collections.abc import Callable

import pytest

from genstage import (
    Consumer,
    HandlerCancelledError,
    KeyedDispatcher,
    Pipeline,
    Producer,
    ProducerConsumer,
    Restarts,
    StateError,
    Subscription,
    SubscriptionError,
)
from genstage.testing import END, Fail, Pause, Probe, ScriptedProducer, VirtualClock, idle, run


class Sleeper(Consumer[float]):
    """Sleeps as long as each event says."""

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.ended: list[float] = []

    async def handle_event(self, event: float) -> None:
        """Sleeps."""
        self.begun.append(event)
        await asyncio.sleep(event)
        self.ended.append(event)


class Forward(ProducerConsumer[int, int]):
    """Gives what it gets."""

    async def handle_events(self, events: list[int]) -> list[int]:
        """After a second."""
        await asyncio.sleep(1)
        return events


class Endless(Producer[int], dispatcher=KeyedDispatcher()):
    """Gives every key all it wants, for ever."""

    def handle_demand(self, demand: dict[str, int]) -> dict[str, list[int]]:
        """All ones."""
        return {key: [1] * count for key, count in demand.items()}


def test_leaving_the_block_waits_for_completion() -> None:
    """A finite source ends it: everything has been handled when the block is left."""

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([*range(7), Pause(3), 7, END]))
            forward = pipeline.start(Forward(), subscribe_to=producer, max_demand=4)
            probe = pipeline.start(Probe(), subscribe_to=forward)
        return probe.received

    assert run(scenario) == list(range(8))


def test_an_empty_pipeline_ends() -> None:
    """Also one whose only consumer never subscribed."""

    async def scenario() -> None:
        async with Pipeline():
            pass
        async with Pipeline() as pipeline:
            pipeline.start(Probe())

    run(scenario)


def test_temporary_consumers_outlive_a_stream_but_not_the_block() -> None:
    """While the block is open one may be subscribed again; leaving the block ends it."""

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            probe = pipeline.start(Probe(), subscribe_to=pipeline.start(ScriptedProducer([1, END])), cancel="temporary")
            await idle()
            assert [stage.name for stage in pipeline.stats().stages] == ["Probe"]
            probe.subscribe(pipeline.start(ScriptedProducer([2, END])), cancel="temporary")
        return probe.received

    assert run(scenario) == [1, 2]


def test_a_consumer_of_two_streams_ends_with_the_last() -> None:
    """The end of one permanent subscription does not cut the other off."""

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            probe = pipeline.start(Probe())
            probe.subscribe(pipeline.start(ScriptedProducer([1, END])))
            probe.subscribe(pipeline.start(ScriptedProducer([Pause(1), 2, END])))
        return probe.received

    assert run(scenario) == [1, 2]


def test_what_waits_is_handled_after_a_permanent_subscription_was_cancelled() -> None:
    """The consumer ends, but not before it has finished what it was given."""

    async def scenario() -> list[float]:
        async with Pipeline() as pipeline:
            sleeper = pipeline.start(Sleeper())
            edge = sleeper.subscribe(pipeline.start(ScriptedProducer([1.0] * 100)), max_demand=3)
            await idle()
            edge.cancel()
            await asyncio.sleep(5)
            assert [stage.name for stage in pipeline.stats().stages] == ["ScriptedProducer"]
            with pytest.raises(SubscriptionError, match="is ending"):
                sleeper.subscribe(pipeline.start(ScriptedProducer()))
            await pipeline.drain()
        return sleeper.ended

    assert run(scenario) == [1.0] * 3


def test_subscribing_after_the_end_ends_the_consumer() -> None:
    """A stream that is over says so at once."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, END]))
            pipeline.start(Probe(), subscribe_to=producer)
            await idle()
            assert pipeline.start(Probe()).subscribe(producer).over
            assert pipeline.stats().stages == ()

    run(scenario)


def test_what_a_finished_producer_holds_is_still_given_out() -> None:
    """Manual demand may come long after the end of the stream."""

    class Eager(Producer[int]):
        def __init__(self) -> None:
            self.calls = 0

        def handle_demand(self, demand: int) -> list[int] | None:
            self.calls += 1
            return [1, 2, 3] if self.calls == 1 else None

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            probe = pipeline.start(Probe())
            edge = probe.subscribe(pipeline.start(Eager()), demand="manual")
            edge.ask(1)
            await idle()
            edge.ask(1)
            await idle()
            edge.ask(5)
            await idle()
        return probe.received

    assert run(scenario) == [1, 2, 3]


def test_one_error_comes_out_as_it_is() -> None:
    """Not wrapped in a group, with its own traceback and cause."""

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            pipeline.start(Sleeper(), subscribe_to=pipeline.start(ScriptedProducer([100.0] * 5)), workers=5)
            pipeline.start(Probe(), subscribe_to=pipeline.start(ScriptedProducer([Pause(1), Fail(OSError("cut"))])))

    with pytest.raises(OSError, match="cut"):
        run(scenario)


def test_a_stray_cancellation_is_an_error() -> None:
    """A handler that awaits what somebody else cancelled has failed; its event must not vanish in silence."""

    class Sharing(Consumer[int]):
        async def handle_event(self, event: int) -> None:
            shared = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(1, shared.cancel)
            await shared

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            pipeline.start(Sharing(), subscribe_to=pipeline.start(ScriptedProducer([1, END])))

    with pytest.raises(HandlerCancelledError, match="handler of Sharing"):
        run(scenario)


def test_several_errors_come_out_as_a_group() -> None:
    """When two handlers fail in the same moment, both are told."""

    class Failing(Consumer[str]):
        async def handle_event(self, event: str) -> None:
            await asyncio.sleep(1)
            raise ValueError(event)

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            pipeline.start(Failing(), subscribe_to=pipeline.start(ScriptedProducer(["a", "b"])), workers=2)

    with pytest.raises(ExceptionGroup) as caught:
        run(scenario)
    assert sorted(str(error) for error in caught.value.exceptions) == ["a", "b"]


def test_an_error_of_the_block_stops_the_stages() -> None:
    """And comes out as it is."""
    sleeper = Sleeper()

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            pipeline.start(sleeper, subscribe_to=pipeline.start(ScriptedProducer([100.0])))
            await idle()
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(scenario)
    assert (sleeper.begun, sleeper.ended) == ([100.0], [])


@pytest.mark.parametrize("inside", [True, False])
def test_cancelling_the_block_stops_everything(inside: bool) -> None:
    """In the block as well as while it waits for completion; nothing runs afterwards."""
    sleeper = Sleeper()

    async def body() -> None:
        async with Pipeline() as pipeline:
            pipeline.start(sleeper, subscribe_to=pipeline.start(ScriptedProducer([100.0] * 3)), workers=3)
            if inside:
                await asyncio.sleep(1000)

    async def scenario() -> None:
        task = asyncio.create_task(body())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == 1

    run(scenario)
    assert (len(sleeper.begun), sleeper.ended) == (3, [])


def test_a_timeout_around_the_block_works() -> None:
    """The cancellation belongs to the timeout, not to the pipeline."""

    async def scenario() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5), Pipeline() as pipeline:
                pipeline.start(Probe(), subscribe_to=pipeline.start(ScriptedProducer()))
        return asyncio.get_running_loop().time()

    assert run(scenario) == 5


def test_stop_returns_what_was_never_begun() -> None:
    """Running handlers end; the others' events come back in order; nothing more is asked for."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([float(n) for n in range(1, 100)]))
            sleeper = pipeline.start(Sleeper(), subscribe_to=producer, workers=2, max_demand=6)
            await asyncio.sleep(0.5)
            assert await pipeline.stop(sleeper) == [3.0, 4.0, 5.0, 6.0]
            assert (sleeper.ended, asyncio.get_running_loop().time()) == ([1.0, 2.0], 2.0)
            assert (producer.asked, await pipeline.stop(sleeper)) == ([6], [])
            assert [stage.name for stage in pipeline.stats().stages] == ["ScriptedProducer"]
            await pipeline.drain()

    run(scenario)


def test_stopping_a_producer_returns_what_nobody_asked_for() -> None:
    """Its consumers finish what they have and end."""

    class Pusher(Producer[int]):
        async def handle_demand(self, demand: int) -> list[int]:
            return list(range(demand + 3))

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            pusher = pipeline.start(Pusher())
            probe = pipeline.start(Probe())
            probe.subscribe(pusher, demand="manual").ask(2)
            await idle()
            assert await pipeline.stop(pusher) == [2, 3, 4]
            assert (probe.received, pipeline.stats().stages) == ([0, 1], ())

    run(scenario)


def test_stopping_the_middle_gives_out_what_it_had_begun() -> None:
    """Its results reach the consumer, its waiting events come back."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer(range(100)))
            forward = pipeline.start(Forward(), subscribe_to=producer, max_demand=6)
            probe = pipeline.start(Probe(), subscribe_to=forward)
            await idle()
            assert await pipeline.stop(forward) == [3, 4, 5]
            await idle()
            assert probe.received == [0, 1, 2]
            await pipeline.drain()

    run(scenario)


@pytest.mark.parametrize("verb", ["stop", "drain"])
def test_a_handler_cannot_wait_for_itself(verb: str) -> None:
    """It would never end; the error says so instead."""

    class Suicidal(Consumer[int]):
        pipeline: Pipeline

        async def handle_event(self, event: int) -> None:
            await (self.pipeline.stop(self) if verb == "stop" else self.pipeline.drain())

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            stage = Suicidal()
            stage.pipeline = pipeline
            pipeline.start(stage, subscribe_to=pipeline.start(ScriptedProducer([1])))

    with pytest.raises(StateError, match="another task"):
        run(scenario)


def test_drain_finishes_what_was_read() -> None:
    """No new demand; all that waits by automatic demand is handled, down the whole pipeline."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer(range(100)))
            forward = pipeline.start(Forward(), subscribe_to=producer, max_demand=6)
            probe = pipeline.start(Probe(), subscribe_to=forward, max_demand=2)
            await asyncio.sleep(0.5)
            assert await pipeline.drain()
            assert (producer.asked, probe.received, pipeline.stats().stages) == ([6], list(range(6)), ())
            assert await pipeline.drain()

    run(scenario)


def test_drain_forgets_what_manual_demand_had_read_ahead() -> None:
    """What a worker has begun ends; the rest is forgotten."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1.0] * 10))
            sleeper = pipeline.start(Sleeper(), workers=2)
            sleeper.subscribe(producer, demand="manual", cancel="temporary").ask(5)
            await asyncio.sleep(0.5)
            assert await pipeline.drain()
        assert sleeper.ended == [1.0, 1.0]

    run(scenario)


@pytest.mark.parametrize("silenced", ["paused", "retracted"])
def test_a_silenced_subscription_does_not_hold_up_a_drain(silenced: str) -> None:
    """What was read for it meanwhile is discarded with notice; what it has in hand is finished."""
    discarded: list[float] = []

    class Claimer(Producer[float]):
        async def handle_demand(self, demand: int) -> list[float]:
            await asyncio.sleep(1)
            return [3.0] * demand

        def handle_discarded(self, key: object, events: list[float]) -> None:
            assert key is None
            discarded.extend(events)

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            sleeper = pipeline.start(Sleeper())
            edge = sleeper.subscribe(pipeline.start(Claimer()), max_demand=2, min_demand=1)
            await asyncio.sleep(4.5)
            if silenced == "paused":
                edge.max_demand = 0
            else:
                edge.retract()
            await asyncio.sleep(1)
            assert await pipeline.drain()
        assert sleeper.ended == [3.0] * (2 if silenced == "paused" else 3)

    run(scenario)
    assert discarded == ([3.0] if silenced == "paused" else [])


def test_after_the_deadline_handlers_are_cancelled() -> None:
    """Drain says that it had to."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1.0, 100.0, 3.0]))
            forward = pipeline.start(Forward(), subscribe_to=producer)
            sleeper = pipeline.start(Sleeper(), subscribe_to=forward)
            await asyncio.sleep(3)
            assert not await pipeline.drain(deadline=20)
            assert asyncio.get_running_loop().time() == 23
            assert (sleeper.begun, sleeper.ended, pipeline.stats().stages) == ([1.0, 100.0], [1.0], ())

    run(scenario)


def test_drain_from_elsewhere_ends_an_endless_block() -> None:
    """As a signal handler does it."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            endless = pipeline.start(Endless())
            for key in "abc":
                pipeline.start(Sleeper(), subscribe_to=endless, key=key, max_demand=2, cancel="temporary")
            asyncio.get_running_loop().call_later(10.5, lambda: drains.append(asyncio.ensure_future(pipeline.drain())))
        assert await drains[0]
        assert asyncio.get_running_loop().time() == 12

    drains: list[asyncio.Future[bool]] = []
    run(scenario)


@pytest.mark.parametrize("alone_before", [True, False])
def test_a_drain_does_not_work_for_nobody(alone_before: bool) -> None:
    """What waits in the middle is forgotten when there is nobody below to take the results."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            forward = pipeline.start(Forward(), subscribe_to=pipeline.start(ScriptedProducer(range(100))), max_demand=6)
            edge = pipeline.start(Probe()).subscribe(forward, demand="manual", cancel="temporary")
            await idle()
            if alone_before:
                edge.cancel()
            assert await pipeline.drain()

    run(scenario)


def test_a_stage_that_is_started_while_draining_drains_as_well() -> None:
    """A lane that wakes too late neither hangs the drain nor reads anything."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1.0, 1.0]))
            pipeline.start(Sleeper(), subscribe_to=producer)
            await idle()
            draining = asyncio.create_task(pipeline.drain())
            await asyncio.sleep(0.5)
            late = pipeline.start(ScriptedProducer([3]))
            pipeline.start(Probe(), subscribe_to=producer, cancel="temporary")
            pipeline.start(Probe(), subscribe_to=late, cancel="temporary")
            pipeline.start(Probe())
            assert await draining
            assert (late.asked, asyncio.get_running_loop().time()) == ([], 2)

    run(scenario)


def test_a_stage_that_is_started_while_the_block_waits_may_still_work() -> None:
    """A handler may bring in a new stage; the block waits for that one too."""
    probe = Probe()

    class Starter(Consumer[int]):
        pipeline: Pipeline

        async def handle_event(self, event: int) -> None:
            self.pipeline.start(probe, subscribe_to=self.pipeline.start(ScriptedProducer([event, Pause(1), event, END])))
            self.pipeline.start(Probe())

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            starter = Starter()
            starter.pipeline = pipeline
            pipeline.start(starter, subscribe_to=pipeline.start(ScriptedProducer([7, END])))

    run(scenario)
    assert probe.received == [7, 7]


def test_nothing_new_begins_while_a_pipeline_breaks_off() -> None:
    """A handler that is cancelled may ask in its `finally`, and what that delivers is not begun."""
    edges: list[Subscription] = []
    begun: list[int] = []

    class Asking(Consumer[int]):
        async def handle_event(self, event: int) -> None:
            begun.append(event)
            try:
                await asyncio.sleep(100)
            finally:
                edges[0].ask(1)

    class Pusher(Producer[int]):
        def handle_demand(self, demand: int) -> list[int]:
            return [1] * (demand + 1)

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            asking = pipeline.start(Asking(), workers=2)
            edges.append(asking.subscribe(pipeline.start(Pusher()), demand="manual"))
            edges[0].ask(1)
            pipeline.start(Probe(), subscribe_to=pipeline.start(ScriptedProducer([Pause(1), Fail(OSError("cut"))])))

    with pytest.raises(OSError, match="cut"):
        run(scenario)
    assert begun == [1]


def test_whoever_waits_for_a_stage_is_released_by_a_failure() -> None:
    """A stop() from outside does not hang when the pipeline dies meanwhile."""

    async def scenario() -> None:
        stopping: list[asyncio.Task[list[float]]] = []
        with pytest.raises(OSError, match="cut"):  # noqa: PT012 - the pipeline as a whole is what raises
            async with Pipeline(restarts=Restarts(0)) as pipeline:
                sleeper = pipeline.start(Sleeper(), subscribe_to=pipeline.start(ScriptedProducer([100.0, 2.0])))
                await idle()
                stopping.append(asyncio.create_task(pipeline.stop(sleeper)))
                pipeline.start(Probe(), subscribe_to=pipeline.start(ScriptedProducer([Pause(1), Fail(OSError("cut"))])))
        assert await stopping[0] == [2.0]

    run(scenario)


def test_misuse_says_what_to_do() -> None:
    """Each error names the right call."""

    def refused(error: type[Exception], text: str, call: Callable[[], object]) -> None:
        with pytest.raises(error, match=text):
            call()

    async def scenario() -> None:
        pipeline = Pipeline()
        refused(StateError, "async with", lambda: pipeline.start(Probe()))
        refused(StateError, r"pipeline\.start\(\)", lambda: Probe().subscribe(ScriptedProducer()))
        refused(StateError, r"pipeline\.start\(\)", lambda: Probe().workers)
        async with pipeline:
            producer, probe = pipeline.start(ScriptedProducer([END])), pipeline.start(Probe())
            refused(StateError, "new instance", lambda: pipeline.start(probe))
            refused(StateError, "are for consumers", lambda: pipeline.start(ScriptedProducer(), workers=3))
            refused(SubscriptionError, "subscribe_to", lambda: pipeline.start(Probe(), max_demand=3))
            refused(SubscriptionError, "not keyed", lambda: pipeline.start(Probe(), subscribe_to=producer, key="a"))
            refused(StateError, r"pipeline\.start\(\)", lambda: probe.subscribe(ScriptedProducer()))
            assert [stage.name for stage in pipeline.stats().stages] == ["ScriptedProducer", "Probe"]
            probe.subscribe(producer)

    run(scenario)


def test_stages_leave_nothing_behind() -> None:
    """Thousands of lanes come and go; neither tasks nor stages nor subscriptions stay."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            endless = pipeline.start(Endless())
            gone: list[weakref.ref[Probe]] = []
            for number in range(2_000):
                lane = pipeline.start(Probe(), cancel="temporary", subscribe_to=endless, key=number, demand="manual", name=f"lane {number}")
                next(iter(lane.inlet.edges)).ask(3)
                await idle()
                assert lane.received == [1, 1, 1]
                assert await pipeline.stop(lane) == []
                gone.append(weakref.ref(lane))
            del lane
            gc.collect()
            assert [reference() for reference in gone if reference() is not None] == []
            assert (len(asyncio.all_tasks()), len(pipeline.stats().stages)) == (1, 1)
            assert endless.outlet.edges == {}
            await pipeline.drain()

    run(scenario)


def test_handlers_see_the_context_in_which_their_stage_was_started() -> None:
    """Not the context of whoever brought the events."""
    lane: contextvars.ContextVar[str] = contextvars.ContextVar("lane", default="nobody's")
    seen: list[str] = []

    class Looking(Consumer[int]):
        def handle_event(self, event: int) -> None:
            seen.append(lane.get())

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2, END]))
            lane.set("a")
            pipeline.start(Looking(), subscribe_to=producer, max_demand=1)
            lane.set("b")

    run(scenario)
    assert seen == ["a", "a"]


def test_time_is_a_parameter() -> None:
    """Stats carry the time of the pipeline's own clock."""

    async def scenario() -> float:
        async with Pipeline(clock=VirtualClock()) as pipeline:
            await asyncio.sleep(5)
            return pipeline.stats().time

    assert run(scenario) == 5
