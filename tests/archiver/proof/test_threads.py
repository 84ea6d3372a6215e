"""Threads: conversations as files, from a phone system into a real folder."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archiver.app import Archiver, ConnectionSpec
from archiver.database.conformance.world import archived, due, world
from archiver.database.sqlite import SqliteDatabase
from archiver.errors import SourceGoneError
from archiver.model import Item, Kind
from archiver.proof.threads import ThreadsSource
from archiver.sandbox.ringcentral import RingCentral
from archiver.sandbox.ringcentral.records import Party
from archiver.settings import Settings, load
from genstage.clock import SystemClock

DAY = 86_400.0
BEGIN = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
OCTOBER = datetime(2026, 10, 31, 23, 59, tzinfo=UTC).timestamp()
CUSTOMER, SHOP = Party(number="+15550001111"), Party(number="+18005550100", name="Ann")


class Calendar(SystemClock):
    """A clock on a day in November 2026, that can be turned."""

    def __init__(self) -> None:
        self.days = 0.0
        self._off = BEGIN - super().wall()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return super().wall() + self._off + self.days * DAY


@pytest.fixture
def clock() -> Calendar:
    """Everybody's."""
    return Calendar()


@pytest.fixture
async def phones(clock: Calendar) -> AsyncIterator[RingCentral]:
    """A company of one."""
    async with RingCentral(now=clock.wall, limits={}, access_seconds=1e9) as phones:
        phones.office.add_extension("101", "Ann")
        yield phones


def say(phones: RingCentral, text: str, at: float, *, outbound: bool = False, thread: int = 77, picture: bytes = b"") -> None:
    """One message, with or without a picture."""
    sides = (SHOP, CUSTOMER) if outbound else (CUSTOMER, SHOP)
    known: dict[str, Any] = {"direction": "Outbound" if outbound else "Inbound", "conversation_id": thread}
    ann = next(iter(phones.office.extensions.values()))
    message = phones.office.add_message(
        ann, "SMS", subject=text, created_at=at, sender=sides[0], recipients=[sides[1]], status="Delivered", **known
    )
    if picture:
        phones.office.attach(message, "MmsAttachment", "image/gif", picture, file_name="menu.gif")


async def run(settings: Settings, clock: Calendar) -> None:
    """Archives what there is."""
    async with Archiver.open(settings, serve=True, clock=clock) as archiver:
        for _ in range(2):  # what is archived while the threads are looked for may be in none of them yet
            await archiver.run(asyncio.Event(), until_empty=True)


def threads(out: Path) -> Mapping[str, bytes]:
    """Those in the storage, by the part of their names that tells them apart."""
    return {path.name[path.name.index("thread-") :]: path.read_bytes() for path in sorted(out.rglob("*thread-*"))}


def said(thread: bytes) -> list[str]:
    """The texts of a JSON thread."""
    return [message["text"] for message in json.loads(thread)["messages"]]


