"""The table source: the kit against SQLite, and what only it can do."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest

from archiver.adapter import check_options
from archiver.errors import ConfigError, SourceGoneError, UnavailableError
from archiver.model import Discovery, Item, Kind
from archiver.sources.conformance import Rig, SourceConformance, find, find_until, item_of
from archiver.sources.sqltable import ADAPTER, SqlTableSource

AT = 1_778_407_322  # 2026-05-10 10:02:02 UTC


class Calls:
    """A customer's own database of call records."""

    def __init__(self, path: Path, columns: str = "id TEXT PRIMARY KEY, started REAL, body BLOB") -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"CREATE TABLE calls ({columns})")

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Runs one statement and commits."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement, values)

    def add(self, *values: Any, into: str = "calls") -> None:
        """Adds a row."""
        self.execute(f"INSERT INTO {into} VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608 - the tests' own names

    def source(self, **options: Any) -> SqlTableSource:
        """A source of the table; looks once unless told otherwise."""
        given = {"url": f"sqlite:///{self.path}", "table": "calls", "time_column": "started", "watch": False, **options}
        if "path_column" not in given:
            given.setdefault("content_column", "body")
        source = ADAPTER.open(check_options("sqltable", ADAPTER.options, given))
        assert isinstance(source, SqlTableSource)
        return source

    async def found(self, **options: Any) -> list[Discovery]:
        """Everything that one look finds."""
        source = self.source(**options)
        found = [discovery async for page in source.discover("") for discovery in page.discoveries]
        await source.close()
        return found


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    """An empty table of calls with content."""
    return Calls(tmp_path / "calls.db")


class TestSqlTable(SourceConformance):
    """The kit against a table with content."""

    @pytest.fixture
    async def rig(self, tmp_path: Path) -> AsyncIterator[Rig]:
        """Each new row has the next second."""
        calls = Calls(tmp_path / "secret-calls.db")
        sources: list[SqlTableSource] = []
        clock = iter(range(AT, AT + 1000))
        away = tmp_path / "away"

        def open_source() -> SqlTableSource:
            sources.append(calls.source(watch=True, poll_interval=0.02))
            return sources[-1]

        async def add(name: str, data: bytes) -> None:
            calls.add(name, next(clock), data)

        async def remove(name: str) -> None:
            calls.execute("DELETE FROM calls WHERE id = ?", [name])

        async def take_away() -> None:
            for source in sources:
                source._table.close()
            calls.path.rename(away)

        async def bring_back() -> None:
            away.rename(calls.path)

        yield Rig(
            source=open_source(),
            add=add,
            remove=remove,
            reopen=open_source,
            take_away=take_away,
            bring_back=bring_back,
            secrets=("secret-calls",),
        )
        for source in sources:
            await source.close()


class TestSqlTableOfPaths(SourceConformance):
    """The kit against a table that names files."""

    @pytest.fixture
    async def rig(self, tmp_path: Path) -> AsyncIterator[Rig]:
        """The rows are in the table, the bytes in a directory."""
        calls = Calls(tmp_path / "calls.db", "id TEXT PRIMARY KEY, started TEXT, file TEXT")
        base = tmp_path / "files"
        base.mkdir()
        (base / "another").touch()
        sources: list[SqlTableSource] = []

        def open_source() -> SqlTableSource:
            sources.append(calls.source(watch=True, poll_interval=0.02, path_column="file", base_dir=str(base)))
            return sources[-1]

        async def add(name: str, data: bytes) -> None:
            (base / f"{name}.wav").write_bytes(data)
            calls.add(name, "2026-05-10T10:02:02Z", f"{name}.wav")

        async def remove(name: str) -> None:
            (base / f"{name}.wav").unlink()

        yield Rig(source=open_source(), add=add, remove=remove, reopen=open_source, secrets=(str(base),))
        for source in sources:
            await source.close()


# -- finding ----------------------------------------------------------------------------------------------------------------------------


async def test_every_column_has_its_place(tmp_path: Path) -> None:
    """Names that need quotes, values of any type, metadata."""
    calls = Calls(
        tmp_path / "calls.db",
        '"Call Id" INTEGER PRIMARY KEY, "select" TEXT, who TEXT, whom TEXT, dir TEXT, line TEXT, type INTEGER, mime TEXT, leg INTEGER,'
        " bytes INTEGER, hash TEXT, purge TEXT, campaign TEXT, score REAL, body BLOB",
    )
    row = [
        42,
        "2026-05-10 10:02:02",
        "+1555",
        "+1556",
        "IN",
        "Ann",
        2,
        "image/tiff",
        3,
        7,
        "AB" * 32,
        "2026-06-10",
        "spring",
        0.5,
        b"content",
    ]
    calls.add(*row)
    calls.add(43, "2026-05-10 10:02:03", *[None] * 4, 9, *[None] * 7, b"no kind")
    source = calls.source(
        id_column="Call Id",
        time_column="select",
        sender_column="who",
        recipient_column="whom",
        direction_column="dir",
        owner_column="line",
        kind_column="type",
        kinds="1=recording, 2=fax",
        media_type_column="mime",
        part_column="leg",
        size_column="bytes",
        sha256_column="hash",
        purge_column="purge",
        metadata_columns="campaign, score",
    )
    (page,) = await find(source)
    assert page.discoveries == [
        Discovery(
            kind=Kind.FAX,
            external_id="42",
            part="3",
            occurred_at=AT * 1000,
            purge_at=1_781_049_600_000,
            locator="i:42",
            media_type="image/tiff",
            size=7,
            sha256="ab" * 32,
            direction="inbound",
            sender="+1555",
            recipient="+1556",
            owner="Ann",
            metadata={"campaign": "spring", "score": 0.5},
        )
    ]
    assert source.ignored == {"unknown kind": 1}
    assert list(await source.read_many([item_of(page.discoveries[0])])) == [b"content"]
    await source.close()


@pytest.mark.parametrize("body", [b"\xff\x00bytes", "text with ümlaut", ""])
async def test_the_size_of_the_content_is_known_before_it_is_read(calls: Calls, body: bytes | str) -> None:
    """In bytes of UTF-8, also for text; and a stream may begin in the middle of it."""
    calls.add("1", AT, body)
    (found,) = await calls.found()
    content = body if isinstance(body, bytes) else body.encode()
    assert found.size == len(content)
    source = calls.source()
    assert list(await source.read_many([item_of(found)])) == [content]
    assert b"".join([chunk async for chunk in source.stream(item_of(found), 3)]) == content[3:]
    await source.close()


async def test_a_row_without_bytes_waits_for_them(calls: Calls) -> None:
    """A recording that is not ready yet is no item yet; within the overlap it is found when it is."""
    calls.add("early", AT, None)
    calls.add("ready", AT + 1, b"x")
    source = calls.source()
    pages = await find(source)
    assert [found.external_id for found in pages[0].discoveries] == ["ready"]
    calls.execute("UPDATE calls SET body = 'y' WHERE id = 'early'")
    assert "early" in await find_until(source, {"early"}, pages[-1].cursor)
    await source.close()


async def test_a_row_committed_late_is_found(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is before what was seen already: the overlap finds it while watching, and what was told is not told again."""
    monkeypatch.setattr("archiver.sources.sqltable.source._OVERLAP_SECONDS", 0.05)
    calls.add("newest", AT, b"x")
    source = calls.source(watch=True, poll_interval=0.01)
    told: list[str] = []
    async with asyncio.timeout(20), aclosing(source.discover("")) as discovering:
        told += [found.external_id for found in (await anext(discovering)).discoveries]
        calls.add("late", AT - 1800, b"y")
        while "late" not in told:
            told += [found.external_id for found in (await anext(discovering)).discoveries]
    assert told == ["newest", "late"]
    await source.close()


async def test_an_updated_column_leads(tmp_path: Path) -> None:
    """A row that was written again is told again, by the cursor of its own order."""
    calls = Calls(tmp_path / "calls.db", "id INTEGER PRIMARY KEY, started INTEGER, changed INTEGER, body BLOB")
    calls.add(1, 0, AT, b"x")
    calls.add(2, 0, AT + 9000, b"x")
    source = calls.source(updated_column="changed", overlap="60")
    pages = await find(source)
    calls.execute("UPDATE calls SET changed = ? WHERE id = 1", [AT + 10_000])
    again = await find(source, pages[-1].cursor)
    assert [found.external_id for page in again for found in page.discoveries] == ["2", "1"]
    restarted = await find(calls.source(), pages[-1].cursor)
    assert len(restarted[0].discoveries) == 2, "a cursor of another column is worth nothing"
    await source.close()


async def test_many_rows_of_one_second_come_in_pages(calls: Calls) -> None:
    """The id goes on where the time does not."""
    with closing(sqlite3.connect(calls.path)) as connection, connection:
        connection.executemany("INSERT INTO calls VALUES (?, ?, 'x')", [(f"{number:05}", AT) for number in range(2500)])
    source = calls.source()
    pages = await find(source)
    assert [len(page.discoveries) for page in pages] == [1000, 1000, 500]
    assert len({found.external_id for page in pages for found in page.discoveries}) == 2500
    contents = await source.read_many([item_of(found) for found in pages[0].discoveries])
    assert list(contents) == [b"x"] * 1000
    await source.close()


async def test_a_row_with_a_senseless_time_is_kept(calls: Calls) -> None:
    """And does not hide what comes after it: text sorts behind every number."""
    calls.add("bad", "yesterday", b"x")
    calls.add("future", AT * 10, b"x")
    calls.add("good", AT, b"x")
    source = calls.source(watch=True, poll_interval=0.01)
    async with asyncio.timeout(20), aclosing(source.discover("")) as discovering:
        page = await anext(discovering)
        assert {found.external_id for found in page.discoveries} == {"bad", "future", "good"}
        calls.add("new", AT + 1, b"x")
        later = await anext(discovering)
        while not later.discoveries:  # it rests
            later = await anext(discovering)
        assert [found.external_id for found in later.discoveries] == ["new"]
    assert source.ignored == {"unreadable time (kept)": 1}
    await source.close()


async def test_paths_of_other_systems_mean_the_same_file(tmp_path: Path) -> None:
    """Absolute ones below the directory, backslashes; an empty one is no item."""
    calls = Calls(tmp_path / "calls.db", "id INTEGER PRIMARY KEY, started INTEGER, file TEXT")
    (tmp_path / "rec" / "a").mkdir(parents=True)
    (tmp_path / "rec" / "a" / "1.wav").write_bytes(b"one")
    for number, path in enumerate([f"{tmp_path}/rec/a/1.wav", "a\\1.wav", "/a/1.wav", ""]):
        calls.add(number, AT, path)
    source = calls.source(path_column="file", base_dir=str(tmp_path / "rec"))
    (page,) = await find(source)
    assert list(await source.read_many([item_of(found) for found in page.discoveries])) == [b"one"] * 3
    assert source.ignored == {"no path": 1}
    await source.close()


# -- trouble ----------------------------------------------------------------------------------------------------------------------------


async def test_an_unknown_column_is_named_and_the_known_ones_listed(calls: Calls) -> None:
    """With the option that names it."""
    with pytest.raises(ConfigError, match="'speaker', which the option 'sender_column'") as caught:
        await calls.found(sender_column="speaker")
    assert caught.value.hint == "It has: body, id, started."


async def test_an_unknown_table_is_refused(calls: Calls) -> None:
    """ConfigError at the first look."""
    with pytest.raises(ConfigError, match="no such table"):
        await calls.found(table="phones")


async def test_the_database_is_never_written(calls: Calls) -> None:
    """Not even a mistake could; and where there is no file, none is made."""
    calls.add("1", AT, b"x")
    source = calls.source()
    await find(source)
    with source._table._engine.connect() as connection, pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql("DELETE FROM calls")
    await source.close()
    missing = Calls(calls.path.with_name("other.db"))
    missing.path.unlink()
    with pytest.raises(UnavailableError):
        await missing.found()
    assert not missing.path.exists()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense-canary",
        "oops://user:canary@host/db",
        "postgresql+nosuch://user:canary@host/db",
        "sqlite+aiosqlite:///canary.db",
        "postgresql+psycopg2://user:canary@host:port/db",
    ],
)
def test_a_wrong_address_is_refused_without_showing_it(url: str, calls: Calls) -> None:
    """No dialect, no driver, a driver for asyncio, a port that is no number."""
    with pytest.raises(ConfigError) as caught:
        calls.source(url=url)
    error = caught.value
    assert "canary" not in f"{error} {error.hint} {error.__cause__!r}"
    assert error.__context__ is None or error.__suppress_context__


def test_the_settings_do_not_show_the_address(calls: Calls) -> None:
    """It may hold a password."""
    source = calls.source(url="sqlite:///canary.db")
    assert "canary" not in repr(source._settings) + repr(source)


@pytest.mark.parametrize(
    "options",
    [
        {"content_column": "body", "path_column": "body", "base_dir": "/x"},
        {"path_column": "body"},
        {"kind": "letter"},
        {"kinds": "1"},
        {"kinds": "1=letter"},
        {"poll_interval": 0},
        {"overlap": -1},
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], calls: Calls) -> None:
    """ConfigError before anything begins."""
    with pytest.raises(ConfigError):
        calls.source(**options)


def test_the_bytes_must_be_somewhere() -> None:
    """Neither content nor path."""
    options = check_options("sqltable", ADAPTER.options, {"url": "sqlite://", "table": "t", "time_column": "at"})
    with pytest.raises(ConfigError, match="exactly one"):
        ADAPTER.open(options)


async def test_a_closed_source_reads_no_more(calls: Calls) -> None:
    """`UnavailableError`, not an error of some library."""
    source = calls.source()
    await source.close()
    item = Item(1, 1, Kind.SMS, "1", "s:1", "text/plain", None, None, 0)
    assert isinstance((await source.read_many([item]))[0], UnavailableError)
    with pytest.raises(UnavailableError):
        await anext(aiter(source.stream(item)))


async def test_a_table_that_changed_is_unavailable_to_reading(calls: Calls) -> None:
    """An item was found by a good mapping; what is wrong now is no reason to end the process."""
    calls.add("1", AT, b"x")
    (found,) = await calls.found()
    calls.execute("ALTER TABLE calls RENAME TO phones")
    source = calls.source()
    assert isinstance((await source.read_many([item_of(found)]))[0], UnavailableError)
    await source.close()


async def test_content_that_was_emptied_is_gone(calls: Calls) -> None:
    """NULL where the bytes were: the user's own retention took them."""
    calls.add("1", AT, b"x")
    (found,) = await calls.found()
    calls.execute("UPDATE calls SET body = NULL")
    source = calls.source()
    assert isinstance((await source.read_many([item_of(found)]))[0], SourceGoneError)
    await source.close()
