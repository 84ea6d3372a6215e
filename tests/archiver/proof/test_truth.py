"""The report while the real pipeline works and the source misbehaves: it tells the truth in each case, and repair makes it whole again."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from archiver.errors import TransientError
from archiver.lifecycle import DeliveryState
from archiver.pipeline.events import DeliveryFailed, SourceFailed
from archiver.proof.completeness import Report, Verdict, report
from archiver.sources.memory import MemorySource
from archiver.sources.port import Page
from support.world import World, in_virtual_time


async def of(world: World, name: str = "airline") -> Report:
    """The report of a customer as it is now."""
    (customer,) = [one for one in await world.database.customers() if one.name == name]
    return await report(world.database, customer, now=int(world.clock.wall() * 1000))


def stored(world: World, name: str = "airline") -> int:
    """How many files the customer's storage has."""
    return len(world.stores[world.lanes[name]].objects)


@in_virtual_time
async def test_what_appears_late_is_told_until_it_is_archived(world: World) -> None:
    """Complete, then under way or complete again as it comes; never missing."""
    await world.add_customer("airline")
    world.put("airline", 5)
    await world.run_until_empty()
    assert (await of(world)).verdict is Verdict.COMPLETE
    async with world.running(world.assembly()):
        world.put("airline", 3, prefix="late")
        await world.until(lambda: stored(world) == 8)
        assert (await of(world)).verdict in {Verdict.COMPLETE, Verdict.UNDER_WAY}
    made = await of(world)
    assert (made.verdict, made.lanes[0].kinds[0].archived) == (Verdict.COMPLETE, 8)


@in_virtual_time
async def test_what_was_purged_before_it_was_reached_is_gone_with_evidence(world: World) -> None:
    """It is named as lost; given back by the source and tried again, everything is whole."""
    await world.add_customer("airline")
    world.put("airline", 4)
    source = world.sources[world.source_ids["airline"]]
    source.remove("000002")
    async with world.running(world.assembly()):
        await world.until(lambda: any(isinstance(one, DeliveryFailed) and one.state is DeliveryState.GONE for one in world.events))
    made = await of(world)
    ((kind,),) = [lane.kinds for lane in made.lanes]
    assert (made.verdict, kind.archived, kind.gone, kind.missing) == (Verdict.MISSING, 3, 1, 1)
    assert "gone at the source" in made.why[0]
    assert "no longer has sms 000002" in kind.reasons[0]
    source.replace("000002", (b"000002" * 17)[:100])
    assert await world.database.retry(customer="airline", now=int(world.clock.wall() * 1000)) == 1
    assert (await of(world)).verdict is Verdict.UNDER_WAY
    await world.run_until_empty()
    assert (await of(world)).verdict is Verdict.COMPLETE


class _CutShort(MemorySource):
    """Gives a page, and then fails until it is mended."""

    mended = False

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        async for page in super().discover(cursor):
            if self.mended:
                yield page
            else:
                yield Page(discoveries=page.discoveries, cursor=cursor)
                raise TransientError("the answer was cut off")


@in_virtual_time
async def test_a_pass_that_was_cut_short_never_reads_healthy(world: World) -> None:
    """Everything that it brought is archived, and still the report says that it is not known; the next whole pass repairs it."""
    await world.add_customer("airline")
    source = world.sources[world.source_ids["airline"]] = _CutShort()
    world.put("airline", 3)
    async with world.running(world.assembly()):
        await world.until(lambda: stored(world) == 3 and bool(world.seen(SourceFailed)))
        made = await of(world)
        assert made.verdict is Verdict.MISSING
        assert "the answer was cut off" in made.why[0]
        assert "never read through to its end" in made.why[1]
        source.mended = True
        world.put("airline", 1, prefix="more")
        await world.until(lambda: stored(world) == 4)
    await world.run_until_empty()
    assert (await of(world)).verdict is Verdict.COMPLETE
