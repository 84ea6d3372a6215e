from __future__ import annotations

import asyncio
import dataclasses

import pytest

from genstage import Backoff, BroadcastDispatcher, Consumer, EdgeStats, Pipeline, Producer, Restarts, StageStats, Stats
from genstage.stats import diagram_of
from genstage.testing import END, Fail, Pause, Probe, ScriptedProducer, run, wait_until_idle


class Slow(Consumer[int]):
    """Ten seconds an event."""

    async def handle_event(self, event: int) -> None:
        """Waits."""
        await asyncio.sleep(10)


def test_a_snapshot_counts_everything() -> None:
    """Per stage what waits, runs and is done; per subscription what is outstanding."""

    async def scenario() -> Stats:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer(range(6)))
            pipeline.start(Slow(), subscribe_to=producer, workers=2, max_demand=8, min_demand=7)
            await asyncio.sleep(15)
            stats = pipeline.stats()
            await pipeline.drain(deadline=0)
        return stats

    stats = run(scenario)
    assert stats.stages == (
        StageStats("ScriptedProducer", emitted=6),
        StageStats("Slow", waiting=2, in_flight=2, busy=2, workers=2, handled=2),
    )
    assert stats.edges == (EdgeStats("ScriptedProducer", "Slow", None, 4, max_demand=8),)
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.time = 0.0  # type: ignore[misc]


def test_a_diagram_is_mermaid() -> None:
    """Stages with what they hold, subscriptions with what is outstanding; quotes do not break it."""
    stats = Stats(
        0.0,
        (
            StageStats("Fetcher", buffered=3, discarded=4, restarts=1),
            StageStats('the "big" one', workers=10, busy=2, waiting=5),
            StageStats("slow"),
        ),
        (
            EdgeStats("Fetcher", 'the "big" one', "lane 1", 7),
            EdgeStats("Fetcher", "slow", None, 2, dropped=6, interrupted=True),
            EdgeStats("Fetcher", "just gone", "lane 2", 1),
        ),
    )
    assert diagram_of(stats).splitlines() == [
        "flowchart LR",
        '    s0["Fetcher<br>3 buffered<br>4 discarded<br>1 restarts"]',
        '    s1["the #quot;big#quot; one<br>2/10 busy, 5 waiting"]',
        '    s2["slow"]',
        '    s0 -->|"lane 1: 7"| s1',
        '    s0 -.->|"2, 6 dropped"| s2',
    ]


class Once(Consumer[int]):
    """Fails with one event."""

    async def handle_event(self, event: int) -> None:
        """Handles the others."""
        if event == 2:
            raise OSError("two")


def test_failures_and_restarts_are_counted() -> None:
    """Of the stage that failed: how often it went on, and how many events were lost with the failures."""

    async def scenario() -> StageStats:
        async with Pipeline(restarts=Restarts()) as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2, 3]))
            pipeline.start(Once(), subscribe_to=producer)
            await wait_until_idle()
            stats = pipeline.stats()
            await pipeline.drain()
        return stats.stages[1]

    assert run(scenario) == StageStats("Once", workers=1, handled=2, failed=1, restarts=1)


def test_an_interrupted_subscription_is_seen() -> None:
    """While a failed producer is waited for, what is owed to the consumer is still outstanding."""

    async def scenario() -> Stats:
        async with Pipeline(restarts=Restarts()) as pipeline:
            producer = pipeline.start(ScriptedProducer([1, Pause(1), Fail(OSError("cut")), 2, END]))
            pipeline.start(Probe(), subscribe_to=producer, max_demand=10, resubscribe=Backoff(first=5, jitter=0))
            await asyncio.sleep(2)
            return pipeline.stats()

    stats = run(scenario)
    assert stats.stages[0].restarts == 1
    assert stats.edges == (EdgeStats("ScriptedProducer", "Probe", None, 9, max_demand=10, interrupted=True),)


class Loud(Producer[int], dispatcher=BroadcastDispatcher()):
    """Says what it is told to say."""

    def handle_demand(self, demand: int) -> list[int]:
        """Nothing by itself."""
        return []


def test_what_a_slow_consumer_missed_is_counted() -> None:
    """On its subscription, not on the others'."""

    async def scenario() -> dict[str, int]:
        async with Pipeline() as pipeline:
            loud = pipeline.start(Loud())
            pipeline.start(Probe(), name="quick", subscribe_to=loud)
            slow = pipeline.start(Probe(), name="slow")
            slow.subscribe(loud, demand="manual", slow="drop").ask(1)
            loud.push([1, 2, 3])
            await wait_until_idle()
            dropped = {edge.consumer: edge.dropped for edge in pipeline.stats().edges}
            await pipeline.drain()
        return dropped

    assert run(scenario) == {"quick": 0, "slow": 2}
