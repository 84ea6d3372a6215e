from __future__ import annotations

import asyncio

import pytest

from genstage import Pipeline, Restarts
from genstage.testing import END, Fail, Pause, Probe, ScriptedProducer, idle, run


def test_a_script_is_played_as_demanded() -> None:
    """Events come in lists no longer than the demand; a pause takes its time; END ends."""

    async def scenario() -> tuple[list[list[int]], list[int], float]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2, 3, Pause(5), 4, END]))
            probe = pipeline.start(Probe(), subscribe_to=producer, max_demand=2, min_demand=0)
        return probe.batches, producer.asked, asyncio.get_running_loop().time()

    assert run(scenario) == ([[1, 2], [3], [4]], [2, 2, 1, 2], 5.0)


def test_a_script_may_fail() -> None:
    """The error comes out of the pipeline; what came before it was given out."""
    probe = Probe()

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            pipeline.start(probe, subscribe_to=pipeline.start(ScriptedProducer([1, Fail(OSError("cut"))])))

    with pytest.raises(OSError, match="cut"):
        run(scenario)
    assert probe.received == [1]


def test_a_script_may_be_continued() -> None:
    """A used-up script gives nothing until something is added."""

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer())
            probe = pipeline.start(Probe(), subscribe_to=producer)
            await idle()
            producer.add(1, 2)
            await idle()
            producer.add(3, END)
        return probe.received

    assert run(scenario) == [1, 2, 3]
