"""Manifests: real files in a real folder, checked by the real ``sha256sum``."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver.app import Archiver, ConnectionSpec
from archiver.database.conformance.world import NOW, archived, due, world
from archiver.database.sqlite import SqliteDatabase
from archiver.model import Item, Kind
from archiver.proof.auditing import Anchor
from archiver.proof.manifests import ManifestSource
from archiver.settings import Settings, load
from genstage.clock import SystemClock

DAY = 86_400


class Later(SystemClock):
    """The machine's clock, some days on."""

    def __init__(self, days: int) -> None:
        self._ahead = days * DAY

    def wall(self) -> float:
        """Seconds since the epoch."""
        return super().wall() + self._ahead


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of an Archiver of its own."""
    return load(environment={}, flags={"home": str(tmp_path / "home")})


def put(tmp_path: Path, name: str) -> None:
    """A message of noon yesterday."""
    path = tmp_path / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"message {name}")
    noon = (time.time() // DAY - 1) * DAY + DAY / 2
    os.utime(path, (noon, noon))


async def run(settings: Settings, days: int) -> None:
    """Archives what there is, so many days from now."""
    async with Archiver.open(settings, serve=True, clock=Later(days)) as archiver:
        await archiver.run(asyncio.Event(), until_empty=True)


def manifests(tmp_path: Path) -> Mapping[str, Path]:
    """The manifests in the storage, by what follows the day in their names."""
    return {path.name[len("manifest-2026-11-24") :]: path for path in sorted((tmp_path / "out" / "Manifests").rglob("manifest-*"))}


def checked(folder: Path, listed: bytes) -> tuple[int, int]:
    """What ``sha256sum`` says of a list: its exit code, and how many files are well."""
    command = shutil.which("sha256sum")
    assert command is not None
    done = subprocess.run([command, "--check", "--strict"], cwd=folder, input=listed, capture_output=True, check=False)
    return done.returncode, done.stdout.count(b": OK\n")


async def test_manifests_list_each_file_once_and_are_checked_by_sha256sum(settings: Settings, tmp_path: Path) -> None:
    """A day's files when it is over; a late one in a revision under another name; nothing is overwritten, no manifest lists manifests."""
    for number in range(3):
        put(tmp_path, f"{number}.txt")
    (tmp_path / "out").mkdir()
    async with Archiver.open(settings, serve=True) as archiver:
        source = ConnectionSpec(adapter="folder", options={"path": str(tmp_path / "in")})
        target = ConnectionSpec(adapter="folder", options={"path": str(tmp_path / "out")})
        await archiver.add_customer("acme", [source, ConnectionSpec(adapter="manifest")], [target])
        await archiver.run(asyncio.Event(), until_empty=True)
    assert not manifests(tmp_path)
    await run(settings, 1)
    assert list(manifests(tmp_path)) == ["-files.jsonl", "-sha256.txt"]
    first = {name: path.read_bytes() for name, path in manifests(tmp_path).items()}
    put(tmp_path, "late.txt")
    await run(settings, 1)
    await run(settings, 2)
    found = manifests(tmp_path)
    assert sorted(found) == sorted(["-files.jsonl", "-sha256.txt", "-2-files.jsonl", "-2-sha256.txt"])
    assert {name: found[name].read_bytes() for name in first} == first
    listed = b"".join(path.read_bytes() for name, path in found.items() if name.endswith("sha256.txt"))
    assert len(listed.splitlines()) == 4
    assert await asyncio.to_thread(checked, tmp_path / "out", listed) == (0, 4)
    header, *lines = [msgspec.json.decode(line) for line in found["-files.jsonl"].read_bytes().splitlines()]
    assert (header["manifest"], header["files"], len(lines)) == (1, 3, 3)
    assert sum(line["size"] for line in lines) == header["bytes"]
    number, _, digest = header["audit"].partition(":")
    async with Archiver.open(settings) as archiver:
        chain = await archiver.auditor.check([Anchor(int(number), digest)])
    assert chain.broken is None


