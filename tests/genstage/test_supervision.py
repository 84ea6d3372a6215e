from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genstage import (
    AnswerError,
    Backoff,
    Consumer,
    DefinitionError,
    HandlerCancelledError,
    KeyedDispatcher,
    PartitionDispatcher,
    Pipeline,
    Producer,
    ProducerConsumer,
    Restarts,
    StateError,
    Subscription,
)
from genstage.testing import END, Fail, Pause, Probe, ScriptedProducer, idle, run


class Fragile(Consumer[Any]):
    """Fails as often as it is told for each event, keeps what it handled."""

    def __init__(self, **failures: int) -> None:
        self.failures = {int(event[1:]): times for event, times in failures.items()}
        self.done: list[int] = []

    def handle_events(self, events: list[int]) -> None:
        """Fails on some."""
        for event in events:
            if self.failures.get(event, 0):
                self.failures[event] -= 1
                raise OSError(f"event {event}")
        self.done += events


class AsyncFragile(Fragile):
    """The same, asynchronously."""

    async def handle_events(self, events: list[int]) -> None:  # type: ignore[override]  # the same handler in the other colour
        """Fails on some."""
        await asyncio.sleep(0.1)
        super().handle_events(events)


class Singles(Fragile):
    """The same, an event a call."""

    handle_events = Consumer.handle_events  # type: ignore[assignment]  # this one takes single events

    def handle_event(self, event: int) -> None:
        """Fails on some."""
        Fragile.handle_events(self, [event])


@pytest.mark.parametrize(("limits", "text"), [({"max_restarts": -1}, "max_restarts"), ({"max_seconds": 0}, "max_seconds")])
def test_restarts_that_cannot_be_say_so(limits: dict[str, Any], text: str) -> None:
    """When they are made."""
    with pytest.raises(DefinitionError, match=text):
        Restarts(**limits)


@pytest.mark.parametrize("wrong", [{"first": -1}, {"most": 0.01}, {"factor": 0.5}, {"jitter": 2}])
def test_a_back_off_that_cannot_be_says_so(wrong: dict[str, Any]) -> None:
    """When it is made."""
    with pytest.raises(DefinitionError, match="cannot be"):
        Backoff(**wrong)


@given(st.integers(0, 5000), st.floats(0, 1), st.floats(1, 10))
def test_a_delay_grows_to_its_most(attempt: int, chance: float, factor: float) -> None:
    """It is never more than the longest wait, never less than its share of the first, and grows with the tries."""
    backoff = Backoff(first=0.1, most=30, factor=factor, jitter=0.5)
    delay = backoff.delay(attempt, chance)
    assert 0.05 <= delay <= 30
    assert backoff.delay(attempt + 1, chance) >= delay


@pytest.mark.parametrize("kind", [Fragile, AsyncFragile, Singles])
def test_a_stage_is_restarted_three_times_in_five_seconds(kind: type[Fragile], caplog: pytest.LogCaptureFixture) -> None:
    """That is the default, as in OTP; each restart is told with its error, and one failure more comes out."""
    fragile = kind(e1=1, e2=1, e3=1, e5=1)

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            pipeline.start(fragile, subscribe_to=pipeline.start(ScriptedProducer([1, 2, 3, 4, 5, 6, END])), max_demand=1, name="it")

    with pytest.raises(OSError, match="event 5"):
        run(scenario)
    assert fragile.done == [4]
    assert [record.getMessage() for record in caplog.records] == [
        f"it failed and goes on; restart {number} of at most 3 in 5 seconds" for number in (1, 2, 3)
    ]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["event 1", "event 2", "event 3"]


