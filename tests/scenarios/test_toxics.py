"""Each of eight toxics, in each direction, before both hosts of Dropbox: nothing lost, nothing twice, and it goes on by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from archiver.sandbox import Limits
from support.cloud import Cloud, in_the_cloud
from support.faultproxy import Direction, FaultProxy, Toxic

MIB = 1024 * 1024
TOXICS = {
    "latency": {"seconds": 2.0},
    "bandwidth": {"rate": 20_000.0},
    "slow_close": {"seconds": 20.0},
    "timeout": {"seconds": 5.0},
    "black_hole": {"seconds": 0.0},
    "reset_peer": {"seconds": 0.5},
    "slicer": {"size": 300, "seconds": 0.01},
    "limit_data": {"size": 30_000},
    "down": {},
}
DIRECTIONS: tuple[Direction, Direction] = ("up", "down")
CASES = [(host, name, direction) for host in ("content", "control") for name in TOXICS for direction in DIRECTIONS]


def toxic(name: str, direction: Direction) -> Toxic:
    """One of the table; a black hole is a timeout that never cuts."""
    return Toxic("timeout" if name == "black_hole" else name, direction, **TOXICS[name])  # type: ignore[arg-type]  # a table of them


@pytest.mark.parametrize(("host", "name", "direction"), CASES, ids=["-".join(case) for case in CASES])
def test_a_toxic_costs_nothing_but_time(host: str, name: str, direction: Direction, tmp_path: Path) -> None:
    """Small files and one in chunks, before, while and after a minute and a half of illness; all is there after a third try's wait."""

    async def scenario(world: Cloud) -> None:
        async with FaultProxy(world.sandbox.url) as proxy:
            direct = world.sandbox.url
            api, content = (direct, proxy.url) if host == "content" else (proxy.url, direct)
            await world.link("acme", Limits(latency=0.02), url=api, content_url=content)
            async with world.running(world.assembly()):
                world.give_many("acme", 50)
                await world.settled()
                proxy.add(toxic(name, direction))
                world.give("acme", bytes(range(256)) * (20 * MIB // 256), external_id="big")
                for _ in range(9):
                    world.give_many("acme", 20)
                    await world.clock.sleep(10)
                assert proxy.connections, "nothing went through the proxy"
                proxy.heal()
                await world.settled(seconds=330)
        await world.check()

    in_the_cloud(scenario)(tmp_path)
