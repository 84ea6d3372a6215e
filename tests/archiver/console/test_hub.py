"""The hub: one frame a second for all who look."""

from __future__ import annotations

import asyncio

from archiver.console.hub import Frame, Hub
from genstage.testing import VirtualClock, run


class Rendered:
    """What is rendered: a part that changes each time, and one that does not."""

    def __init__(self) -> None:
        self.times = 0

    async def render(self) -> tuple[dict[str, str], str]:
        """The next parts."""
        self.times += 1
        return {"now": f"<b>{self.times}</b>", "always": "<i>same</i>"}, ""


def test_many_viewers_cost_as_much_as_one() -> None:
    """Three hundred look for ten seconds: eleven frames at most, and everybody got all of them."""

    async def scenario() -> None:
        rendered, clock = Rendered(), VirtualClock()
        hub = Hub(rendered.render, clock)

        async def view() -> int:
            seen = count = 0
            while count < 10:
                frame = await hub.next(seen)
                assert frame is not None
                assert frame.number > seen
                seen, count = frame.number, count + 1
            return count

        began = clock.time()
        async with asyncio.TaskGroup() as group:
            viewers = [group.create_task(view()) for _ in range(300)]
        assert {viewer.result() for viewer in viewers} == {10}
        assert rendered.times <= 11
        assert 9 <= clock.time() - began <= 11

    run(scenario)


def test_who_has_seen_the_last_frame_gets_what_changed() -> None:
    """Anybody else gets everything; a viewer who comes after a pause gets nothing stale."""

    async def scenario() -> None:
        rendered, clock = Rendered(), VirtualClock()
        hub = Hub(rendered.render, clock)
        first = await hub.next(0)
        assert first is not None
        assert b"same" in first.since(0)
        second = await hub.next(first.number)
        assert second is not None
        assert b"same" not in second.since(first.number)
        assert b"<b>2</b>" in second.since(first.number)
        assert b"same" in second.since(0)
        await clock.sleep(3600)
        late = await hub.next(0)
        assert late is not None
        assert b"<b>3</b>" in late.since(0)

    run(scenario)


def test_nobody_looks_and_nothing_is_made() -> None:
    """Time alone renders nothing; a viewer who leaves while waiting holds up nobody."""

    async def scenario() -> None:
        rendered, clock = Rendered(), VirtualClock()
        hub = Hub(rendered.render, clock)
        await clock.sleep(100)
        assert rendered.times == 0
        first = await hub.next(0)
        assert first is not None
        async with asyncio.TaskGroup() as group:
            leaving = group.create_task(hub.next(first.number))
            staying = group.create_task(hub.next(first.number))
            await asyncio.sleep(0)
            leaving.cancel()
        assert staying.result() is not None

    run(scenario)


def test_the_end_comes_at_once() -> None:
    """Whoever waits is let go when the console stops."""

    async def scenario() -> None:
        hub, clock = Hub(Rendered().render, VirtualClock()), VirtualClock()
        first = await hub.next(0)
        assert first is not None
        began = clock.time()
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(hub.next(first.number))
            await asyncio.sleep(0)
            hub.close()
        assert waiting.result() is None
        assert clock.time() - began < 0.5

    run(scenario)


def test_a_frame_that_cannot_be_made_holds_up_nobody() -> None:
    """Whoever made it is told why, and the next of those who wait makes another one."""

    async def scenario() -> None:
        rendered, clock, failures = Rendered(), VirtualClock(), [OSError("the disk is away")]

        async def render() -> tuple[dict[str, str], str]:
            if failures:
                raise failures.pop()
            return await rendered.render()

        hub = Hub(render, clock)
        first, second = await asyncio.gather(hub.next(0), hub.next(0), return_exceptions=True)
        assert isinstance(first, OSError)
        assert isinstance(second, Frame)
        assert second.number == 1

    run(scenario)
