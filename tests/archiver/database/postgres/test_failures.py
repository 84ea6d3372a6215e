"""What a server that goes away, refuses or stands still does to those who use it: nothing is half written, nothing must be opened anew."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from psycopg import sql

from archiver.database.conformance.world import NOW, World, archived, due, numbers, world
from archiver.database.port import Settled
from archiver.database.postgres import PostgresDatabase, handle
from archiver.database.postgres.handle import Raw
from archiver.errors import ConfigError, DatabaseUnavailableError
from support.faultproxy import FaultProxy, Toxic
from support.postgres import OwnServer, Server, migrate


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnServer]:
    """A server of this file's own, to be stopped."""
    with OwnServer() as server:
        migrate(server.create("template"))
        yield server


@pytest.fixture
def own_address(own_server: OwnServer) -> Iterator[str]:
    """A migrated, empty database on it."""
    own_server.start()
    yield own_server.create("own", "template")
    own_server.start()
    own_server.drop("own")


async def begun(database: PostgresDatabase, count: int = 100) -> tuple[World, list[Settled]]:
    """A customer with so many deliveries, and what became of all of them."""
    klm = await world(database)
    await database.add_births(klm.source, klm.births(count), now=NOW, cursor="a")
    return klm, [archived(delivery) for delivery in await due(database, klm.lanes[0])]


async def again(database: PostgresDatabase, batch: list[Settled], klm: World) -> frozenset[int]:
    """Settles until the database is there."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await database.settle(batch, klm.epochs)
            except DatabaseUnavailableError:
                await asyncio.sleep(0.05)


async def until_changed(database: PostgresDatabase, before: int) -> None:
    """Waits until what others may have told is known to be missed."""
    async with asyncio.timeout(20):
        while await database.changes() == before:  # noqa: ASYNC110  it is the listener's thread that moves it
            await asyncio.sleep(0.02)


async def test_a_server_that_crashes_loses_nothing(own_server: OwnServer, own_address: str) -> None:
    """Every call says that it is away; when it is back the same calls succeed, and what was told meanwhile is looked for."""
    database = PostgresDatabase(own_address)
    await database.open()
    klm, batch = await begun(database)
    await database.settle(batch[:50], klm.epochs)
    before = await database.changes()
    await asyncio.to_thread(own_server.stop, "immediate")
    for _ in range(2):
        for call in (database.settle(batch[50:], klm.epochs), due(database, klm.lanes[0]), database.counters(), database.owner()):
            with pytest.raises(DatabaseUnavailableError) as caught:
                await call
            assert caught.value.retryable
    await asyncio.to_thread(own_server.start)
    assert await again(database, batch[50:], klm) == frozenset()
    assert await numbers(database, klm.lanes[0]) == {"waiting": 0, "archived": 100, "rejected": 0, "gone": 0}
    assert await database.cursor(klm.source.id) == "a"
    await until_changed(database, before)
    await database.close()


async def test_a_connection_that_was_ended_is_made_again(database: PostgresDatabase, postgres_server: Server) -> None:
    """By an administrator, or by whatever stands between: one call fails, the next does not."""
    klm, batch = await begun(database)
    (name,) = await database._looker.run(lambda raw: raw.execute("SELECT current_database()").fetchone() or ("",))
    end = sql.SQL("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = {}").format(name)
    before = await database.changes()
    assert postgres_server.execute(end) == [(4,)], "writer, reader, looker, listener"
    for call in (database.settle(batch, klm.epochs), due(database, klm.lanes[0]), database.customers()):
        with pytest.raises(DatabaseUnavailableError):
            await call
    assert await database.settle(batch, klm.epochs) == frozenset()
    assert await due(database, klm.lanes[0]) == []
    assert len(await database.customers()) == 1
    await until_changed(database, before)


async def test_a_lost_answer_to_a_commit_is_no_second_settlement(own_server: OwnServer, own_address: str) -> None:
    """The batch was written; settled again it counts as written, and once."""
    async with FaultProxy(f"127.0.0.1:{own_server.port}") as proxy:
        database = PostgresDatabase(own_server.address_by_port("own", proxy.port))
        await database.open()
        klm, batch = await begun(database)
        proxy.add(Toxic("timeout", direction="down", seconds=0.2))
        with pytest.raises(DatabaseUnavailableError):
            await database.settle(batch, klm.epochs)
        proxy.heal()
        other = PostgresDatabase(own_address)
        await other.open()
        assert await numbers(other, klm.lanes[0]) == {"waiting": 0, "archived": 100, "rejected": 0, "gone": 0}
        assert await again(database, batch, klm) == frozenset()
        assert await numbers(other, klm.lanes[0]) == {"waiting": 0, "archived": 100, "rejected": 0, "gone": 0}
        born = await database.add_births(klm.source, klm.births(100), now=NOW, cursor="a")
        assert (born.items, born.lanes) == (0, frozenset())
        await other.close()
        await database.close()


@pytest.mark.usefixtures("own_address")
async def test_a_call_that_hangs_is_broken_off(own_server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that swallows everything, without an end: the call fails, and the next finds the way again."""
    monkeypatch.setattr(handle, "HANG_SECONDS", 0.3)
    async with FaultProxy(f"127.0.0.1:{own_server.port}") as proxy:
        database = PostgresDatabase(own_server.address_by_port("own", proxy.port))
        await database.open()
        klm, batch = await begun(database)
        proxy.add(Toxic("timeout", direction="up"), Toxic("timeout", direction="down"))
        async with asyncio.timeout(20):
            for call in (database.settle(batch, klm.epochs), due(database, klm.lanes[0])):
                with pytest.raises(DatabaseUnavailableError):
                    await call
        proxy.heal()
        assert await again(database, batch, klm) == frozenset()
        assert await numbers(database, klm.lanes[0]) == {"waiting": 0, "archived": 100, "rejected": 0, "gone": 0}
        await database.close()


