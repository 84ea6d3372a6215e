from __future__ import annotations

import asyncio
from typing import Any

import pytest

from genstage import Consumer, DefinitionError, Pipeline, Producer, ProducerConsumer, Restarts, StateError
from genstage.testing import END, Pause, Probe, ScriptedProducer, idle, run


class Counter(Producer[int]):
    """Answers calls, takes casts, pushes what it is told."""

    poll_interval = None

    def __init__(self) -> None:
        self.log: list[Any] = []

    def handle_demand(self, demand: int) -> list[int]:
        """Nothing of itself."""
        return []

    def handle_call(self, request: Any) -> Any:
        """Fails on an exception, pushes a list before it answers, echoes anything else."""
        if isinstance(request, Exception):
            raise request
        if isinstance(request, list):
            self.push(request)
        self.log.append(request)
        return request

    def handle_cast(self, request: Any) -> None:
        """As a call."""
        self.handle_call(request)

    def handle_info(self, message: Any) -> None:
        """Keeps it."""
        self.log.append(("info", message))


class Slow(Counter):
    """The same, a second a request."""

    async def handle_call(self, request: Any) -> Any:
        """Takes its time."""
        await asyncio.sleep(1)
        return super().handle_call(request)

    async def handle_cast(self, request: Any) -> None:  # type: ignore[override]  # the same handler in the other colour
        """Takes its time."""
        await asyncio.sleep(1)
        super().handle_call(request)


@pytest.mark.parametrize("kind", [Counter, Slow])
def test_calls_and_casts_are_handled_one_at_a_time_in_their_order(kind: type[Counter]) -> None:
    """Whoever calls gets the answer; a cast before it was handled before it."""

    async def scenario() -> tuple[list[Any], float]:
        async with Pipeline() as pipeline:
            stage = pipeline.start(kind())
            stage.cast(1)
            answers = await asyncio.gather(stage.call(2), stage.call(3))
            stage.cast(4)
            assert (answers, await stage.call(5)) == ([2, 3], 5)
            await pipeline.drain()
        return stage.log, asyncio.get_running_loop().time()

    assert run(scenario) == ([1, 2, 3, 4, 5], 5 if kind is Slow else 0)


@pytest.mark.parametrize("kind", [Counter, Slow])
def test_what_a_call_raises_the_caller_gets(kind: type[Counter]) -> None:
    """The stage is not hurt."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            stage = pipeline.start(kind())
            with pytest.raises(OSError, match="no"):
                await stage.call(OSError("no"))
            assert await stage.call(1) == 1
            await pipeline.drain()

    run(scenario)


@pytest.mark.parametrize("kind", [Counter, Slow])
def test_what_a_cast_raises_is_a_failure_of_the_stage(kind: type[Counter]) -> None:
    """Its restart limits decide."""

    async def scenario(limits: Restarts) -> int:
        async with Pipeline(restarts=limits) as pipeline:
            stage = pipeline.start(kind())
            stage.cast(OSError("no"))
            assert await stage.call(1) == 1
            await pipeline.drain()
        return stage.restarts

    assert run(scenario, Restarts()) == 1
    with pytest.raises(OSError, match="no"):
        run(scenario, Restarts(0))


def test_events_that_a_call_pushes_go_out_before_the_answer() -> None:
    """They are delivered when the caller goes on."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            stage = pipeline.start(Counter())
            probe = pipeline.start(Probe(), subscribe_to=stage)
            await stage.call([1, 2])
            await idle()
            assert probe.received == [1, 2]
            await pipeline.drain()

    run(scenario)


def test_a_caller_may_give_up() -> None:
    """After its time, or cancelled; what waited is left out, what runs goes on, and the stage serves the next."""

    async def scenario() -> list[Any]:
        async with Pipeline() as pipeline:
            stage = pipeline.start(Slow())
            first = asyncio.create_task(stage.call(1, timeout=0.5))
            second = asyncio.create_task(stage.call(2, timeout=0.5))
            for task in (first, second):
                with pytest.raises(TimeoutError):
                    await task
            assert await stage.call(3) == 3
            await pipeline.drain()
        return stage.log

    assert run(scenario) == [1, 3]


