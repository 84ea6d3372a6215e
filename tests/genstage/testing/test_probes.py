from __future__ import annotations

import asyncio

import pytest

from genstage import Pipeline, Restarts
from genstage.testing import END, DeadlockError, HeldProbe, Pause, Probe, ScriptedProducer, run, wait_until_idle


def test_a_probe_keeps_what_it_receives() -> None:
    """List by list, and all together."""

    async def scenario() -> Probe:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2, 3, END]))
            return pipeline.start(Probe(), subscribe_to=producer, max_demand=2, min_demand=0)

    probe = run(scenario)
    assert probe.batches == [[1, 2], [3]]
    assert probe.received == [1, 2, 3]


def test_a_probe_asks_by_hand() -> None:
    """With manual demand a test decides what comes when."""

    async def scenario() -> list[list[int]]:
        seen = []
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer(range(9)))
            probe = pipeline.start(Probe())
            edge = probe.subscribe(producer, demand="manual")
            for count in (1, 2, 3):
                edge.ask(count)
                await wait_until_idle()
                seen.append(probe.batches[-1])
            await pipeline.drain()
        return seen

    assert run(scenario) == [[0], [1, 2], [3, 4, 5]]


def test_a_test_waits_for_so_many_events() -> None:
    """As soon as they are there, and not a second longer."""

    async def scenario() -> tuple[list[int], float, list[int]]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, Pause(5), 2, 3, Pause(60), 4, END]))
            probe = pipeline.start(Probe(), subscribe_to=producer)
            first = await probe.wait_for(2)
            time = asyncio.get_running_loop().time()
            again = await probe.wait_for(1)
        return first, time, again

    assert run(scenario) == ([1, 2], 5.0, [1])


def test_waiting_for_what_never_comes_is_a_deadlock() -> None:
    """In virtual time a test fails at once instead of hanging."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            probe = pipeline.start(Probe(), subscribe_to=pipeline.start(ScriptedProducer([1])))
            await probe.wait_for(2)

    with pytest.raises(DeadlockError, match="wait_for"):
        run(scenario)


def test_a_held_probe_holds_its_events_in_flight() -> None:
    """As many as it has workers, until they are released, the oldest first; then it takes the next."""

    async def scenario() -> list[list[int]]:
        seen = []
        async with Pipeline() as pipeline:
            producer = pipeline.start(ScriptedProducer([1, 2, 3, 4, 5, END]))
            probe = pipeline.start(HeldProbe(), subscribe_to=producer, workers=3)
            await wait_until_idle()
            seen.append(probe.held)
            probe.release(1)
            await wait_until_idle()
            seen += [probe.held, probe.released]
            probe.release()
            await wait_until_idle()
            probe.release()
        return [*seen, probe.released]

    assert run(scenario) == [[1, 2, 3], [2, 3, 4], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]


def test_a_held_probe_fails_as_told() -> None:
    """The oldest handler raises, as a handler would."""

    async def scenario() -> None:
        async with Pipeline(restarts=Restarts(0)) as pipeline:
            probe = pipeline.start(HeldProbe(), subscribe_to=pipeline.start(ScriptedProducer([1, 2])))
            await wait_until_idle()
            probe.fail(OSError("told so"))

    with pytest.raises(OSError, match="told so"):
        run(scenario)
