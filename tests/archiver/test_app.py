"""The composition root, as commands use it."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.app import Archiver, ConnectionSpec
from archiver.errors import ConfigError, DatabaseHeldError, MisconfiguredError
from archiver.model import ConnectionState, CustomerState
from archiver.settings import Settings, load
from archiver.vault import new_key


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(environment={}, flags={"home": str(tmp_path / "home")})


@pytest.fixture
async def archiver(settings: Settings) -> AsyncIterator[Archiver]:
    async with Archiver.open(settings, serve=True) as archiver:
        yield archiver


def folders(tmp_path: Path, count: int = 0) -> tuple[ConnectionSpec, ConnectionSpec]:
    """A folder with so many messages, and one for them to go to."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    for number in range(count):
        (source / f"{number}.txt").write_text(f"message {number}")
    return (
        ConnectionSpec(adapter="folder", options={"path": str(source)}),
        ConnectionSpec(adapter="folder", options={"path": str(target)}),
    )


async def test_a_folder_goes_into_a_folder(archiver: Archiver, tmp_path: Path) -> None:
    """Add, run until nothing is left, look: the whole line on the real adapters."""
    source, target = folders(tmp_path, 25)
    added = await archiver.add_customer("me", [source], [target])
    assert next(iter(added.accounts.values())).name
    assert await archiver.run(asyncio.Event(), until_empty=True)
    (status,) = await archiver.status()
    assert (status.archived, status.waiting) == (25, 0)
    assert sorted(path.read_text() for path in (tmp_path / "out").rglob("*.txt")) == sorted(f"message {n}" for n in range(25))
    progress = await archiver.progress()
    assert (progress.archived, progress.lanes[0].archived) == (25, 25)


async def test_import_finds_and_uploads_nothing(archiver: Archiver, tmp_path: Path) -> None:
    """One pass over the sources; the second finds the same and adds nothing."""
    source, target = folders(tmp_path, 5)
    await archiver.add_customer("me", [source], [target])
    first, second = await archiver.import_items("me"), await archiver.import_items()
    assert (first.found, first.new, second.new) == (5, 5, 0)
    assert not list((tmp_path / "out").rglob("*.txt"))
    with pytest.raises(ConfigError, match="no customer you"):
        await archiver.import_items("you")


async def test_nothing_is_added_when_a_destination_does_not_let_us_in(archiver: Archiver, tmp_path: Path) -> None:
    """It is asked before anything is written."""
    source, _ = folders(tmp_path)
    nowhere = ConnectionSpec(adapter="folder", options={"path": str(tmp_path / "no" / "such" / "place")})
    with pytest.raises((MisconfiguredError, ConfigError)):
        await archiver.add_customer("me", [source], [nowhere])
    assert await archiver.customers() == []


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (ConnectionSpec(adapter="flopbox"), "flopbox"),
        (ConnectionSpec(adapter="folder"), "needs the option 'path'"),
        (ConnectionSpec(adapter="folder", options={"path": "/x", "speed": "9"}), "no option 'speed'"),
        (ConnectionSpec(adapter="dropbox", options={"access_token": "canary"}), "access_token is secret"),
    ],
)
async def test_what_cannot_be_is_said_before_anything_is_written(archiver: Archiver, spec: ConnectionSpec, text: str) -> None:
    """Unknown adapters, unknown and missing options, secrets where they would be seen."""
    with pytest.raises(ConfigError, match=text) as caught:
        await archiver.add_customer("me", [], [spec], ping=False)
    assert "canary" not in str(caught.value)
    assert await archiver.customers() == []


async def test_secrets_are_sealed_in_the_database(archiver: Archiver, settings: Settings) -> None:
    """A dump of the database, the options and every repr show nothing of them."""
    spec = ConnectionSpec(adapter="dropbox", options={"app_key": "key"}, secrets={"refresh_token": "canary-token"})
    added = await archiver.add_customer("me", [], [spec], ping=False)
    assert "canary" not in repr(spec)
    assert "canary" not in repr(added)
    with sqlite3.connect(settings.database) as connection:
        assert "canary" not in "\n".join(connection.iterdump())
    connection.close()
    opened = archiver._opening.values(added.connections[0])
    assert opened["refresh_token"] == "canary-token"


