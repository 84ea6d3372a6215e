"""Hold over keeping over erasing, on a real folder and on a Dropbox on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.app import Archiver, ConnectionSpec
from archiver.database.port import CustomerChange
from archiver.errors import ConfigError
from archiver.lifecycle import DeliveryState
from archiver.model import Kind
from archiver.sandbox import Sandbox
from archiver.settings import load
from genstage.clock import SystemClock

DAY = 24 * 3600.0


class Later(SystemClock):
    """The machine's clock, moved on as a test wants."""

    later = 0.0

    def wall(self) -> float:
        """The wall clock."""
        return super().wall() + self.later


class Scene:
    """A customer with messages in a folder, archived into another one and into a Dropbox."""

    def __init__(self, archiver: Archiver, clock: Later, sandbox: Sandbox, home: Path) -> None:
        self.archiver = archiver
        self.clock = clock
        self.sandbox = sandbox
        self.home = home

    async def archive(self, count: int = 3) -> None:
        """Adds the customer, and archives everything."""
        source, target = self.home / "in", self.home / "out"
        source.mkdir()
        for number in range(count):
            (source / f"{number}.txt").write_text(f"message {number}")
        account = self.sandbox.add_account("acme")
        options = {"app_key": account.app_key, "api_url": self.sandbox.url}
        await self.archiver.add_customer(
            "acme",
            [ConnectionSpec(adapter="folder", options={"path": str(source), "sidecars": "ignored"})],
            [
                ConnectionSpec(adapter="folder", options={"path": str(target)}),
                ConnectionSpec(adapter="dropbox", options=options, secrets={"refresh_token": account.refresh_token}),
            ],
        )
        await self.run()

    async def run(self) -> None:
        """Archives what there is."""
        assert await self.archiver.run(asyncio.Event(), until_empty=True)

    def files(self) -> tuple[int, int]:
        """How many files there are: in the folder, in the Dropbox."""
        return len(list((self.home / "out").rglob("*.txt"))), len(self.sandbox.ledger().files_of("acme"))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Nobody yet."""
    clock = Later()
    settings = load(environment={}, flags={"home": str(tmp_path / "home")})
    async with Sandbox() as sandbox, Archiver.open(settings, serve=True, clock=clock) as archiver:
        yield Scene(archiver, clock, sandbox, tmp_path)


async def test_what_is_erased_is_gone_from_storage_and_database(scene: Scene) -> None:
    """Both storages and the rows; a tombstone of each is left, the audit log is whole, and a new pass brings nothing back."""
    await scene.archive()
    assert scene.files() == (3, 3)
    done = await scene.archiver.erasing.erase("acme", reason="the customer asked")
    assert (done.erased, done.kept, done.waiting) == (6, 0, 0)
    assert scene.files() == (0, 0)
    rows = await scene.archiver.deliveries(customer="acme")
    assert {(row.state, row.path, row.receipt) for row in rows} == {(DeliveryState.ARCHIVED, "", None)}
    chain = await scene.archiver.auditor.check()
    assert (chain.broken, chain.receipts) == (None, 6)
    await scene.archiver.import_items("acme")
    await scene.run()
    assert scene.files() == (0, 0)
    assert (await scene.archiver.erasing.erase("acme")).erased == 0


async def test_a_hold_is_over_everything(scene: Scene) -> None:
    """Neither a person nor time erases anything; when it ends, both may again."""
    await scene.archive(1)
    erasing = scene.archiver.erasing
    await erasing.edit("acme", CustomerChange(hold="lawsuit 12-345", erase_days=10))
    scene.clock.later = 20 * DAY
    with pytest.raises(ConfigError, match="lawsuit 12-345"):
        await erasing.erase("acme")
    await scene.archiver.pause("acme")
    with pytest.raises(ConfigError, match="on hold"):
        await erasing.remove("acme", files=True)
    assert (await erasing.due()).erased == 0
    assert scene.files() == (1, 1)
    await erasing.edit("acme", CustomerChange(hold=""))
    assert (await erasing.due()).erased == 2
    assert scene.files() == (0, 0)


async def test_keeping_is_over_erasing(scene: Scene) -> None:
    """What must be kept for some days is not erased before, whoever asks; afterwards time erases it by itself, in its own time."""
    await scene.archive(2)
    erasing = scene.archiver.erasing
    await erasing.edit("acme", CustomerChange(keep_days=30, erase_days=60))
    scene.clock.later = 29 * DAY
    assert (await erasing.erase("acme")).erased == 0
    await scene.archiver.pause("acme")
    with pytest.raises(ConfigError, match="must be kept for 30 days"):
        await erasing.remove("acme")
    scene.clock.later = 59 * DAY
    assert (await erasing.due()).erased == 0
    assert scene.files() == (2, 2)
    scene.clock.later = 61 * DAY
    assert (await erasing.due()).erased == 4
    assert scene.files() == (0, 0)


async def test_a_file_that_the_customer_changed_is_left_alone(scene: Scene) -> None:
    """It is not what we wrote any more; the delivery stays as it is, and the rest goes."""
    await scene.archive(2)
    changed = next((scene.home / "out").rglob("*.txt"))
    changed.write_text("the customer's own words")
    done = await scene.archiver.erasing.erase("acme")
    assert (done.erased, done.kept) == (3, 1)
    assert changed.read_text() == "the customer's own words"
    (left,) = [row for row in await scene.archiver.deliveries(customer="acme") if row.receipt is not None]
    assert left.path


async def test_a_storage_that_is_away_keeps_its_rows(scene: Scene) -> None:
    """Nothing is forgotten that is still there; the next time the rest goes."""
    await scene.archive(2)
    scene.sandbox.world.change_account("acme", suspended=True)
    done = await scene.archiver.erasing.erase("acme")
    assert (done.erased, done.kept) == (2, 2)
    scene.sandbox.world.change_account("acme", suspended=False)
    assert (await scene.archiver.erasing.erase("acme")).erased == 2
    assert scene.files() == (0, 0)


async def test_a_removed_customer_leaves_tombstones(scene: Scene) -> None:
    """Leave is given back, credentials and names are gone, files stay the customer's, and the name is free."""
    await scene.archive(2)
    with pytest.raises(ConfigError, match="served still"):
        await scene.archiver.erasing.remove("acme")
    await scene.archiver.pause("acme")
    done = await scene.archiver.erasing.remove("acme")
    assert done.erased == 4
    assert scene.files() == (2, 2)
    assert all(grant.revoked for grant in scene.sandbox.world.grants.of(account="acme"))
    assert await scene.archiver.customers() == []
    assert (await scene.archiver.auditor.check()).broken is None
    (scene.home / "else").mkdir()
    folder = ConnectionSpec(adapter="folder", options={"path": str(scene.home / "else")})
    assert (await scene.archiver.add_customer("acme", [folder], [folder])).customer.name == "acme"


async def test_kinds_go_where_they_are_sent(scene: Scene) -> None:
    """A destination that takes only some kinds gets those from now on; the other one gets all."""
    await scene.archive(1)
    (view,) = await scene.archiver.customers()
    dropbox = next(c for c in view.connections if c.adapter == "dropbox")
    with pytest.raises(ConfigError, match="no destination 99"):
        await scene.archiver.erasing.edit("acme", CustomerChange(weight=7), {99: (Kind.FAX,)})
    await scene.archiver.erasing.edit("acme", CustomerChange(), {dropbox.id: (Kind.RECORDING,)})
    (scene.home / "in" / "note.txt").write_text("a message")
    (scene.home / "in" / "call.wav").write_bytes(b"RIFF")
    await scene.archiver.import_items("acme")
    await scene.run()
    paths = sorted(file.path.rpartition(".")[2] for file in scene.sandbox.ledger().files_of("acme"))
    assert paths == ["txt", "wav"]
    assert len([path for path in (scene.home / "out").rglob("*.*") if path.is_file()]) == 3
    assert (await scene.archiver.customers())[0].customer.weight == 1
