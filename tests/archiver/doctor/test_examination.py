"""Set-ups that are broken, each in its own way: the fault is named, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest
from aiohttp import web

from archiver import registry
from archiver.app import Archiver, ConnectionSpec
from archiver.doctor import examination, machine
from archiver.doctor.examination import examine
from archiver.doctor.findings import Finding, Verdict
from archiver.errors import ConfigError
from archiver.model import ConnectionState
from archiver.sandbox.remote import SandboxProcess
from archiver.settings import Settings, load
from archiver.vault.keys import new_key

CANARY = "sl.CANARY-token"


def made(tmp_path: Path, **flags: str) -> Settings:
    """Settings with a home of the test's own."""
    return load(environment={}, flags={"home": str(tmp_path / "home"), **flags})


def folders(tmp_path: Path) -> tuple[ConnectionSpec, ConnectionSpec]:
    """A folder to read, and one to write."""
    (tmp_path / "in").mkdir()
    (tmp_path / "disk").mkdir()
    return (
        ConnectionSpec(adapter="folder", options={"path": str(tmp_path / "in")}),
        ConnectionSpec(adapter="folder", options={"path": str(tmp_path / "disk" / "out")}),
    )


def dropbox(url: str, token: str = CANARY) -> ConnectionSpec:
    """A Dropbox at this address."""
    return ConnectionSpec(adapter="dropbox", options={"api_url": url, "content_url": url}, secrets={"access_token": token})


async def add(settings: Settings, *destinations: ConnectionSpec, source: ConnectionSpec | None = None) -> None:
    """A customer with these destinations; nobody is asked whether they work."""
    async with Archiver.open(settings) as archiver:
        await archiver.add_customer("acme", [source] if source else [], destinations, ping=False)


def fault(findings: Sequence[Finding], about: str) -> Finding:
    """The one fault there is, which must be about this."""
    faults = [finding for finding in findings if finding.verdict is Verdict.FAULT]
    assert [finding.about for finding in faults] == [about], findings
    assert faults[0].remedy, "somebody must be told what to do"
    return faults[0]


