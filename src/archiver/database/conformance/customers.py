"""Customers and connections."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

import msgspec
import pytest

from archiver.database.conformance.world import world
from archiver.database.port import Database
from archiver.errors import ConfigError
from archiver.model import ConnectionState, CustomerState, Role

__all__ = ["CustomersConformance"]


class CustomersConformance:
    """Customers and connections."""

    async def test_customers_are_listed_by_name(self, database: Database) -> None:
        """What was added is there, in order, with numbers of its own."""
        added = [await database.add_customer(name, path_template="x", weight=2) for name in ("swiss", "klm")]
        assert list(await database.customers()) == [added[1], added[0]]
        assert added[0].id != added[1].id

    @pytest.mark.parametrize("name", ["", "Swiss", "-a", "a b", "a/b", "a" * 65, "ä"])
    async def test_a_name_that_is_not_allowed_is_refused(self, database: Database, name: str) -> None:
        """Names go into commands and paths."""
        with pytest.raises(ConfigError):
            await database.add_customer(name, path_template="x")

    async def test_a_name_that_is_taken_is_refused(self, database: Database) -> None:
        """Names are unique."""
        await database.add_customer("klm", path_template="x")
        with pytest.raises(ConfigError, match="klm"):
            await database.add_customer("klm", path_template="x")

    async def test_customers_are_paused_and_resumed(self, database: Database) -> None:
        """The state stays; an unknown name is refused."""
        await database.add_customer("klm", path_template="x")
        assert (await database.set_customer_state("klm", CustomerState.PAUSED)).state is CustomerState.PAUSED
        assert [customer.state for customer in await database.customers()] == [CustomerState.PAUSED]
        with pytest.raises(ConfigError, match="lot"):
            await database.set_customer_state("lot", CustomerState.PAUSED)

    async def test_connections_come_back_as_they_were(self, database: Database) -> None:
        """Options, sealed secrets and the pacer's bytes survive, and secrets are not shown."""
        customer = await database.add_customer("klm", path_template="x")
        added = await database.add_connection(customer.id, Role.DESTINATION, "dropbox", {"root": "/ä", "n": 1}, {"token": b"\x00sealed"})
        await database.save_pace(added.id, throttled_until=7, pace=b"\x01\x00")
        (found,) = await database.connections(customer_id=customer.id, role=Role.DESTINATION)
        assert found == msgspec.structs.replace(added, throttled_until=7, pace=b"\x01\x00")
        assert "sealed" not in f"{found!r} {found}"
        assert list(await database.connections(role=Role.SOURCE)) == []

    async def test_a_secret_is_replaced_by_whoever_knows_the_old_one(self, database: Database) -> None:
        """Once: the second one is told that it was too late, and other secrets stay as they are."""
        customer = await database.add_customer("klm", path_template="x")
        secrets = {"token": b"\x00one", "key": b"\xff"}
        added = await database.add_connection(customer.id, Role.SOURCE, "memory", {}, secrets)
        assert await database.replace_secret(added.id, "token", old=b"\x00one", new=b"two\x00")
        assert not await database.replace_secret(added.id, "token", old=b"\x00one", new=b"three")
        assert not await database.replace_secret(99, "token", old=b"two\x00", new=b"three")
        (found,) = await database.connections(customer_id=customer.id)
        assert dict(found.secrets) == {"token": b"two\x00", "key": b"\xff"}

    async def test_a_connection_needs_a_customer(self, database: Database) -> None:
        """A customer that does not exist is refused."""
        with pytest.raises(ConfigError):
            await database.add_connection(99, Role.SOURCE, "memory", {}, {})

    async def test_a_state_is_entered_once(self, database: Database) -> None:
        """The second time is told apart, so that a person is told once."""
        lane = (await world(database)).lanes[0]
        assert await database.set_connection_state(lane, ConnectionState.QUOTA_FULL, "full")
        assert not await database.set_connection_state(lane, ConnectionState.QUOTA_FULL, "still full")
        (found,) = await database.connections(role=Role.DESTINATION)
        assert (found.state, found.reason) == (ConnectionState.QUOTA_FULL, "full")

    async def test_lanes_come_with_all_that_wakes_them(self, database: Database) -> None:
        """Customer, destination and sources; what is no lane is left out."""
        klm, lot = await world(database, "klm", lanes=2), await world(database, "lot")
        found = await database.lanes([klm.lanes[1], lot.lanes[0], klm.source.id, 999])
        assert {lane: (record.customer, record.sources) for lane, record in found.items()} == {
            klm.lanes[1]: (klm.customer, (klm.source,)),
            lot.lanes[0]: (lot.customer, (lot.source,)),
        }
        assert all(record.destination.id == lane for lane, record in found.items())
