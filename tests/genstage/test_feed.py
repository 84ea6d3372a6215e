from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from genstage import Consumer, KeyedDispatcher, Pipeline, Producer
from genstage.testing import Probe, idle, run


class Shelf(Producer[int]):
    """Gives what is on the shelf, and remembers what it was asked for and when."""

    poll_interval = None

    def __init__(self, *stock: int) -> None:
        self.stock = list(stock)
        self.calls: list[tuple[float, int]] = []

    def handle_demand(self, demand: int) -> list[int]:
        """Gives at most the demand."""
        self.calls.append((asyncio.get_running_loop().time(), demand))
        given, self.stock = self.stock[:demand], self.stock[demand:]
        return given


class Polled(Shelf):
    """Looks again every ten seconds."""

    poll_interval = 10.0


class Slow(Shelf):
    """Takes a second for every look."""

    async def handle_demand(self, demand: int) -> list[int]:  # type: ignore[override]  # a subclass for tests changes the colour
        """Waits, then gives."""
        await asyncio.sleep(1)
        return super().handle_demand(demand)


def test_a_short_answer_is_asked_for_the_rest_at_once() -> None:
    """Something was found and demand remains: the next call comes without waiting, for what is left."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            shelf = pipeline.start(Shelf(1, 2, 3))
            pipeline.start(Probe(), subscribe_to=shelf, max_demand=5, min_demand=0)
            await idle()
            assert shelf.calls == [(0, 5), (0, 2)]
            await pipeline.drain()

    run(scenario)


def test_owed_demand_is_not_forgotten() -> None:
    """The hole of the original: a database with less than was demanded is asked again when something arrives."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            shelf = pipeline.start(Shelf(1))
            probe = pipeline.start(Probe(), subscribe_to=shelf, max_demand=4, min_demand=0)
            await idle()
            shelf.stock += [2, 3]
            await idle()
            assert probe.received == [1]
            shelf.wake()
            await idle()
            assert probe.received == [1, 2, 3]
            await pipeline.drain()

    run(scenario)


def test_time_calls_again_where_it_may() -> None:
    """With a poll interval nobody needs to wake the producer."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            shelf = pipeline.start(Polled())
            probe = pipeline.start(Probe(), subscribe_to=shelf, max_demand=2, min_demand=0)
            await asyncio.sleep(15)
            shelf.stock += [1, 2]
            await asyncio.sleep(10)
            assert (probe.received, [when for when, _ in shelf.calls]) == ([1, 2], [0, 10, 20, 20])
            await pipeline.drain()

    run(scenario)


def test_without_demand_nobody_is_called() -> None:
    """Neither waking nor time calls a producer of whom nothing is wanted."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            shelf = pipeline.start(Polled(1, 2))
            probe = pipeline.start(Probe())
            edge = probe.subscribe(shelf, demand="manual")
            shelf.wake()
            await asyncio.sleep(100)
            assert shelf.calls == []
            edge.ask(1)
            await asyncio.sleep(100)
            assert shelf.calls == [(100, 1)]
            await pipeline.drain()

    run(scenario)


def test_demand_that_was_taken_back_is_not_asked_for_again() -> None:
    """After retract the poll finds no demand and does not call."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            shelf = pipeline.start(Polled())
            edge = pipeline.start(Probe()).subscribe(shelf, demand="manual")
            edge.ask(5)
            await asyncio.sleep(1)
            assert edge.retract() == 5
            await asyncio.sleep(100)
            assert shelf.calls == [(0, 5)]
            await pipeline.drain()

    run(scenario)


def test_demand_that_arrives_while_the_handler_runs_is_added_to_the_next_call() -> None:
    """One call at a time; what came meanwhile is told with the next, also if nothing was found."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            shelf = pipeline.start(Slow())
            edge = pipeline.start(Probe()).subscribe(shelf, demand="manual")
            edge.ask(2)
            await asyncio.sleep(0.5)
            edge.ask(3)
            await asyncio.sleep(10)
            assert shelf.calls == [(1, 2), (2, 5)]
            await pipeline.drain()

    run(scenario)