async def test_a_conversation_is_readable_when_its_month_is_over(tmp_path: Path, clock: Calendar, phones: RingCentral) -> None:
    """In the order of its messages, with what came along; history and late messages on the next day; nothing is ever overwritten."""
    out = tmp_path / "out"
    out.mkdir()
    settings = load(environment={}, flags={"home": str(tmp_path / "home")})
    say(phones, "Do you open on Sundays?", OCTOBER)
    say(phones, "Hello\nagain", BEGIN - 60)
    say(phones, "Here is our menu 🍕", BEGIN - 30, outbound=True, picture=b"GIF89a menu")
    say(phones, "Another one", BEGIN - 20, thread=88)
    login = phones.login()
    async with Archiver.open(settings, serve=True, clock=clock) as archiver:
        options = {"client_id": login.client_id, "base_url": phones.url, "poll_interval": 0.2}
        secrets = {"client_secret": login.client_secret, "jwt": login.jwt}
        source = ConnectionSpec(adapter="ringcentral", options=options, secrets=secrets)
        target = ConnectionSpec(adapter="folder", options={"path": str(out)})
        await archiver.add_customer("acme", [source, ConnectionSpec(adapter="threads")], [target])
    await run(settings, clock)
    assert len([path for path in out.rglob("*") if path.is_file()]) == 9
    assert not threads(out)
    clock.days = 1
    await run(settings, clock)
    october = threads(out)
    assert len(october) == 2
    assert [said(data) for name, data in october.items() if name.endswith("json")] == [["Do you open on Sundays?"]]
    say(phones, "Late as I am", OCTOBER + 30)
    clock.days = 2
    await run(settings, clock)
    clock.days = 3
    await run(settings, clock)
    revised = threads(out)
    assert len(revised) == 4
    assert october.items() <= revised.items(), "nothing is overwritten"
    assert sorted(text for name, data in revised.items() if name.endswith("json") for text in said(data)) == [
        "Do you open on Sundays?",
        "Late as I am",
    ]
    clock.days = 12
    await run(settings, clock)
    november = {name: data for name, data in threads(out).items() if name not in revised}
    told = {json.loads(data)["conversation"]: json.loads(data) for name, data in november.items() if name.endswith("json")}
    assert sorted(told) == ["77", "88"]
    assert [message["text"] for message in told["77"]["messages"]] == ["Hello\nagain", "Here is our menu 🍕"]
    assert [message["status"] for message in told["77"]["messages"]] == ["Delivered"] * 2
    assert told["77"]["between"] == ["+15550001111", "+18005550100"]
    (picture,) = [file for file in told["77"]["messages"][1]["files"] if file["media_type"] == "image/gif"]
    assert (out / picture["path"]).read_bytes() == b"GIF89a menu"
    assert picture["sha256"] == hashlib.sha256(b"GIF89a menu").hexdigest()
    (text,) = [data.decode() for name, data in november.items() if name.endswith("txt") and "-77" in name]
    assert f"[{picture['path']}, image/gif, 11 bytes]" in text
    assert text.index("    Hello\n    again\n") < text.index("    Here is our menu 🍕")
    clock.days = 50
    await run(settings, clock)
    assert len(threads(out)) == len(revised) + len(november), "a thread is no message, and has no thread"


async def test_a_thread_is_where_its_messages_are(tmp_path: Path) -> None:
    """Each destination has its own; numbers make a conversation where the provider names none; what was erased is in none."""
    clock = Calendar()
    database = SqliteDatabase(tmp_path / "archiver.db", clock=clock)
    await database.open()
    klm, lot = await world(database, "klm", lanes=2), await world(database, "lot")
    for owner in (klm, lot):
        births = [
            *owner.births(1, sender="+1 555", recipient="+1 777"),
            *owner.births(1, first=1, sender="+1777", recipient="+1555"),
            *owner.births(1, first=2, kind=Kind.FAX),
        ]
        await database.add_births(owner.source, births, now=1, cursor=None)
        for lane in owner.lanes:
            await database.settle([archived(delivery) for delivery in await due(database, lane)], owner.epochs)
    clock.days = 30
    source = ThreadsSource(database, klm.source, clock)
    pages = source.discover("")
    first, last = await anext(pages), await anext(pages)
    await pages.aclose()
    assert (first.cursor, last.complete, list(last.discoveries)) == ("", True, [])
    assert [(one.external_id, one.media_type) for one in first.discoveries] == [
        ("thread-1970-01-1555-1777", kind) for kind in ("text/plain", "application/json") * 2
    ]
    assert {one.lane for one in first.discoveries} == set(klm.lanes)
    assert len({(one.external_id, one.part) for one in first.discoveries}) == 4

    def item(locator: str) -> Item:
        return Item(1, 1, Kind.SMS, "thread", locator, "text/plain", None, None, 0)

    (whole,) = await source.read_many([item(first.discoveries[0].locator)])
    assert isinstance(whole, bytes)
    assert b"1970-01-01T00:00:00Z  +1 555 -> +1 777\n    [sms/0.txt, text/plain, 160 bytes]\n" in whole
    assert b"".join([piece async for piece in source.stream(item(first.discoveries[0].locator), 5)]) == whole[5:]
    again = ThreadsSource(database, klm.source, clock).discover(last.cursor)
    assert (await anext(again)).complete, "what was told is not told again"
    await again.aclose()
    foreign = ThreadsSource(database, lot.source, clock)
    for locator in ("odd", first.discoveries[0].locator):
        with pytest.raises(SourceGoneError):
            assert [piece async for piece in foreign.stream(item(locator))] == []
    await source.close()
    await database.close()