class Wrong(Consumer[int]):
    """Cannot be right."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.calls = 0

    def handle_event(self, event: int) -> None:
        """Says so."""
        self.calls += 1
        raise self.error


class AsyncWrong(Wrong):
    """The same, asynchronously."""

    async def handle_event(self, event: int) -> None:  # type: ignore[override]  # the same handler in the other colour
        """Says so."""
        super().handle_event(event)


@pytest.mark.parametrize("kind", [Wrong, AsyncWrong])
@pytest.mark.parametrize("error", [AnswerError("wrong"), StateError("wrong"), AssertionError("wrong")])
def test_what_says_that_the_program_is_wrong_comes_out_at_once(kind: type[Wrong], error: Exception) -> None:
    """No restart makes it right; a test whose handler asserts something must be able to fail."""
    wrong = kind(error)

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            pipeline.start(wrong, subscribe_to=pipeline.start(ScriptedProducer([1, 2, 3])), max_demand=1)

    with pytest.raises(type(error), match="wrong"):
        run(scenario)
    assert (wrong.calls, wrong.restarts) == (1, 0)


@pytest.mark.parametrize("kind", [Fragile, AsyncFragile, Singles])
def test_where_nothing_restarts_the_first_failure_stops_the_pipeline(kind: type[Fragile]) -> None:
    """``Restarts(0)``: errors surface at once."""

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            pipeline.start(kind(e1=1), subscribe_to=pipeline.start(ScriptedProducer([1, END])))

    with pytest.raises(OSError, match="event 1"):
        run(scenario)


@pytest.mark.parametrize("kind", [Fragile, AsyncFragile, Singles])
def test_a_failing_handler_costs_its_call_and_no_more(kind: type[Fragile]) -> None:
    """Within the limits the stage goes on; at most once: the events of the failed call are lost, what waited is not."""

    async def scenario() -> tuple[list[int], int]:
        async with Pipeline(restarts=Restarts()) as pipeline:
            fragile = pipeline.start(kind(e2=1), subscribe_to=pipeline.start(ScriptedProducer([1, 2, 3, 4, END])), max_demand=2)
        return fragile.done, fragile.restarts

    done, restarts = run(scenario)
    assert (done, restarts) == ([1, 3, 4], 1)


@pytest.mark.parametrize("kind", [Fragile, AsyncFragile, Singles])
def test_one_failure_too_many_comes_out(kind: type[Fragile]) -> None:
    """Three restarts within five seconds, and the fourth failure is the pipeline's."""
    fragile = kind(e1=9, e2=9, e3=9, e4=9, e5=9)

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2, 3, 4, 5, END]))
            pipeline.start(fragile, subscribe_to=producer, max_demand=1, restarts=Restarts())

    with pytest.raises(OSError, match="event 4"):
        run(scenario)
    assert fragile.restarts == 3


def test_failures_far_apart_are_forgotten() -> None:
    """Only those within the time count."""

    async def scenario() -> int:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, Pause(6), 2, Pause(6), 3, Pause(6), 4, END]))
            fragile = Fragile(e1=1, e2=1, e3=1, e4=1)
            pipeline.start(fragile, subscribe_to=producer, max_demand=1, restarts=Restarts(max_restarts=1))
        return fragile.restarts

    assert run(scenario) == 4


def test_a_stray_cancellation_counts_as_a_failure() -> None:
    """A handler that awaited something cancelled elsewhere failed; within the limits its stage goes on."""

    class Stray(Consumer[int]):
        async def handle_event(self, event: int) -> None:
            if event == 1:
                raise asyncio.CancelledError

    async def scenario(limits: Restarts) -> int:
        async with Pipeline(restarts=limits) as pipeline:
            stray = pipeline.start(Stray(), subscribe_to=pipeline.start(ScriptedProducer([1, 2, END])))
        return stray.restarts

    assert run(scenario, Restarts()) == 1
    with pytest.raises(HandlerCancelledError):
        run(scenario, Restarts(0))


class Cancelling(Fragile):
    """Raises a cancellation without any task."""

    def handle_events(self, events: list[int]) -> None:
        """Takes something else's cancellation for its own."""
        raise asyncio.CancelledError


def test_a_cancellation_that_a_sync_handler_raises_is_an_error() -> None:
    """It must not pass for the end of anything."""

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            pipeline.start(Cancelling(), subscribe_to=pipeline.start(ScriptedProducer([1, END])))

    with pytest.raises(HandlerCancelledError):
        run(scenario)