async def test_a_manifest_goes_only_where_its_files_are(tmp_path: Path) -> None:
    """Each destination has its own, with the files that it has; another customer's files are in none of them."""
    database = SqliteDatabase(tmp_path / "archiver.db")
    await database.open()
    klm, lot = await world(database, "klm", lanes=2), await world(database, "lot")
    for owner in (klm, lot):
        await database.add_births(owner.source, owner.births(3), now=NOW, cursor=None)
    one, two = [await due(database, lane) for lane in klm.lanes]
    await database.settle([archived(delivery) for delivery in (*one, two[0], *await due(database, lot.lanes[0]))], klm.epochs | lot.epochs)
    source = ManifestSource(database, klm.source, Later(1))
    pages = source.discover("")
    page = await anext(pages)
    await source.close()
    await pages.aclose()
    assert page.complete
    shown = [(found.external_id, found.lane, found.kind) for found in page.discoveries]
    first, second = klm.lanes
    assert shown == [
        ("1970-01-01-sha256", first, Kind.MANIFEST),
        ("1970-01-01-files", first, Kind.MANIFEST),
        (f"1970-01-01-{second}-sha256", second, Kind.MANIFEST),
        (f"1970-01-01-{second}-files", second, Kind.MANIFEST),
    ]
    again = ManifestSource(database, klm.source, Later(1)).discover(page.cursor)
    assert list((await anext(again)).discoveries) == []
    await again.aclose()
    texts = []
    for found in page.discoveries:
        item = Item(1, 1, found.kind, found.external_id, found.locator, found.media_type, None, None, 0)
        whole = b"".join([piece async for piece in source.stream(item)])
        assert b"".join([piece async for piece in source.stream(item, 7)]) == whole[7:]
        assert list(await source.read_many([item])) == [whole]
        texts.append(whole)
    assert [text.count(b"\n") for text in texts] == [3, 4, 1, 2]
    await database.close()


async def test_calls_make_a_table_when_their_month_is_over(tmp_path: Path) -> None:
    """Not before; a late one makes a second; each call once, by its id, and no formula for a spreadsheet."""
    database = SqliteDatabase(tmp_path / "archiver.db", clock=Later(0))
    await database.open()
    klm = await world(database, "klm")
    this_month = int(time.time() * 1000)
    known: dict[str, Any] = {"kind": Kind.CALL_LOG, "sender": "+15550100567", "metadata": {"session_id": "s1", "result": "=1+1"}}
    for at, first in ((this_month, 0), (0, 5)):
        await database.add_births(klm.source, klm.births(2, first=first, occurred_at=at, **known), now=NOW, cursor=None)
    await database.settle([archived(delivery) for delivery in await due(database, klm.lanes[0])], klm.epochs)

    async def found(days: int, cursor: str) -> tuple[dict[str, str], str]:
        source = ManifestSource(database, klm.source, Later(days))
        pages = source.discover(cursor)
        page = await anext(pages)
        await pages.aclose()
        texts = {}
        for one in page.discoveries:
            item = Item(1, 1, one.kind, one.external_id, one.locator, one.media_type, None, None, 0)
            texts[one.external_id] = b"".join([piece async for piece in source.stream(item)]).decode()
        return texts, page.cursor

    texts, cursor = await found(1, "")
    assert [name for name in texts if "calls" in name] == ["1970-01-calls", "1970-01-calls-full"]
    header, *rows = texts["1970-01-calls"].splitlines()
    assert header.startswith("call_id,started_at,direction,from,to,")
    assert [row.split(",")[0] for row in rows] == ["5", "6"]
    assert "'+15550100567" in rows[0]
    assert "'=1+1" in rows[0]
    later, _ = await found(40, cursor)
    (name,) = [name for name in later if name.endswith("-calls")]
    assert [row.split(",")[0] for row in later[name].splitlines()[1:]] == ["0", "1"]
    await database.close()
