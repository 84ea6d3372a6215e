"""Sidecars: beside each file what is known of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from archiver.app import Archiver, ConnectionSpec
from archiver.database.conformance.world import NOW, archived, due, world
from archiver.database.sqlite import SqliteDatabase
from archiver.errors import SourceGoneError
from archiver.model import Item, Kind
from archiver.proof.sidecars import SidecarSource
from archiver.settings import load
from genstage.clock import SystemClock


async def test_each_file_gets_one_beside_it(tmp_path: Path) -> None:
    """After the file, once, with its hash; no sidecar has a sidecar."""
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        (tmp_path / "in" / f"{number}.txt").write_text(f"message {number}")
    async with Archiver.open(load(environment={}, flags={"home": str(tmp_path / "home")}), serve=True) as archiver:
        source = ConnectionSpec(adapter="folder", options={"path": str(tmp_path / "in")})
        target = ConnectionSpec(adapter="folder", options={"path": str(tmp_path / "out")})
        await archiver.add_customer("acme", [source, ConnectionSpec(adapter="sidecar")], [target])
        for _ in range(3):
            await archiver.run(asyncio.Event(), until_empty=True)
        report = await archiver.prover.report("acme")
        verified = await archiver.prover.verify("acme")
    files = sorted((tmp_path / "out").rglob("*.txt"))
    beside = sorted((tmp_path / "out").rglob("*~meta.json"))
    assert (len(files), len(beside)) == (3, 3)
    assert {path.parent for path in files} == {path.parent for path in beside}
    told = [msgspec.json.decode(path.read_bytes()) for path in beside]
    assert {one["file"] for one in told} == {path.name for path in files}
    assert {(one["kind"], one["size"]) for one in told} == {("sms", 9)}
    assert (report.verdict, verified.proven) == ("complete", True)
    assert {kind.kind: kind.archived for lane in report.lanes for kind in lane.kinds} == {Kind.SMS: 3, Kind.SIDECAR: 3}


async def test_what_is_not_known_any_more_has_none(tmp_path: Path) -> None:
    """A sidecar is made of what the database has when it is read; another customer's files are none of its business."""
    database = SqliteDatabase(tmp_path / "archiver.db")
    await database.open()
    klm, lot = await world(database, "klm"), await world(database, "lot")
    for owner in (klm, lot):
        await database.add_births(owner.source, owner.births(2, metadata={"session_id": "s"}), now=NOW, cursor=None)
        await database.settle([archived(delivery) for delivery in await due(database, owner.lanes[0])], owner.epochs)
    source = SidecarSource(database, klm.source, SystemClock())
    pages = source.discover("")
    page = await anext(pages)
    await pages.aclose()
    assert [(one.external_id, one.part, one.metadata["of"]) for one in page.discoveries] == [("0", "sms", "sms"), ("1", "sms", "sms")]

    def item(locator: str) -> Item:
        return Item(1, 1, Kind.SIDECAR, "0", locator, "application/json", None, None, 0)

    (whole,) = await source.read_many([item(page.discoveries[0].locator)])
    assert isinstance(whole, bytes)
    assert msgspec.json.decode(whole)["metadata"] == {"session_id": "s"}
    assert b"".join([piece async for piece in source.stream(item(page.discoveries[0].locator), 5)]) == whole[5:]
    for locator in ("999", "4", "odd"):
        with pytest.raises(SourceGoneError):
            assert [piece async for piece in source.stream(item(locator))] == []
    await database.close()