class Flaky(Producer[int]):
    """Counts, and fails at some numbers once each."""

    poll_interval = None

    def __init__(self, end: int, *failing: int) -> None:
        self.at, self.end = 0, end
        self.failing = set(failing)
        self.calls: list[float] = []

    def handle_demand(self, demand: int) -> list[int] | None:
        """The next one."""
        self.calls.append(asyncio.get_running_loop().time())
        if self.at in self.failing:
            self.failing.remove(self.at)
            raise OSError(f"at {self.at}")
        if self.at == self.end:
            return None
        self.at += 1
        return [self.at - 1]


def test_a_stage_that_has_failed_for_good_is_not_called_again() -> None:
    """Although its producer still has a turn, and brings it something."""

    class Lists(Wrong):
        handle_event = Consumer.handle_event  # type: ignore[assignment]  # this one takes lists

        def handle_events(self, events: list[int]) -> None:
            self.edge.ask(1)
            Wrong.handle_event(self, events[0])

        edge: Subscription

    lists = Lists(OSError("wrong"))

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            pipeline.start(lists)
            lists.edge = lists.subscribe(pipeline.start(Flaky(9)), demand="manual")
            lists.edge.ask(1)

    with pytest.raises(OSError, match="wrong"):
        run(scenario)
    assert lists.calls == 1


class AsyncFlaky(Flaky):
    """The same, asynchronously."""

    async def handle_demand(self, demand: int) -> list[int] | None:  # type: ignore[override]  # the same handler in the other colour
        """The next one."""
        return super().handle_demand(demand)


class Ear(Probe):
    """A probe that hears of its subscriptions."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def handle_subscribe(self, other: str, subscription: Subscription) -> None:
        """Keeps it."""
        self.heard.append(f"{other} subscribed")

    def handle_cancel(self, other: str, subscription: Subscription) -> None:
        """Keeps it."""
        self.heard.append(f"{other} {subscription.reason}")


@pytest.mark.parametrize("kind", [Flaky, AsyncFlaky])
@pytest.mark.parametrize("demand", ["automatic", "manual"])
def test_a_subscription_opens_again_after_its_back_off(kind: type[Flaky], demand: Any) -> None:
    """The producer failed and was restarted; what was outstanding is asked for again, and nothing is lost or done twice."""

    async def scenario() -> tuple[list[int], list[str], list[float]]:
        async with Pipeline() as pipeline:
            flaky = pipeline.start(kind(5, 2), restarts=Restarts())
            ear = pipeline.start(Ear())
            edge = ear.subscribe(flaky, demand=demand, resubscribe=Backoff(first=2, jitter=0))
            if demand == "manual":
                edge.ask(10)
            await asyncio.sleep(1)
            assert (edge.interrupted, edge.over, edge.outstanding) == (True, False, 8 if demand == "manual" else 998)
        return ear.received, ear.heard, flaky.calls

    received, heard, calls = run(scenario)
    assert received == [0, 1, 2, 3, 4]
    assert heard == ["producer subscribed", "producer at 2", "producer subscribed", "producer ended"]
    assert calls[:4] == [0, 0, 0, 2]


def test_a_back_off_grows_with_each_failure() -> None:
    """The second try waits twice as long."""

    class Failing(Producer[int]):
        def __init__(self) -> None:
            self.calls: list[float] = []

        def handle_demand(self, demand: int) -> list[int]:
            self.calls.append(asyncio.get_running_loop().time())
            raise OSError("away")

    failing = Failing()

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            pipeline.start(failing, restarts=Restarts(3, 100))
            pipeline.start(Probe(), subscribe_to=failing, resubscribe=Backoff(first=1, jitter=0))

    with pytest.raises(OSError, match="away"):
        run(scenario)
    assert failing.calls == [0, 1, 3, 7]


def test_a_subscription_that_waits_may_be_changed_and_cancelled() -> None:
    """Asking, taking back and cancelling work as ever; a drain does not wait for it."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            flaky = pipeline.start(Flaky(5, 0), restarts=Restarts())
            first, second = pipeline.start(Probe()), pipeline.start(Probe())
            edge = first.subscribe(flaky, demand="manual", resubscribe=Backoff(first=10))
            other = second.subscribe(flaky, resubscribe=Backoff(first=10))
            edge.ask(3)
            await idle()
            assert (edge.outstanding, edge.retract(2), edge.outstanding) == (3, 2, 1)
            edge.ask(1)
            assert edge.outstanding == 2
            edge.cancel()
            assert (edge.over, edge.outstanding, other.interrupted) == (True, 0, True)
            assert await pipeline.drain(deadline=1)
            assert asyncio.get_running_loop().time() == 0

    run(scenario)


