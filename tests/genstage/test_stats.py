from __future__ import annotations

import asyncio
import dataclasses

import pytest

from genstage import Consumer, EdgeStats, Pipeline, StageStats, Stats
from genstage.stats import diagram_of
from genstage.testing import ScriptedProducer, run


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
    assert stats.edges == (EdgeStats("ScriptedProducer", "Slow", None, 4),)
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.time = 0.0  # type: ignore[misc]


def test_a_diagram_is_mermaid() -> None:
    """Stages with what they hold, subscriptions with what is outstanding; quotes do not break it."""
    stats = Stats(
        0.0,
        (StageStats("Fetcher", buffered=3), StageStats('the "big" one', workers=10, busy=2, waiting=5)),
        (EdgeStats("Fetcher", 'the "big" one', "lane 1", 7), EdgeStats("Fetcher", "just gone", "lane 2", 1)),
    )
    assert diagram_of(stats).splitlines() == [
        "flowchart LR",
        '    s0["Fetcher<br>3 buffered"]',
        '    s1["the #quot;big#quot; one<br>2/10 busy, 5 waiting"]',
        '    s0 -->|"lane 1: 7"| s1',
    ]