def test_a_wake_while_the_handler_runs_is_not_lost() -> None:
    """Something may have come after the handler looked, so it looks again."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            shelf = pipeline.start(Slow())
            pipeline.start(Probe()).subscribe(shelf, demand="manual").ask(1)
            await asyncio.sleep(0.5)
            shelf.wake()
            shelf.wake()
            await asyncio.sleep(10)
            assert [when for when, _ in shelf.calls] == [1, 2]
            await pipeline.drain()

    run(scenario)


def test_all_keys_are_told_in_one_call() -> None:
    """What several lanes ask for in one turn of the loop is one read."""

    class Fetcher(Producer[str], dispatcher=KeyedDispatcher()):
        poll_interval = None

        def __init__(self) -> None:
            self.calls: list[dict[str, int]] = []

        async def handle_demand(self, demand: Mapping[str, int]) -> Mapping[str, list[str]]:
            self.calls.append(dict(demand))
            return {key: [key] * count for key, count in demand.items() if key != "dry"}

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            fetcher = pipeline.start(Fetcher())
            lanes = {key: pipeline.start(Probe()) for key in ("a", "b", "dry")}
            for number, (key, lane) in enumerate(lanes.items()):
                lane.subscribe(fetcher, key=key, demand="manual").ask(number + 1)
            await idle()
            assert fetcher.calls == [{"a": 1, "b": 2, "dry": 3}, {"dry": 3}]
            assert [lane.received for lane in lanes.values()] == [["a"], ["b", "b"], []]
            await pipeline.drain()

    run(scenario)


def test_events_of_a_lane_that_was_stopped_meanwhile_are_discarded_with_notice() -> None:
    """The producer's hook hears whose events nobody will get."""
    discarded: list[tuple[str, list[int]]] = []

    class Fetcher(Producer[int], dispatcher=KeyedDispatcher()):
        async def handle_demand(self, demand: Mapping[str, int]) -> Mapping[str, list[int]]:
            await asyncio.sleep(1)
            return {key: list(range(count)) for key, count in demand.items()}

        def handle_discarded(self, key: str, events: list[int]) -> None:  # type: ignore[override]  # the keys of this one are texts
            discarded.append((key, events))

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            fetcher = pipeline.start(Fetcher())
            lane = pipeline.start(Probe(), subscribe_to=fetcher, key="a", max_demand=3)
            await asyncio.sleep(0.5)
            assert await pipeline.stop(lane) == []
            await asyncio.sleep(1)
            assert discarded == [("a", [0, 1, 2])]
            assert pipeline.stats().stages[0].discarded == 3
            await pipeline.drain()

    run(scenario)


def test_a_waiting_handler_is_cancelled_by_drain() -> None:
    """A handler that waits for events holds none, so a drain need not wait for it."""

    class Patient(Producer[int]):
        async def handle_demand(self, demand: int) -> list[int]:
            await asyncio.Event().wait()
            return [demand]

    async def scenario() -> float:
        async with Pipeline() as pipeline:
            pipeline.start(Probe(), subscribe_to=pipeline.start(Patient()))
            await idle()
            assert await pipeline.drain(deadline=20)
        return asyncio.get_running_loop().time()

    assert run(scenario) == 0


def test_what_a_cancelled_handler_answers_all_the_same_counts() -> None:
    """A handler that had already claimed something may give it while it is cancelled; it is still handled."""

    class Claimer(Producer[int]):
        async def handle_demand(self, demand: int) -> list[int]:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return [demand]
            return []

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            probe = pipeline.start(Probe(), subscribe_to=pipeline.start(Claimer()), max_demand=7)
            await idle()
            assert await pipeline.drain()
        return probe.received

    assert run(scenario) == [7]


def test_an_error_of_the_handler_comes_out() -> None:
    """As it is, and everything else is stopped."""

    class Broken(Producer[int]):
        def handle_demand(self, demand: int) -> list[int]:
            raise LookupError(f"asked for {demand}")

    class Busy(Consumer[int]):
        async def handle_event(self, event: int) -> None:
            await asyncio.sleep(event)

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            busy = pipeline.start(Busy(), subscribe_to=pipeline.start(Shelf(1000)), max_demand=1)
            await idle()
            busy.subscribe(pipeline.start(Broken()), max_demand=3)
            await asyncio.sleep(1000)

    with pytest.raises(LookupError, match="asked for 3"):
        run(scenario)
