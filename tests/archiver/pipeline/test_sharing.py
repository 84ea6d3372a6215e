"""Sharing out: room becomes demand."""

from __future__ import annotations

import asyncio

import pytest

from support.world import World, in_virtual_time


@in_virtual_time
async def test_a_bug_in_the_sharing_out_is_not_lost_in_the_event_loop(world: World) -> None:
    """It would leave every lane asleep; so it comes out of the run."""
    await world.add_customer("acme")
    world.put("acme", 1)
    assembly = world.assembly()

    def grant(*_: object, **__: object) -> object:
        raise ZeroDivisionError

    assembly.lanes._sharing._share.grant = grant  # type: ignore[method-assign, assignment]
    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(100):
            await world.run_assembly(assembly)
