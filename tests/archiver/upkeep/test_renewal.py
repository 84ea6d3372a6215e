"""Renewing leave that nobody uses, against a phone system whose refresh tokens are used once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from archiver.connecting.adapters import link_of
from archiver.database.sqlite import SqliteDatabase
from archiver.keeping import KeptSecrets, opened
from archiver.model import Connection, ConnectionState, CustomerState, Role
from archiver.sandbox.ringcentral import RingCentral
from archiver.upkeep import Renewal
from archiver.vault import Vault, new_key
from genstage.clock import SystemClock

DAY = 24 * 3600.0


class Later(SystemClock):
    """The machine's clock, moved on as a test wants."""

    later = 0.0

    def wall(self) -> float:
        """The wall clock."""
        return super().wall() + self.later


class Office:
    """A customer whose phone system is connected, and the service that renews its leave."""

    def __init__(self, database: SqliteDatabase, phones: RingCentral, http: aiohttp.ClientSession) -> None:
        self.database = database
        self.phones = phones
        self.http = http
        self.clock = Later()
        self.vault = Vault(keys=new_key(), key_file=Path("/nonexistent"))
        self.service = self.renewal()

    def renewal(self) -> Renewal:
        """One process's."""
        linked = {"ringcentral"}.__contains__
        return Renewal(self.database, self.vault, self.http, self.clock, is_linked=linked, link_of=link_of)

    async def connect(self, **secrets: str) -> Connection:
        """Adds the customer."""
        login = self.phones.login()
        customer = await self.database.add_customer("acme", path_template="x")
        known = secrets or {"refresh_token": login.refresh_token, "client_secret": login.client_secret}
        sealed = {name: self.vault.seal(text, customer=str(customer.id), adapter="ringcentral", field=name) for name, text in known.items()}
        options = {"client_id": login.client_id, "base_url": self.phones.url}
        return await self.database.add_connection(customer.id, Role.SOURCE, "ringcentral", options, sealed)

    async def token(self) -> str:
        """What is stored."""
        (connection,) = await self.database.connections()
        return opened(connection, self.vault).get("refresh_token", "")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Nothing connected yet."""
    database = SqliteDatabase(tmp_path / "archiver.db")
    await database.open()
    async with RingCentral() as phones, aiohttp.ClientSession() as http:
        yield Office(database, phones, http)
    await database.close()


async def test_a_paused_customers_leave_is_renewed_daily(office: Office) -> None:
    """Once a day, however often it is looked; the new token is stored, and the one before it is not needed any more."""
    await office.connect()
    await office.database.set_customer_state("acme", CustomerState.PAUSED)
    seen = [await office.token()]
    for _ in range(3):
        for _ in range(4):
            await office.service.turn()
        seen.append(await office.token())
        office.clock.later += DAY
    assert len(set(seen)) == 4


async def test_two_processes_do_not_break_it(office: Office) -> None:
    """Whoever comes second learns of the first one's token, and the connection stays as it is."""
    connection = await office.connect()
    await office.service.turn()
    office.clock.later += DAY
    stale = KeptSecrets(office.database, office.vault, connection)
    await office.renewal().turn()
    assert (await stale.read())["refresh_token"] == await office.token()
    (found,) = await office.database.connections()
    assert found.state is ConnectionState.ACTIVE


async def test_two_processes_at_once_do_not_break_it(office: Office, tmp_path: Path) -> None:
    """Both refresh the same single-use token at the same moment: one stores, the other follows, and what is stored works tomorrow."""
    await office.connect()
    other = SqliteDatabase(tmp_path / "archiver.db")
    await other.open()
    mine, theirs = office.renewal(), office.renewal()
    theirs._database = other
    for _ in range(2):  # the provider permits five renewals a minute
        before = await office.token()
        await asyncio.gather(mine.turn(), theirs.turn())
        assert await office.token() != before
        (found,) = await office.database.connections()
        assert found.state is ConnectionState.ACTIVE
        office.clock.later += DAY
    await other.close()


async def test_leave_that_ended_is_found_before_a_recording_needs_it(office: Office) -> None:
    """The connection says that somebody must connect it again, and nothing is asked for it any more."""
    await office.connect(refresh_token="ended-long-ago", client_secret=office.phones.login().client_secret)
    await office.service.turn()
    (found,) = await office.database.connections()
    assert found.state is ConnectionState.RECONNECT_NEEDED
    asked = len(office.phones.ledger.requests)
    office.clock.later += 2 * DAY
    await office.service.turn()
    assert len(office.phones.ledger.requests) == asked > 0


async def test_a_provider_that_is_away_is_asked_again_soon(office: Office) -> None:
    """Not at once, and not only tomorrow; the connection is as good as before."""
    await office.connect()
    before = await office.token()
    url = office.phones.url
    await office.phones.__aexit__(None, None, None)
    await office.service.turn()
    (found,) = await office.database.connections()
    assert (found.state, found.options["base_url"], await office.token()) == (ConnectionState.ACTIVE, url, before)
    assert not await office.database.stale({"ringcentral"}, before=int((office.clock.wall() - 20 * 3600) * 1000), limit=1)
    office.clock.later += 1000
    assert await office.database.stale({"ringcentral"}, before=int((office.clock.wall() - 20 * 3600) * 1000), limit=1)


async def test_who_was_given_a_key_is_left_alone(office: Office) -> None:
    """A JWT does not end of disuse: nobody is asked, and tomorrow it is looked again."""
    await office.connect(jwt=office.phones.login().jwt, client_secret=office.phones.login().client_secret)
    await office.service.turn()
    assert await office.token() == ""
    assert not await office.database.stale({"ringcentral"}, before=int((office.clock.wall() - 20 * 3600) * 1000), limit=1)