@pytest.mark.usefixtures("own_address")
async def test_closing_does_not_wait_for_a_call_that_hangs(own_server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nobody waits for that call any more."""
    monkeypatch.setattr(handle, "_CLOSE_SECONDS", 0.2)
    async with FaultProxy(f"127.0.0.1:{own_server.port}") as proxy:
        database = PostgresDatabase(own_server.address_by_port("own", proxy.port))
        await database.open()
        proxy.add(Toxic("timeout", direction="down"))
        call = asyncio.ensure_future(database.customers())
        await asyncio.sleep(0)
        call.cancel()
        async with asyncio.timeout(20):
            await database.close()


TROUBLE = """
CREATE SEQUENCE trouble;
CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('trouble') <= TG_ARGV[0]::int THEN RAISE EXCEPTION 'trouble' USING ERRCODE = TG_ARGV[1]; END IF;
    RETURN NULL;
END $$
"""


async def trouble(database: PostgresDatabase, times: int, code: str) -> None:
    """The next receipts fail so many times, with an error of the server's."""
    statements = [
        "DROP SEQUENCE IF EXISTS trouble",
        "DROP FUNCTION IF EXISTS trouble CASCADE",
        *TROUBLE.split(";\n", 1),
        f"CREATE TRIGGER trouble AFTER INSERT ON receipts FOR EACH STATEMENT EXECUTE FUNCTION trouble('{times}', '{code}')",
    ]
    for statement in statements:
        await database._looker.run(lambda raw, statement=statement: raw.execute(statement.encode()))  # type: ignore[misc]  inferred from it


@pytest.mark.parametrize(("code", "why"), [("53100", "disk is full"), ("58030", "disk failed"), ("25006", "may only be read")])
async def test_a_server_that_cannot_write_is_tried_again(database: PostgresDatabase, code: str, why: str) -> None:
    """Nothing of the batch is written; when it can again, all of it is."""
    klm, batch = await begun(database)
    await trouble(database, 1, code)
    with pytest.raises(DatabaseUnavailableError, match=why):
        await database.settle(batch, klm.epochs)
    assert await numbers(database, klm.lanes[0]) == {"waiting": 100, "archived": 0, "rejected": 0, "gone": 0}
    assert await database.settle(batch, klm.epochs) == frozenset()
    assert await numbers(database, klm.lanes[0]) == {"waiting": 0, "archived": 100, "rejected": 0, "gone": 0}


@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_who_was_in_anothers_way_tries_again_by_itself(database: PostgresDatabase, code: str) -> None:
    """A deadlock or a serialization failure reaches nobody, unless it never ends."""
    klm, batch = await begun(database)
    await trouble(database, 4, code)
    assert await database.settle(batch[:50], klm.epochs) == frozenset()
    await trouble(database, 5, code)
    with pytest.raises(DatabaseUnavailableError, match="others write the same rows"):
        await database.settle(batch[50:], klm.epochs)
    assert await database.settle(batch[50:], klm.epochs) == frozenset()
    assert await numbers(database, klm.lanes[0]) == {"waiting": 0, "archived": 100, "rejected": 0, "gone": 0}


async def test_a_server_that_became_a_replica_is_left(database: PostgresDatabase) -> None:
    """Whoever answers at the address by now may be written; the connection to the one that may only be read is given up."""
    klm, batch = await begun(database, 10)

    def demote(raw: Raw) -> None:
        raw.execute("SET default_transaction_read_only = on")

    await database._writer.run(demote)
    with pytest.raises(DatabaseUnavailableError, match="may only be read"):
        await database.settle(batch, klm.epochs)
    assert await database.settle(batch, klm.epochs) == frozenset()


async def test_a_bug_of_ours_stays_what_it_is(database: PostgresDatabase) -> None:
    """It is not taken for a server that is away, and the connection goes on."""
    with pytest.raises(Exception, match=r"(?i)syntax"):
        await database._writer.run(lambda raw: raw.execute("SELEKT"))
    klm, batch = await begun(database)
    assert await database.settle(batch, klm.epochs) == frozenset()


async def test_too_many_connections_are_a_matter_of_time(own_server: OwnServer, own_address: str) -> None:
    """Opening says that the server is full, and succeeds when it is not."""
    own_server.execute(sql.SQL("CREATE ROLE small LOGIN SUPERUSER CONNECTION LIMIT 4"))
    own_server.execute(sql.SQL("ALTER ROLE small NOSUPERUSER"))
    own_server.execute(sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA public TO small"), "own")
    address = own_address.replace("postgres@", "small@")
    first, second = PostgresDatabase(address), PostgresDatabase(address)
    await first.open()
    async with asyncio.timeout(20):
        counted = sql.SQL("SELECT count(*) FROM pg_stat_activity WHERE usename = 'small'")
        while own_server.execute(counted) != [(4,)]:  # noqa: ASYNC110  the listener connects on its own thread
            await asyncio.sleep(0.01)
    with pytest.raises(DatabaseUnavailableError, match="too many connections"):
        await second.open()
    await first.close()
    async with asyncio.timeout(20):
        while True:
            try:
                await second.open()
            except DatabaseUnavailableError:
                await asyncio.sleep(0.05)
            else:
                break
    assert await second.customers() == []
    await second.close()


async def test_a_process_that_stands_still_in_a_transaction_holds_nobody_up_for_ever(database: PostgresDatabase) -> None:
    """The server ends a transaction of ours in which nothing happens."""
    (row,) = await database._writer.run(lambda raw: raw.execute("SHOW idle_in_transaction_session_timeout").fetchall())
    assert row == ("15s",)


def signals_reach_the_server() -> bool:
    """Whether its processes are this machine's."""
    return not os.environ.get("ARCHIVER_TEST_DATABASE_URL")


@pytest.fixture
async def stopped(database: PostgresDatabase) -> AsyncIterator[PostgresDatabase]:
    """A database whose writer's server process stands still."""
    pid = await database._writer.run(lambda raw: raw.info.backend_pid)
    os.kill(pid, signal.SIGSTOP)
    yield database
    os.kill(pid, signal.SIGCONT)


@pytest.mark.skipif(not signals_reach_the_server(), reason="another machine's processes cannot be stopped")
async def test_readers_do_not_wait_for_writers(stopped: PostgresDatabase) -> None:
    """Nor does a beat."""
    async with asyncio.timeout(10):
        assert await stopped.ready_lanes(NOW) == {}
        assert await stopped.owner() is None
        assert await stopped.counters() == []


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("postgresql://me:canary@127.0.0.1:1/archiver", DatabaseUnavailableError),
        ("postgresql://me:canary@127.0.0.1:1/archiver?unheard=of", ConfigError),
        ("postgresql://me:canary@127.0.0.1:1/archiver?prepare_threshold=canary", ConfigError),
        ("postgresql://me:can%ary@127.0.0.1:port/archiver", ConfigError),
    ],
)
async def test_a_password_is_in_no_error(address: str, error: type[Exception]) -> None:
    """Whatever is wrong with the address; not in what caused it either."""
    with pytest.raises(error) as caught:
        await PostgresDatabase(address).open()
    shown: list[Any] = []
    cause: BaseException | None = caught.value
    while cause is not None:
        shown += [str(cause), repr(cause), getattr(cause, "hint", "")]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    assert "can" not in "".join(shown).replace("cannot", "")


async def test_its_text_shows_where_it_is_and_no_more() -> None:
    """For logs."""
    assert repr(PostgresDatabase("postgresql://me:canary@db.example.com:6543/archiver")) == (
        "PostgresDatabase('postgresql://db.example.com:6543/archiver')"
    )


async def test_a_database_that_is_not_there_is_a_matter_of_settings(postgres_server: Server) -> None:
    """Waiting does not help."""
    with pytest.raises(ConfigError, match="does not exist"):
        await PostgresDatabase(postgres_server.address_of("nowhere")).open()
