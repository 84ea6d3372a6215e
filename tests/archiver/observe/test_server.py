"""The small server of those who watch, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import msgspec
import pytest

from archiver.database.port import Totals
from archiver.errors import ConfigError
from archiver.model import ConnectionState
from archiver.observe import server
from archiver.observe.gauges import Gauges
from archiver.observe.metrics import Metrics
from archiver.observe.pulse import Pulse
from archiver.observe.server import Watched, answering
from archiver.snapshot import Snapshot
from genstage.clock import SystemClock

Get = Callable[[str], Awaitable[tuple[int, str]]]
FINE = Snapshot(at=1_000_000, serving=True, totals=Totals(lanes=2, customers=2, waiting=7), oldest_waiting_at=940_000)


class World:
    """What is watched, as a test wants it to be."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = FINE
        self.draining = False
        self.alive = True

    async def look(self) -> Snapshot:
        """How everything is; hangs if there is none."""
        if self.snapshot is None:
            await asyncio.Event().wait()
        assert self.snapshot is not None
        return self.snapshot


class Dead(Pulse):
    """A pulse that a test stops."""

    def __init__(self, alive: Callable[[], bool]) -> None:
        super().__init__(SystemClock(), lambda: 1)
        self._told = alive

    def stalled(self) -> float:
        """For hours, if it is dead."""
        return 0.0 if self._told() else 7200.0


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture
async def get(world: World) -> AsyncIterator[Get]:
    """Asks the server of a path; status and body."""
    gauges = Gauges(Path())
    watched = Watched(
        world.look,
        Dead(lambda: world.alive),
        draining=lambda: world.draining,
        metrics=Metrics("1.2.3", [gauges]),
        gauges=gauges,
    )
    async with answering("127.0.0.1:0", watched) as address, aiohttp.ClientSession(f"http://{address}") as http:

        async def get(path: str) -> tuple[int, str]:
            async with http.get(path) as reply:
                return reply.status, await reply.text()

        yield get


async def test_all_is_well(get: Get) -> None:
    """Alive, ready, and nothing for anybody to look at."""
    assert await get("/livez") == (200, "alive\n")
    assert await get("/readyz") == (200, "ready\n")
    status, body = await get("/healthz")
    health = json.loads(body)
    assert (status, health["status"], health["live"], health["ready"], health["attention"]) == (200, "ok", True, True, [])
    assert [check["name"] for check in health["checks"]] == ["loop", "progress", "database", "serving"]


async def test_the_page_has_counters_and_gauges(get: Get) -> None:
    """As Prometheus reads them; the age is that of the oldest item that waits."""
    status, page = await get("/metrics")
    lines = page.splitlines()
    assert status == 200
    assert 'archiver_build_info{version="1.2.3"} 1.0' in lines
    assert "archiver_backlog_items 7.0" in lines
    assert "archiver_backlog_oldest_age_seconds 60.0" in lines
    assert 'archiver_lanes{state="active"} 2.0' in lines
    assert "archiver_database_up 1.0" in lines
    assert any(line.startswith("archiver_home_free_bytes ") for line in lines)


@pytest.mark.parametrize("state", [state for state in ConnectionState if state is not ConnectionState.ACTIVE])
async def test_a_customers_broken_connection_is_no_failure(world: World, get: Get, state: ConnectionState) -> None:
    """Starting the process anew would mend nothing; a person is told."""
    world.snapshot = msgspec.structs.replace(FINE, totals=Totals(lanes=2, states={state: 2}, rejected=1), unreadable={"acme": "x"})
    assert [(await get(path))[0] for path in ("/livez", "/readyz", "/healthz")] == [200, 200, 200]
    health = json.loads((await get("/healthz"))[1])
    assert health["status"] == "attention"
    assert health["attention"] == [
        f"2 lanes {state.replace('_', ' ')}",
        "1 delivery rejected",
        "1 customer with a source that cannot be read",
    ]
    assert "acme" not in json.dumps(health)


async def test_a_database_that_is_away(world: World, get: Get) -> None:
    """The process lives and waits for it; it is not ready, and what it knew before is no number of now."""
    world.snapshot = msgspec.structs.replace(FINE, away="the disk is full")
    assert (await get("/livez"))[0] == 200
    assert await get("/readyz") == (503, "not ready: database: the disk is full\n")
    assert (await get("/healthz"))[0] == 503
    page = (await get("/metrics"))[1]
    assert "archiver_database_up 0.0" in page.splitlines()
    assert "archiver_backlog_items" not in page


async def test_a_database_that_does_not_answer(world: World, get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that hangs is answered in time."""
    monkeypatch.setattr(server, "_LOOK_SECONDS", 0.05)
    world.snapshot = None
    assert await get("/readyz") == (503, "not ready: database: does not answer\n")
    status, page = await get("/metrics")
    assert status == 200
    assert "archiver_database_up" not in page, "nothing is known yet"
    world.snapshot = FINE
    assert "archiver_backlog_items 7.0" in (await get("/metrics"))[1].splitlines()
    world.snapshot = None
    page = (await get("/metrics"))[1]
    assert "archiver_database_up 0.0" in page.splitlines()
    assert "archiver_backlog_items" not in page


async def test_it_drains(world: World, get: Get) -> None:
    """Nobody should count on it, and nobody should kill it."""
    world.draining = True
    assert (await get("/livez"))[0] == 200
    assert await get("/readyz") == (503, "not ready: serving: stopping\n")


async def test_it_hangs(world: World, get: Get) -> None:
    """Something is under way and nothing moves: it is to be started again."""
    world.alive = False
    assert (await get("/livez"))[0] == 503
    health = json.loads((await get("/healthz"))[1])
    assert (health["status"], health["live"], health["ready"]) == ("failing", False, False)
    assert {check["name"]: check["ok"] for check in health["checks"]}["progress"] is False


async def test_nothing_else_is_there(get: Get) -> None:
    """No other path, and nothing can be written."""
    assert (await get("/"))[0] == 404


async def test_an_address_that_is_taken_is_told(world: World) -> None:
    """With what to do."""
    gauges = Gauges(Path())
    pulse = Pulse(SystemClock(), lambda: 0)
    watched = Watched(world.look, pulse, draining=lambda: False, metrics=Metrics("1"), gauges=gauges)
    async with answering("127.0.0.1:0", watched) as address:
        with pytest.raises(ConfigError, match=address):
            async with answering(address, watched):
                pass