@pytest.mark.parametrize("cancel", ["permanent", "transient"])
def test_without_back_off_a_failed_producer_is_its_consumers_failure(cancel: Any) -> None:
    """As in OTP: it is restarted too, if its own limits allow it, and subscribes again at once; otherwise the pipeline stops."""

    async def scenario(limits: Restarts) -> tuple[list[int], list[str], int]:
        async with Pipeline() as pipeline:
            flaky = pipeline.start(Flaky(5, 2), restarts=Restarts())
            ear = pipeline.start(Ear(), subscribe_to=flaky, cancel=cancel, restarts=limits)
        return ear.received, ear.heard, ear.restarts

    received, heard, restarts = run(scenario, Restarts())
    assert (received, restarts) == ([0, 1, 2, 3, 4], 1)
    assert heard == ["producer subscribed", "producer at 2", "producer subscribed", "producer ended"]
    with pytest.raises(OSError, match="at 2") as caught:
        run(scenario, Restarts(0))
    assert "resubscribe" in caught.value.__notes__[0]


def test_a_temporary_subscription_ends_with_its_producers_failure() -> None:
    """The consumer lives on without it."""

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            flaky = pipeline.start(Flaky(5, 2), restarts=Restarts())
            probe = pipeline.start(Probe())
            edge = probe.subscribe(flaky, cancel="temporary")
            await idle()
            assert (edge.over, str(edge.reason)) == (True, "at 2")
            again = probe.subscribe(flaky)
            await idle()
            assert again.over
        return probe.received

    assert run(scenario) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("cancel", "ends"), [("permanent", True), ("transient", False), ("temporary", False)], ids=["permanent", "transient", "temporary"]
)
def test_an_ordinary_end_ends_only_the_permanent(cancel: Any, ends: bool) -> None:
    """A stream that ended, or a producer that was stopped, is no failure."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            probe = pipeline.start(Probe(), subscribe_to=pipeline.start(ScriptedProducer([1, END])), cancel=cancel)
            await idle()
            assert ([stage.name for stage in pipeline.stats().stages] == []) == ends
            assert probe.received == [1]

    run(scenario)


class Relay(ProducerConsumer[int, int]):
    """Passes on; fails once at a number."""

    def __init__(self, failing: int | None = None) -> None:
        self.failing = failing

    def handle_events(self, events: list[int]) -> list[int]:
        """As they come."""
        if self.failing in events:
            self.failing = None
            raise OSError("relay")
        return events


def test_failures_cascade_down_and_not_up() -> None:
    """A restarted producer-consumer keeps its subscription, and its consumers subscribe again."""

    async def scenario() -> tuple[list[int], list[int]]:
        async with Pipeline(restarts=Restarts()) as pipeline:
            source = pipeline.start(ScriptedProducer([0, 1, 2, 3, END]))
            relay = pipeline.start(Relay(failing=1), subscribe_to=source, max_demand=1)
            probe = pipeline.start(Probe(), subscribe_to=relay)
        return probe.received, [source.restarts, relay.restarts, probe.restarts]

    assert run(scenario) == ([0, 2, 3], [0, 1, 1])


@pytest.mark.parametrize("kind", [Fragile, AsyncFragile, Singles])
@pytest.mark.parametrize("demand", ["automatic", "manual"])
def test_at_least_once_gives_back_what_was_not_handled(kind: type[Fragile], demand: Any) -> None:
    """The failed call and what waited go back, before newer events and in their order; demand is conserved."""

    async def scenario() -> tuple[list[int], int]:
        async with Pipeline(restarts=Restarts()) as pipeline:
            producer = pipeline.start(ScriptedProducer(range(10)))
            fragile = pipeline.start(kind(e3=2))
            edge = fragile.subscribe(producer, demand=demand, delivery="at_least_once", **({} if demand == "manual" else {"max_demand": 4}))
            if demand == "manual":
                edge.ask(6)
                await asyncio.sleep(10)
                edge.ask(6)
            await asyncio.sleep(10)
            assert edge.outstanding == (2 if demand == "manual" else 4)
            await pipeline.drain()
        return fragile.done, fragile.restarts

    assert run(scenario) == (list(range(10)), 2)


def test_another_consumer_may_take_what_went_back() -> None:
    """It goes to the producer's buffer, not to whoever failed: with the greater demand somebody else gets it."""

    async def scenario() -> tuple[list[int], list[int]]:
        async with Pipeline(restarts=Restarts()) as pipeline:
            producer = pipeline.start(ScriptedProducer())
            fragile = pipeline.start(Fragile(e1=1), subscribe_to=producer, max_demand=2, delivery="at_least_once")
            producer.add(1)
            probe = Probe()
            pipeline.start(probe)
            await idle()
            pipeline.start(Probe())
            fragile.failures[2] = 1
            probe.subscribe(producer, max_demand=10)
            producer.add(2)
            await idle()
            await pipeline.drain()
        return fragile.done, probe.received

    done, received = run(scenario)
    assert (sorted(done + received), 2 in received) == ([1, 2], True)