@pytest.fixture
async def clouds(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A host that answers everything with 404; its clock goes as many seconds wrong as the test says."""
    skew = getattr(request, "param", 0.0)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=404, headers={"Date": formatdate(time() + skew, usegmt=True)})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_set_up_that_works(tmp_path: Path) -> None:
    """Nothing is at fault, and each thing that was looked at is named."""
    settings = made(tmp_path)
    source, target = folders(tmp_path)
    await add(settings, target, source=source)
    findings = await examine(settings)
    assert [finding.about for finding in findings] == [
        "disk",
        "database",
        "key",
        "clock",
        "acme: source folder 1",
        "acme: destination folder 2",
    ]
    assert {finding.verdict for finding in findings} == {Verdict.FINE, Verdict.SKIPPED}
    assert findings[3].verdict is Verdict.SKIPPED, "nobody's clock could be asked"


async def test_nothing_is_there_yet(tmp_path: Path) -> None:
    """A note, no fault; and looking makes neither a home nor a database."""
    settings = made(tmp_path)
    findings = await examine(settings)
    assert {finding.about: finding.verdict for finding in findings}["database"] is Verdict.NOTE
    assert "archiver migrate" in findings[1].remedy
    assert not (tmp_path / "home").exists()


async def test_a_home_that_may_not_be_written(tmp_path: Path) -> None:
    """It is named, with whose it must be."""
    (tmp_path / "home").write_text("a file")
    settings = load(config=Path(os.devnull), environment={}, flags={"home": str(tmp_path / "home")})
    found = [finding for finding in await examine(settings) if finding.about == "disk"]
    assert found[0].verdict is Verdict.FAULT
    assert "is no directory" in found[0].what
    assert "--home" in found[0].remedy


async def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is left, and that it goes on by itself when there is room."""
    settings = made(tmp_path)
    await add(settings, folders(tmp_path)[1])
    full = machine.check_disk
    monkeypatch.setattr(
        examination, "check_disk", lambda directory: full(directory, lambda _: (100_000_000_000, 99_999_000_000, 1_000_000))
    )
    found = fault(await examine(settings), "disk")
    assert "the disk is full" in found.what
    assert "Make room" in found.remedy


async def test_a_database_server_that_is_not_there(tmp_path: Path, unused_tcp_port: int) -> None:
    """PostgreSQL does not answer; what could not be looked at says so."""
    address = f"postgresql://archiver:CANARY@127.0.0.1:{unused_tcp_port}/archiver"
    findings = await examine(made(tmp_path, database=address))
    found = fault(findings, "database")
    assert "is not available" in found.what
    assert "server runs" in found.remedy
    assert "CANARY" not in repr(findings)
    assert [finding.about for finding in findings if finding.verdict is Verdict.SKIPPED] == ["key", "dns", "clock", "connections"]


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """Somebody named another file."""
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, and no database at all" * 50)
    found = fault(await examine(made(tmp_path, database=str(path))), "database")
    assert "is not a SQLite database" in found.what
    assert "--database" in found.remedy


async def test_a_database_of_another_program(tmp_path: Path) -> None:
    """It is left alone."""
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE songs (title TEXT)")
    theirs.close()
    found = fault(await examine(made(tmp_path, database=str(path))), "database")
    assert "another program" in found.what
    assert found.remedy


@pytest.mark.parametrize(
    ("revision", "seen", "remedy"), [("0001", "older schema 0001", "archiver migrate"), ("9999", "newer Archiver", "nstall that version")]
)
async def test_a_schema_of_another_version(tmp_path: Path, revision: str, seen: str, remedy: str) -> None:
    """An older one is brought up to date by a command, a newer one needs the newer program; looking changes neither."""
    settings = made(tmp_path)
    await add(settings, folders(tmp_path)[1])
    with sqlite3.connect(settings.database) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    database.close()
    found = fault(await examine(settings), "database")
    assert seen in found.what
    assert remedy in found.remedy
    assert (await Archiver.standing(settings)).found == revision


async def test_a_wrong_key(tmp_path: Path, clouds: str) -> None:
    """The file was lost and another one made: the id of the key that is needed is told, and no key."""
    settings = made(tmp_path)
    await add(settings, dropbox(clouds))
    other = new_key()
    settings.key_file.write_text(other)
    findings = await examine(settings)
    faults = [finding for finding in findings if finding.verdict is Verdict.FAULT]
    assert faults[0].about == "key"
    assert "which is not held" in faults[0].what
    assert "Add the old key" in faults[0].remedy
    assert other not in repr(findings)


async def test_a_key_that_others_may_read(tmp_path: Path, clouds: str) -> None:
    """It is refused, and what to type is told."""
    settings = made(tmp_path)
    await add(settings, dropbox(clouds))
    settings.key_file.chmod(0o644)
    faults = [finding for finding in await examine(settings) if finding.verdict is Verdict.FAULT]
    assert faults[0].about == "key"
    assert "chmod" in faults[0].remedy


@pytest.mark.parametrize("clouds", [-7200.0, 7200.0], indirect=True)
async def test_a_clock_that_goes_wrong(tmp_path: Path, clouds: str) -> None:
    """Two hours from that of the storage's host, in either direction."""
    settings = made(tmp_path)
    await add(settings, dropbox(clouds))
    (found,) = [finding for finding in await examine(settings) if finding.about == "clock"]
    assert found.verdict is Verdict.FAULT
    assert "7,200 s" in found.what or "7,199 s" in found.what
    assert "time server" in found.remedy


async def test_a_clock_that_goes_right(tmp_path: Path, clouds: str) -> None:
    """A second more or less is nothing."""
    settings = made(tmp_path)
    await add(settings, dropbox(clouds))
    (found,) = [finding for finding in await examine(settings) if finding.about == "clock"]
    assert found.verdict is Verdict.FINE


async def test_a_name_without_an_address(tmp_path: Path) -> None:
    """The resolver knows it not; the connection behind it cannot be reached, either."""
    settings = made(tmp_path)
    await add(settings, dropbox("https://dropbox.invalid"))
    faults = {finding.about: finding for finding in await examine(settings) if finding.verdict is Verdict.FAULT}
    assert "dropbox.invalid has no address" in faults["dns"].what
    assert "resolv.conf" in faults["dns"].remedy
    assert faults["acme: destination dropbox 1"].error == "UnavailableError"


async def test_a_token_that_was_revoked(tmp_path: Path) -> None:
    """The customer must let us in again; its name stands in the command to copy. The other's Dropbox works."""
    async with SandboxProcess(keep_content=False) as sandbox:
        settings = made(tmp_path)
        account = await sandbox.add_account("acme")
        await add(settings, dropbox(sandbox.url, account.access_token))
        findings = await examine(settings)
        assert [finding.verdict for finding in findings if finding.about.startswith("acme")] == [Verdict.FINE]
        await sandbox.change_account("acme", revoke=True)
        found = fault(await examine(settings), "acme: destination dropbox 1")
    assert found.error == "ReconnectNeededError"
    assert "archiver connect acme dropbox --again 1" in found.remedy
    assert account.access_token not in repr(found)


async def test_a_folder_that_has_gone(tmp_path: Path) -> None:
    """A source that was unmounted and a destination that was deleted are told apart."""
    settings = made(tmp_path)
    source, target = folders(tmp_path)
    await add(settings, target, source=source)
    (tmp_path / "in").rmdir()
    (tmp_path / "disk").rmdir()
    faults = {finding.about: finding for finding in await examine(settings) if finding.verdict is Verdict.FAULT}
    assert set(faults) == {"acme: source folder 1", "acme: destination folder 2"}
    assert all(finding.remedy for finding in faults.values())


async def test_an_adapter_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package that brought it was removed; the others are looked at all the same."""
    settings = made(tmp_path)
    source, target = folders(tmp_path)
    await add(settings, target, source=source)
    known = registry.destination

    def destination(name: str) -> object:
        if name == "folder":
            raise ConfigError("there is no destination folder", hint="Install what brings it.")
        return known(name)

    monkeypatch.setattr(registry, "destination", destination)
    found = fault(await examine(settings), "acme: destination folder 2")
    assert "Install" in found.remedy


async def test_an_adapter_with_a_bug_hides_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its class is told and not its text, which may hold a secret."""
    settings = made(tmp_path)
    source, target = folders(tmp_path)
    await add(settings, target, source=source)
    look = Archiver.look

    async def failing(archiver: Archiver, connection: object) -> object:
        if getattr(connection, "role", "") == "source":
            raise KeyError("CANARY")
        return await look(archiver, connection)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(Archiver, "look", failing)
    findings = await examine(settings)
    assert fault(findings, "acme: source folder 1").error == "KeyError"
    assert "CANARY" not in repr(findings)


async def test_a_parked_connection_that_works_again(tmp_path: Path) -> None:
    """It waits for somebody to say so: a note with the command."""
    settings = made(tmp_path)
    source, target = folders(tmp_path)
    await add(settings, target, source=source)
    async with Archiver.open(settings) as archiver:
        await archiver._database.set_connection_state(2, ConnectionState.QUOTA_FULL, "no room")
    (found,) = [finding for finding in await examine(settings) if finding.verdict is Verdict.NOTE]
    assert "quota_full: no room" in found.what
    assert "archiver customers resume acme" in found.remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_home_of_somebody_else(tmp_path: Path) -> None:
    """What this user may not write is told, with what to do."""
    (tmp_path / "home").mkdir(mode=0o500)
    (found, *_) = await examine(made(tmp_path))
    assert "may not be written" in found.what
    assert "chown" in found.remedy


async def test_looking_does_not_disturb_a_running_one(tmp_path: Path) -> None:
    """Another process serves the database meanwhile; nothing is taken from it."""
    settings = made(tmp_path)
    source, target = folders(tmp_path)
    await add(settings, target, source=source)
    async with Archiver.open(settings, serve=True) as serving:
        stop = asyncio.Event()
        running = asyncio.create_task(serving.run(stop))
        findings = await examine(settings)
        stop.set()
        assert await running
    assert [finding for finding in findings if finding.verdict is Verdict.FAULT] == []
