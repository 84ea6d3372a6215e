"""Secrets that the provider replaces: kept sealed, by whoever knew the one before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.database.sqlite import SqliteDatabase
from archiver.errors import ConfigError
from archiver.keeping import GivenSecrets, KeptSecrets, opened
from archiver.model import Connection, Role
from archiver.vault import Vault, new_key
from genstage.clock import SystemClock


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """With a key of its own."""
    return Vault(keys=new_key(), key_file=tmp_path / "none")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """Open, and served here."""
    database = SqliteDatabase(tmp_path / "archiver.db", clock=SystemClock())
    await database.serve()
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def connection(database: SqliteDatabase, vault: Vault) -> Connection:
    """A source with two secrets."""
    customer = await database.add_customer("acme", path_template="x")
    place = {"customer": str(customer.id), "adapter": "ringcentral"}
    sealed = {name: vault.seal(f"{name}-0", field=name, **place) for name in ("refresh_token", "client_secret")}
    return await database.add_connection(customer.id, Role.SOURCE, "ringcentral", {}, sealed)


async def test_a_replaced_secret_is_kept_sealed(database: SqliteDatabase, vault: Vault, connection: Connection) -> None:
    """It is there for the next process, in no readable form, and other secrets are as they were."""
    secrets = KeptSecrets(database, vault, connection)
    assert await secrets.read() == {"refresh_token": "refresh_token-0", "client_secret": "client_secret-0"}
    assert await secrets.replace("refresh_token", "refresh_token-0", "refresh_token-1")
    (found,) = await database.connections()
    assert opened(found, vault) == {"refresh_token": "refresh_token-1", "client_secret": "client_secret-0"}
    assert b"refresh_token-1" not in found.secrets["refresh_token"]
    assert await KeptSecrets(database, vault, connection).read() == opened(found, vault)


async def test_whoever_comes_second_is_told(database: SqliteDatabase, vault: Vault, connection: Connection) -> None:
    """Two processes with one refresh token: what the first one kept stays."""
    one, two = KeptSecrets(database, vault, connection), KeptSecrets(database, vault, connection)
    assert await one.replace("refresh_token", "refresh_token-0", "first")
    assert not await two.replace("refresh_token", "refresh_token-0", "second")
    assert (await two.read())["refresh_token"] == "first"
    assert not await two.replace("unknown", "", "x")


async def test_a_connection_that_was_removed_keeps_nothing(database: SqliteDatabase, vault: Vault, connection: Connection) -> None:
    """It is said, not passed over."""
    elsewhere = Connection(id=99, customer_id=connection.customer_id, role=Role.SOURCE, adapter="ringcentral")
    with pytest.raises(ConfigError):
        await KeptSecrets(database, vault, elsewhere).read()


async def test_what_is_replaced_before_a_customer_is_added_is_what_will_be_sealed() -> None:
    """The look at a new source may use up its refresh token; adding it then must keep the new one."""
    values = {"refresh_token": "old", "kinds": "fax"}
    secrets = GivenSecrets(values)
    assert await secrets.replace("refresh_token", "old", "new")
    assert not await secrets.replace("refresh_token", "old", "newer")
    assert values == {"refresh_token": "new", "kinds": "fax"} == await secrets.read()


def test_nothing_shows_a_secret(vault: Vault) -> None:
    """Neither of the two."""
    connection = Connection(id=1, customer_id=1, role=Role.SOURCE, adapter="x", secrets={"a": b"canary"})
    database: SqliteDatabase = SqliteDatabase(Path("nowhere"), clock=SystemClock())
    assert "canary" not in f"{KeptSecrets(database, vault, connection)!r} {GivenSecrets({'a': 'canary'})!r}"
