"""Changing the key that seals: interrupted, gone on with, and never leaving anything that does not open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver import rotation
from archiver.database.port import SealedRow
from archiver.database.sqlite import SqliteDatabase
from archiver.errors import ConfigError
from archiver.keeping import opened
from archiver.model import Role
from archiver.proof.auditing import Auditor
from archiver.rotation import KeyRing
from archiver.vault import Vault, new_key

CUSTOMERS = 3
EACH = 10
TOKENS = CUSTOMERS * EACH


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """With a key file."""
    return Vault(key_file=tmp_path / "archiver.key")


@pytest.fixture
async def database(tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqliteDatabase]:
    """With more credentials than one batch, of several customers."""
    monkeypatch.setattr(rotation, "_BATCH", 7)
    database = SqliteDatabase(tmp_path / "archiver.db")
    await database.open()
    for number in range(CUSTOMERS):
        customer = await database.add_customer(f"c{number}", path_template="x")
        for one in range(EACH):
            place = {"customer": str(customer.id), "adapter": "dropbox", "field": "refresh_token"}
            sealed = {"refresh_token": vault.seal(f"token-{number}-{one}", **place)}
            await database.add_connection(customer.id, Role.DESTINATION, "dropbox", {}, sealed)
    yield database
    await database.close()


def interrupt(*_: int) -> None:
    """As a process that ends between two batches."""
    raise KeyboardInterrupt


async def tokens(database: SqliteDatabase, vault: Vault) -> list[str]:
    """Every token in clear."""
    return [opened(connection, vault)["refresh_token"] for connection in await database.connections()]


async def test_everything_is_sealed_anew(database: SqliteDatabase, vault: Vault, tmp_path: Path) -> None:
    """With a fresh key; the texts are the same, and afterwards the old key can go."""
    ring = KeyRing(database, vault, Auditor(database))
    before = await tokens(database, vault)
    (old,) = (await ring.show()).held
    said: list[tuple[int, int]] = []
    done = await ring.rotate(told=lambda so_far, total: said.append((so_far, total)))
    assert (done.fresh, done.resealed, done.left) == (True, TOKENS, 0)
    assert said[-1] == (TOKENS, TOKENS)
    keys = await ring.show()
    assert keys.held == (done.key, old)
    assert keys.sealed == {done.key: TOKENS}
    assert await ring.retire() == (old,)
    assert await tokens(database, Vault(key_file=tmp_path / "archiver.key")) == before


async def test_a_rotation_that_was_interrupted_is_gone_on_with(database: SqliteDatabase, vault: Vault, tmp_path: Path) -> None:
    """Half is under the fresh key; everything opens all the time; the next one makes no third key, and seals only the rest."""
    before = await tokens(database, vault)
    with pytest.raises(KeyboardInterrupt):
        await KeyRing(database, vault, Auditor(database)).rotate(told=interrupt)
    later = Vault(key_file=tmp_path / "archiver.key")
    ring = KeyRing(database, later, Auditor(database))
    keys = await ring.show()
    assert len(keys.held) == 2
    assert set(keys.sealed) == set(keys.held)
    assert await tokens(database, later) == before
    with pytest.raises(ConfigError, match="still sealed with older keys") as caught:
        await ring.retire()
    assert keys.held[1] in str(caught.value)
    done = await ring.rotate()
    assert (done.key, done.fresh, done.left) == (keys.held[0], False, 0)
    assert done.resealed == keys.sealed[keys.held[1]]
    assert await tokens(database, later) == before


async def test_a_token_that_is_replaced_meanwhile_is_not_lost(database: SqliteDatabase, vault: Vault) -> None:
    """A service that stores a new token between reading and writing wins; the rotation says what is left."""
    first = (await database.connections())[0]
    place = {"customer": str(first.customer_id), "adapter": "dropbox", "field": "refresh_token"}
    fresh = vault.seal("from-the-service", **place)

    class Racing(KeyRing):
        """Another process writes just after a page was read that is to be sealed anew."""

        passes = 0

        async def _pages(self) -> AsyncIterator[list[SealedRow]]:
            self.passes += 1
            async for page in super()._pages():
                if self.passes == 2 and page[0].id == first.id:
                    await database.replace_secret(first.id, "refresh_token", old=first.secrets["refresh_token"], new=fresh)
                yield page

    done = await Racing(database, vault, Auditor(database)).rotate()
    assert (done.left, done.resealed) == (1, TOKENS - 1)
    assert "from-the-service" in await tokens(database, vault)
    assert (await KeyRing(database, vault, Auditor(database)).rotate()).left == 0


async def test_keys_of_the_environment_are_only_sealed_with(database: SqliteDatabase, tmp_path: Path) -> None:
    """Whoever sets them puts a fresh one in front; rotating then seals with it and makes none."""
    old = next(line for line in (tmp_path / "archiver.key").read_text().splitlines() if not line.startswith("#"))
    given = Vault(keys=f"{new_key()},{old}", key_file=tmp_path / "none")
    with pytest.raises(ConfigError, match="which is not held"):
        await KeyRing(database, Vault(keys=new_key(), key_file=tmp_path / "none"), Auditor(database)).rotate(fresh=False)
    done = await KeyRing(database, given, Auditor(database)).rotate(fresh=False)
    assert (done.fresh, done.left, done.key) == (False, 0, given.ids()[0])
    with pytest.raises(ConfigError, match="ARCHIVER_KEY"):
        await KeyRing(database, given, Auditor(database)).retire()


async def test_there_may_be_nothing_yet(tmp_path: Path) -> None:
    """No credential and no key: nothing is made by looking, and rotating makes the first key."""
    database = SqliteDatabase(tmp_path / "archiver.db")
    await database.open()
    vault = Vault(key_file=tmp_path / "archiver.key")
    ring = KeyRing(database, vault, Auditor(database))
    keys = await ring.show()
    assert (keys.held, keys.sealed) == ((), {})
    assert not (tmp_path / "archiver.key").exists()
    assert (await ring.rotate()).key == vault.ids()[0]
    assert await ring.retire() == ()
    await database.close()