async def test_pause_and_resume(archiver: Archiver, tmp_path: Path) -> None:
    """Resuming a customer also lets its parked lanes try again."""
    source, target = folders(tmp_path)
    added = await archiver.add_customer("me", [source], [target])
    assert (await archiver.pause("me")).state is CustomerState.PAUSED
    await archiver._database.set_connection_state(added.connections[1].id, ConnectionState.QUOTA_FULL, "full")
    assert (await archiver.resume("me")).state is CustomerState.ACTIVE
    (view,) = await archiver.customers()
    assert {connection.state for connection in view.connections} == {ConnectionState.ACTIVE}
    with pytest.raises(ConfigError):
        await archiver.pause("you")


async def test_one_process_serves_and_others_look(archiver: Archiver, settings: Settings) -> None:
    """The second one that would serve is told who does; one that only looks is welcome."""
    with pytest.raises(DatabaseHeldError):
        async with Archiver.open(settings, serve=True):
            pass
    async with Archiver.open(settings) as guest:
        assert await guest.customers() == await archiver.customers() == []


async def test_other_databases_are_refused_with_a_hint(tmp_path: Path) -> None:
    """SQLite and PostgreSQL are what there is."""
    settings = load(environment={}, flags={"home": str(tmp_path), "database": "mysql://me:canary@somewhere/archiver"})
    with pytest.raises(ConfigError, match="only SQLite and PostgreSQL") as caught:
        async with Archiver.open(settings):
            pass
    assert "canary" not in f"{caught.value}{caught.value.hint}"


async def test_all_commands_work_on_postgresql(postgres_address: str, tmp_path: Path) -> None:
    """Add, import, look, pause, resume, try again, and be looked at by a second process's eyes."""
    settings = load(environment={}, flags={"home": str(tmp_path / "home"), "database": postgres_address})
    source, target = folders(tmp_path, 25)
    async with Archiver.open(settings, serve=True) as archiver, Archiver.open(settings) as guest:
        await archiver.add_customer("me", [source], [target])
        imported = await archiver.import_items("me")
        assert (imported.found, imported.new) == (25, 25)
        assert [(row.waiting, row.archived) for row in await guest.status()] == [(25, 0)]
        assert len(await guest.deliveries(customer="me")) == 25
        assert (await guest.pause("me")).state is CustomerState.PAUSED
        assert (await archiver.resume("me")).state is CustomerState.ACTIVE
        assert await guest.retry(customer="me") == 0
        assert [view.customer.name for view in await guest.customers()] == ["me"]
        assert settings.home.exists()


async def test_a_driver_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the words that install it."""
    for name in [name for name in sys.modules if name.startswith(("archiver.database.postgres", "psycopg"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)  # type: ignore[arg-type]  None is what stops an import
    settings = load(environment={}, flags={"home": str(tmp_path), "database": "postgresql://somewhere/archiver"})
    with pytest.raises(ConfigError) as caught:
        async with Archiver.open(settings):
            pass
    assert "call-archiver[postgres]" in caught.value.hint


async def test_a_key_that_opens_nothing_is_told_before_anything_is_touched(settings: Settings) -> None:
    """Not lane by lane: the run ends at once, and no lane was parked for it."""
    async with Archiver.open(settings, serve=True) as archiver:
        await archiver.add_customer("me", [], [ConnectionSpec(adapter="dropbox", secrets={"access_token": "canary"})], ping=False)
    settings.key_file.unlink()
    settings.key_file.write_text(f"{new_key()}\n")
    settings.key_file.chmod(0o600)
    async with Archiver.open(settings, serve=True) as archiver:
        with pytest.raises(ConfigError, match="is not held"):
            await archiver.run(asyncio.Event(), until_empty=True)
        (status,) = await archiver.status()
        assert status.state is ConnectionState.ACTIVE


async def test_what_it_changes_itself_takes_effect_while_it_runs(archiver: Archiver, tmp_path: Path) -> None:
    """A customer added, paused and resumed by the very process that runs: no restart, no waiting for a sweep."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(archiver.run(stop))
        source, target = folders(tmp_path, 3)
        await asyncio.sleep(0)
        await archiver.add_customer("me", [source], [target])
        async with asyncio.timeout(10):
            while (await archiver.status())[0].archived < 3:  # noqa: ASYNC110  the database is asked; it tells no one
                await asyncio.sleep(0.02)
        stop.set()
