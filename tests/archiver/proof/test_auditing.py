"""The audit log as commands and console use it, on a real database; broken by hand where it must be noticed."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from archiver.database.conformance.world import NOW, archived, due, world
from archiver.database.sqlite import SqliteDatabase
from archiver.errors import ConfigError
from archiver.proof.acting import Who, acting
from archiver.proof.auditing import Anchor, Auditor, audited


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """A database in which three things were done, the second a batch of three deliveries."""
    database = SqliteDatabase(tmp_path / "archiver.db")
    await database.open()
    auditor = Auditor(database)
    klm = await world(database, "klm")
    await database.add_births(klm.source, klm.births(3), now=NOW, cursor=None)
    await auditor.record("customers add", "klm")
    await database.settle([archived(delivery) for delivery in await due(database, klm.lanes[0])], klm.epochs)
    await auditor.record("customers pause", "klm")
    yield database
    await database.close()


def tamper(path: Path, statement: str) -> None:
    """What somebody could do who can write the file and knows of the guards."""
    with sqlite3.connect(path / "archiver.db") as raw:
        for name in ("changes", "losses", "misfits"):
            raw.execute(f"DROP TRIGGER audit_{name}")
        raw.execute(statement)
    raw.close()


async def test_a_line_says_who_did_what(database: SqliteDatabase) -> None:
    """The one who acts, or who is named; without secrets and numbers."""
    auditor = Auditor(database)
    with acting(Who("ada", "192.0.2.1")):
        await auditor.record("retry", "klm", detail={"note": "asked by +15550100567", "api_key": "x"})
    await auditor.record("console login", "bob", result="refused", by=Who("bob", "192.0.2.2"))
    second, first = await auditor.newest(limit=2)
    assert (first.actor, first.origin, first.action, first.subject, first.result) == ("ada", "192.0.2.1", "retry", "klm", "done")
    assert msgspec.json.decode(first.detail) == {"note": "asked by …567", "api_key": "…"}
    assert (second.actor, second.result) == ("bob", "refused")


async def test_a_whole_chain_is_whole(database: SqliteDatabase) -> None:
    """Its last line is named, and holds a later check to it."""
    chain = await Auditor(database).check()
    assert (chain.lines, chain.broken, chain.receipts) == (3, None, 3)
    assert chain.head is not None
    await Auditor(database).record("customers resume", "klm")
    later = await Auditor(database).check([chain.head])
    assert (later.lines, later.broken) == (4, None)


@pytest.mark.parametrize(
    ("statement", "broken", "why"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE number = 1", 1, "does not say what it said"),
        ("UPDATE audit SET hash = 'ab' WHERE number = 2", 2, "does not say what it said"),
        ("DELETE FROM audit WHERE number = 1", 1, "missing"),
        ("DELETE FROM audit WHERE number = 2", 2, "missing"),
        ("UPDATE audit SET previous = 'ab' WHERE number = 3", 3, "does not follow"),
        ("UPDATE receipts SET sha256 = 'ff' WHERE delivery_id = 2", 2, "receipt is no longer"),
        ("UPDATE receipts SET path = '/elsewhere' WHERE delivery_id = 1", 2, "receipt is no longer"),
        ("DELETE FROM receipts WHERE delivery_id = 3", 2, "1 of its receipts"),
    ],
)
async def test_the_first_broken_line_is_named(database: SqliteDatabase, tmp_path: Path, statement: str, broken: int, why: str) -> None:
    """A line that was changed or taken out, or a receipt that it tells of."""
    tamper(tmp_path, statement)
    chain = await Auditor(database).check()
    assert chain.broken == broken
    assert why in chain.why
    assert chain.lines == broken - 1


async def test_what_was_cut_off_shows_if_a_line_was_kept(database: SqliteDatabase, tmp_path: Path) -> None:
    """Without one the rest is a whole chain; one that was written anew is another line."""
    head = (await Auditor(database).check()).head
    assert head is not None
    tamper(tmp_path, "DELETE FROM audit WHERE number = 3")
    assert (await Auditor(database).check()).broken is None
    cut = await Auditor(database).check([head])
    assert (cut.broken, "ends before line 3" in cut.why) == (3, True)
    await Auditor(database).record("customers pause", "lot")
    anew = await Auditor(database).check([head])
    assert (anew.broken, "kept elsewhere" in anew.why) == (3, True)


async def test_an_audited_method_leaves_a_line_however_it_ends(database: SqliteDatabase) -> None:
    """With its plain parameters and the numbers of its answer; with the error's name if it fails."""

    class Desk:
        def __init__(self) -> None:
            self.auditor = Auditor(database)

        @audited("desk work", subject="name")
        async def work(self, name: str | None = None, *, items: int, what: object = None) -> Anchor:
            del what
            if items < 0:
                raise ConfigError("no such work")
            return Anchor(items * 2, name or "")

    assert await Desk().work("klm", items=2, what=[1]) == Anchor(4, "klm")
    with pytest.raises(ConfigError):
        await Desk().work(items=-1)
    failed, done = await Auditor(database).newest(limit=2)
    assert (done.action, done.subject, done.result, msgspec.json.decode(done.detail)) == (
        "desk work",
        "klm",
        "done",
        {"items": 2, "number": 4},
    )
    assert (failed.subject, failed.result, msgspec.json.decode(failed.detail)) == ("", "ConfigError", {"items": -1})
