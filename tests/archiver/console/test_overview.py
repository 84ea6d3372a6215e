"""The Overview: the page as it is served, and the stream that keeps it live."""

from __future__ import annotations

import asyncio
import sqlite3

from archiver.people import Rank
from archiver.pipeline.events import DeliveryArchived, Event
from support.console import ConsoleWorld


async def test_an_empty_page_teaches(world: ConsoleWorld) -> None:
    """What to do first, and how to see it at work."""
    async with world.browser(Rank.VIEWER) as browser, browser.get("/") as answer:
        text = await answer.text()
    assert "There are no customers yet" in text
    assert "archiver demo" in text


async def test_the_stream_tells_what_changes(world: ConsoleWorld) -> None:
    """A customer that is added appears without another page; while nothing runs the page says who draws the pipeline."""
    async with world.browser(Rank.VIEWER) as browser, browser.get("/events") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        first = await stream.content.readuntil(b"\n\n")
        assert b'hx-target="#numbers"' in first
        assert b"another one archives" in first
        await world.add_customer("bakery", 3)
        await world.archiver.import_items("bakery")
        async with asyncio.timeout(20):
            while b"bakery" not in await stream.content.readuntil(b"\n\n"):
                pass


async def test_a_running_pipeline_is_drawn(world: ConsoleWorld) -> None:
    """Stages, demand and clouds are in the page itself."""
    await world.add_customer("bakery", 3)
    stop, archived = asyncio.Event(), asyncio.Event()
    left = [3]

    def listen(event: Event) -> None:
        left[0] -= isinstance(event, DeliveryArchived)
        if not left[0]:
            archived.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(world.archiver.run(stop, listener=listen))
        async with asyncio.timeout(20):
            await archived.wait()
        await asyncio.sleep(1.1)  # the sums are looked at once a second
        async with world.browser(Rank.VIEWER) as browser, browser.get("/") as answer:
            text = await answer.text()
        stop.set()
    for word in ("Fetcher", "Uploader", "Settlement", "bakery", "Everything is archived", 'role="img"'):
        assert word in text
    assert "style=" not in text, "the policy forbids styles in the markup"
    assert sum(moment.uploads for moment in world.archiver.moments()) == 3


async def test_failures_stand_on_the_overview_by_cause(world: ConsoleWorld) -> None:
    """With how many there are and a way to try them again; who only looks is shown no button, and without failures there is nothing."""
    await world.add_customer("bakery", 2)
    await world.archiver.import_items("bakery")
    async with world.browser(Rank.OPERATOR) as browser, browser.get("/") as answer:
        assert "What failed" not in await answer.text()
    with sqlite3.connect(world.archiver.settings.database) as raw:
        raw.execute("UPDATE deliveries SET state = 'rejected', reason = 'ConflictError', detail = 'a folder stands there'")
        raw.execute("UPDATE lane_counters SET waiting = 0, rejected = 2")
    raw.close()
    async with asyncio.timeout(30), world.browser(Rank.OPERATOR) as browser:  # the sums are looked at once a second
        text = ""
        while "Try 2 again" not in text:
            async with browser.get("/") as answer:
                text = await answer.text()
            await asyncio.sleep(0.1)
    async with world.browser(Rank.VIEWER) as browser, browser.get("/") as answer:
        assert '<div id="failing" class="looks">' in await answer.text()
    async with world.browser(Rank.OPERATOR) as browser:
        async with browser.get("/") as answer:
            text = await answer.text()
        assert "Try 2 again" in text
        assert "a folder stands there" in text
        assert '<div id="failing">' in text
        async with browser.post("/failures/retry", data={"reason": "ConflictError"}) as answer:
            assert "2 wait again" in await answer.text()
