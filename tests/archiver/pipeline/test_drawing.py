"""The drawing of a running pipeline."""

from __future__ import annotations

from archiver.errors import ReconnectNeededError
from archiver.pipeline.drawing import drawing_of
from archiver.pipeline.share import Budget
from support.world import World, in_virtual_time


@in_virtual_time
async def test_nothing_to_do_is_said_so(world: World) -> None:
    """No lane is awake, so no edge has demand; each stage stands where it belongs."""
    drawing = drawing_of(world.assembly(), world.clock)
    assert [stage.name for stage in drawing.stages] == ["Collector", "Fetcher", "Uploader", "Settlement"]
    assert {edge.asleep for edge in drawing.edges if edge.giver in {"Database", "Fetcher"}} == {"nothing is due"}
    assert drawing.clouds == []


@in_virtual_time
async def test_what_is_on_its_way_is_drawn(world: World) -> None:
    """Demand, items in flight and the budget, while slow calls run and all places are taken."""
    world.budget = Budget(items=20)
    await world.add_customer("klm")
    world.put("klm", 500)
    world.prepare["klm"] = lambda destination: setattr(destination, "latency", 5.0)
    assembly = world.assembly()
    async with world.running(assembly):
        await world.clock.sleep(12)
        drawing = drawing_of(assembly, world.clock)
        uploader = drawing.stages[2]
        (cloud,) = drawing.clouds
        assert (uploader.count, uploader.most) == (1, 20)
        assert 0 < uploader.busy + uploader.waiting <= 20
        assert cloud.in_flight == uploader.busy + uploader.waiting
        assert cloud.calls >= 1
        assert cloud.edge.asleep == ""


@in_virtual_time
async def test_a_parked_lane_says_that_it_is_parked(world: World) -> None:
    """One whose authorisation was revoked asks for nothing, and the drawing says why for as long as it is awake."""
    await world.add_customer("klm")
    world.put("klm", 5)
    world.prepare["klm"] = lambda destination: destination.script.fail(ReconnectNeededError("revoked"), times=9)
    assembly = world.assembly()
    lane = None
    async with world.running(assembly):
        while lane is None or lane.parked is None or lane.in_flight:
            lane = assembly.lanes.awake.get(world.lanes["klm"], lane)
            await world.clock.sleep(0)
        edge = drawing_of(assembly, world.clock).clouds[0].edge
        assert (edge.asleep, edge.until) == ("all are parked", 0)