class KeyedSource(ScriptedProducer, dispatcher=KeyedDispatcher()):
    """Ten numbers for each key."""

    def __init__(self) -> None:
        super().__init__()
        self.given = {"a": 0}

    async def handle_demand(self, demand: dict[str, int]) -> dict[str, list[int]]:  # type: ignore[override]  # keyed
        """The next ones."""
        answer = {}
        for key, count in demand.items():
            first, self.given[key] = self.given[key], min(10, self.given[key] + count)
            answer[key] = list(range(first, self.given[key]))
        return answer


class Halves(Producer[int], dispatcher=PartitionDispatcher(2)):
    """Ten even numbers, which all belong to one partition."""

    at = 0

    def handle_demand(self, demand: int) -> list[int] | None:
        """The next ones."""
        first, self.at = self.at, min(10, self.at + demand)
        return [2 * number for number in range(first, self.at)] or None


@pytest.mark.parametrize(
    ("source", "terms", "failing", "expected"),
    [(KeyedSource, {"key": "a"}, "e5", list(range(10))), (Halves, {"partition": 0}, "e6", list(range(0, 20, 2)))],
)
def test_other_dispatchers_take_events_back(source: Any, terms: dict[str, Any], failing: str, expected: list[int]) -> None:
    """To the key's or the partition's own queue, in their order."""

    async def scenario() -> list[int]:
        async with Pipeline(restarts=Restarts()) as pipeline:
            fragile = Fragile(**{failing: 1})
            pipeline.start(fragile, subscribe_to=pipeline.start(source()), max_demand=4, delivery="at_least_once", **terms)
            await idle()
            await pipeline.drain()
        return fragile.done

    assert run(scenario) == expected


def test_after_the_end_of_the_stream_the_consumer_tries_again_itself() -> None:
    """There is nobody left to give it back to; at least once holds all the same."""

    async def scenario() -> list[int]:
        async with Pipeline(restarts=Restarts()) as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2, 3, END]))
            fragile = pipeline.start(AsyncFragile(e2=2), subscribe_to=producer, max_demand=3, min_demand=0, delivery="at_least_once")
        return fragile.done

    assert run(scenario) == [1, 2, 3]


def test_a_poison_event_comes_out_in_the_end() -> None:
    """At least once is not for ever: the restart limits bound it."""

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts()) as pipeline:
            producer = pipeline.start(ScriptedProducer([1, END]))
            pipeline.start(Fragile(e1=99), subscribe_to=producer, delivery="at_least_once")

    with pytest.raises(OSError, match="event 1"):
        run(scenario)


def test_a_script_may_fail_and_go_on() -> None:
    """With restarts a scripted failure is an interruption."""

    async def scenario() -> list[int]:
        async with Pipeline(restarts=Restarts()) as pipeline:
            producer = pipeline.start(ScriptedProducer([1, Fail(OSError("once")), 2, END]))
            probe = pipeline.start(Probe(), subscribe_to=producer, resubscribe=Backoff())
        return probe.received

    assert run(scenario) == [1, 2]