def test_nobody_waits_for_a_stage_that_has_ended() -> None:
    """A call, a cast or a marker after the end says so; so does a call that a deadline cut off."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            stage = pipeline.start(Slow())
            running, waiting = (asyncio.create_task(stage.call(n)) for n in (1, 2))
            await idle()
            stage.abort()
            with pytest.raises(asyncio.CancelledError):
                await running
            with pytest.raises(StateError, match="before it came to this call"):
                await waiting
            for attempt in (stage.cast, stage.inform):
                with pytest.raises(StateError, match="has ended"):
                    attempt(1)
        with pytest.raises(StateError, match="has ended"):
            await stage.call(1)

    run(scenario)


def test_what_is_not_handled_says_what_to_define() -> None:
    """A stage that was not started cannot be called; one without handlers names the missing one."""

    async def scenario() -> None:
        with pytest.raises(StateError, match="has not been started"):
            Probe().cast(1)
        async with Pipeline() as pipeline:
            probe = pipeline.start(Probe(), subscribe_to=pipeline.start(ScriptedProducer()))
            with pytest.raises(DefinitionError, match="define handle_call"):
                await probe.call(1)
            await pipeline.drain()
        for attempt in ("cast", "inform"):
            with pytest.raises(DefinitionError, match=f"define handle_{'info' if attempt == 'inform' else attempt}"):  # noqa: PT012 - the pipeline as a whole is what raises
                async with Pipeline() as pipeline:
                    probe = pipeline.start(Probe(), subscribe_to=pipeline.start(ScriptedProducer([Pause(1), END])))
                    getattr(probe, attempt)(1)

    run(scenario)


class Log(Consumer[int]):
    """Keeps what it handles, and markers where they come."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.log: list[Any] = []

    async def handle_event(self, event: int) -> None:
        """Takes its time, even numbers longer."""
        await asyncio.sleep(self.seconds * (2 if event % 2 == 0 else 1))
        self.log.append(event)

    async def handle_info(self, message: Any) -> None:
        """Takes its time too."""
        await asyncio.sleep(self.seconds)
        self.log.append(message)


class SyncLog(Log):
    """The same, without waiting."""

    def handle_event(self, event: int) -> None:  # type: ignore[override]  # the same handler in the other colour
        """Keeps it."""
        self.log.append(event)

    def handle_info(self, message: Any) -> None:  # type: ignore[override]  # the same handler in the other colour
        """Keeps it."""
        self.log.append(message)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("log", [Log(), Log(1), SyncLog()], ids=["quick", "slow", "sync"])
def test_a_marker_stands_between_the_events_of_a_consumer(log: Log, workers: int) -> None:
    """All that was delivered before has been handled, nothing that came later is begun; whatever the number of workers."""
    log = type(log)(log.seconds)

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([0, 1, 2, 3]))
            edge = pipeline.start(log, workers=workers).subscribe(producer, demand="manual")
            log.inform("first")
            edge.ask(4)
            await idle()
            log.inform("m")
            log.inform("n")
            producer.add(4, 5, END)
            edge.ask(10)

    run(scenario)
    where = log.log.index("m")
    assert (log.log[0], log.log[where + 1]) == ("first", "n")
    assert (set(log.log[1:where]), set(log.log[where + 2 :])) == ({0, 1, 2, 3}, {4, 5})


class Doubler(ProducerConsumer[int, int]):
    """Doubles, and keeps markers."""

    def __init__(self) -> None:
        self.log: list[Any] = []

    def handle_events(self, events: list[int]) -> list[int]:
        """A list for a list."""
        self.log += events
        return [event for event in events for _ in range(2)]

    def handle_info(self, message: Any) -> None:
        """Keeps it."""
        self.log.append(message)


def test_a_marker_passes_a_producer_consumer_behind_its_results() -> None:
    """First behind the events that wait, then behind the results that are buffered."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2, 3]))
            doubler = pipeline.start(Doubler(), subscribe_to=producer, max_demand=3, min_demand=2)
            edge = pipeline.start(Probe()).subscribe(doubler, demand="manual")
            await idle()
            doubler.inform("m")
            for count, log in ((1, [1]), (1, [1]), (1, [1, 2]), (2, [1, 2, 3]), (1, [1, 2, 3, "m"])):
                edge.ask(count)
                await idle()
                assert doubler.log == log
            doubler.inform("n")
            await idle()
            assert doubler.log[-1] == "n"
            await pipeline.drain()

    run(scenario)


def test_a_marker_of_a_producer_waits_behind_what_is_buffered() -> None:
    """With nothing buffered it is handled at once; several keep their order; they do not count as events."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            stage = pipeline.start(Counter())
            stage.inform("empty")
            await idle()
            assert stage.log == [("info", "empty")]
            stage.push([1, 2, 3])
            stage.inform("a")
            stage.inform("b")
            stage.push([4])
            stage.inform("c")
            assert stage.estimate_buffered_count() == 4
            edge = pipeline.start(Probe()).subscribe(stage, demand="manual")
            for asked, log in ((2, ["empty"]), (1, ["empty", "a", "b"]), (1, ["empty", "a", "b", "c"])):
                edge.ask(asked)
                await idle()
                assert [message for _, message in stage.log] == log
            await pipeline.drain()

    run(scenario)


def test_a_stage_is_called_before_it_has_begun() -> None:
    """What comes while the hook start runs waits for it."""

    class Late(Counter):
        async def start(self) -> None:
            await asyncio.sleep(1)
            self.log.append("started")

    async def scenario() -> list[Any]:
        async with Pipeline() as pipeline:
            late = pipeline.start(Late())
            late.cast(1)
            assert await late.call(2) == 2
            await pipeline.drain()
        return late.log

    assert run(scenario) == ["started", 1, 2]
