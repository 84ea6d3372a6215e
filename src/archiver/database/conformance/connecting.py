"""Invitations and what becomes of them; sealed secrets, page by page."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

import msgspec
import pytest

from archiver.database.conformance.world import world
from archiver.database.port import Database, Invitation, Step
from archiver.errors import ConfigError
from archiver.model import Connection, ConnectionState, Kind, Role

__all__ = ["ConnectingConformance"]


def _offer(customer_id: int, link: str = "t1") -> Invitation:
    return Invitation(
        customer_id=customer_id,
        adapter="dropbox",
        options={"root": "/ä"},
        secrets={"app_secret": b"\x00sealed"},
        kinds=(Kind.SMS, Kind.FAX),
        link_hash=link,
        created_at=1,
        expires_at=1000,
    )


def _connection(customer_id: int) -> Connection:
    return Connection(
        id=0,
        customer_id=customer_id,
        role=Role.DESTINATION,
        adapter="dropbox",
        options={"root": "/b"},
        secrets={"refresh_token": b"two"},
        account="anna@example.com",
        kinds=(Kind.SMS,),
    )


class ConnectingConformance:
    """Invitations, and the secrets that are kept of them and of connections."""

    async def test_a_customer_is_found_by_name_or_number(self, database: Database) -> None:
        """As it is in the list of all; nobody where there is none, and not one that was removed."""
        klm, lot = [await database.add_customer(name, path_template="x") for name in ("klm", "lot")]
        assert await database.find_customer(name="klm") == klm
        assert await database.find_customer(customer_id=lot.id) == lot
        assert await database.find_customer(name="other") is None
        await database.remove_customer(lot.id, reason="left", now=1)
        assert await database.find_customer(customer_id=lot.id) is None

    async def test_an_invitation_comes_back_as_it_was(self, database: Database) -> None:
        """By its link or by the state that it awaits, with nothing of its secrets in its repr; an empty hash finds nobody."""
        customer = await database.add_customer("klm", path_template="x")
        added = await database.add_invitation(_offer(customer.id))
        assert added.id
        assert await database.find_invitation(link_hash="t1") == added
        assert await database.find_invitation(link_hash="other") is None
        assert await database.find_invitation() is None
        assert "sealed" not in repr(added)
        asked = msgspec.structs.replace(added, step=Step.ASKED, state_hash="s1", state_until=500, browser_hash="b")
        assert await database.change_invitation(added, asked)
        assert await database.find_invitation(state_hash="s1") == asked
        assert list(await database.invitations(customer.id)) == [asked]

    async def test_an_invitation_is_moved_on_by_one(self, database: Database) -> None:
        """Two that read the same cannot both move it on: an answer is taken once."""
        customer = await database.add_customer("klm", path_template="x")
        added = await database.add_invitation(_offer(customer.id))
        moved = msgspec.structs.replace(added, step=Step.ASKED, state_hash="s1")
        assert await database.change_invitation(added, moved)
        assert not await database.change_invitation(added, msgspec.structs.replace(added, step=Step.ASKED, state_hash="s2"))
        assert await database.find_invitation(link_hash="t1") == moved

    async def test_an_invitation_becomes_a_connection_once(self, database: Database) -> None:
        """The connection has what it was given, the invitation keeps no secret, and a second time does nothing."""
        customer = await database.add_customer("klm", path_template="x")
        added = await database.add_invitation(_offer(customer.id))
        connection = await database.accept(added, _connection(customer.id), now=9)
        assert connection is not None
        assert list(await database.connections(customer_id=customer.id)) == [connection]
        assert (connection.account, connection.kinds, connection.state) == ("anna@example.com", (Kind.SMS,), ConnectionState.ACTIVE)
        assert await database.accept(added, _connection(customer.id), now=9) is None
        done = await database.find_invitation(link_hash="t1")
        assert done is not None
        assert (done.step, done.secrets) == (Step.DONE, {})
        assert [row.lane for row in await database.counters()] == [connection.id]

    async def test_a_connection_is_connected_again(self, database: Database) -> None:
        """The same lane goes on: new secrets and account, active again; what the pacer learnt and what waits stay."""
        klm = await world(database, "klm")
        (lane,) = klm.lanes
        await database.save_pace(lane, throttled_until=7, pace=b"\x01")
        await database.set_connection_state(lane, ConnectionState.RECONNECT_NEEDED, "revoked")
        offer = msgspec.structs.replace(_offer(klm.customer.id), connection_id=lane)
        connection = await database.accept(await database.add_invitation(offer), _connection(klm.customer.id), now=9)
        assert connection is not None
        assert connection.id == lane
        (found,) = await database.connections(customer_id=klm.customer.id, role=Role.DESTINATION)
        assert (found.id, found.state, found.reason, found.account) == (lane, ConnectionState.ACTIVE, "", "anna@example.com")
        assert (found.throttled_until, found.pace, dict(found.secrets)) == (7, b"\x01", {"refresh_token": b"two"})

    async def test_an_invitation_needs_a_customer(self, database: Database) -> None:
        """What comes of one for a customer that does not exist is refused."""
        with pytest.raises(ConfigError):
            await database.add_connection(99, Role.DESTINATION, "dropbox", {}, {}, account="x", kinds=(Kind.SMS,))

    async def test_invitations_are_cleared_away_after_their_end(self, database: Database) -> None:
        """Those that have ended before a moment; the others stay."""
        customer = await database.add_customer("klm", path_template="x")
        await database.add_invitation(_offer(customer.id))
        await database.add_invitation(msgspec.structs.replace(_offer(customer.id, "t2"), expires_at=2000))
        assert await database.clear_invitations(1001) == 1
        assert [left.link_hash for left in await database.invitations(customer.id)] == ["t2"]

    async def test_sealed_secrets_are_read_page_by_page(self, database: Database) -> None:
        """Only what has secrets, by number, each once; of invitations apart."""
        customer = await database.add_customer("klm", path_template="x")
        plain = await database.add_connection(customer.id, Role.SOURCE, "folder", {}, {})
        secret = [await database.add_connection(customer.id, Role.DESTINATION, "dropbox", {}, {"t": b"%d" % number}) for number in range(3)]
        invited = await database.add_invitation(_offer(customer.id))
        first = await database.sealed(limit=2)
        rest = await database.sealed(after=first[-1].id, limit=2)
        assert [row.id for row in (*first, *rest)] == [one.id for one in secret]
        assert plain.id not in [row.id for row in (*first, *rest)]
        assert [(row.id, row.invited, row.secrets) for row in await database.sealed(invited=True)] == [(invited.id, True, invited.secrets)]

    async def test_secrets_are_sealed_anew_unless_somebody_changed_them(self, database: Database) -> None:
        """A token that a service has replaced since it was read stays as the service left it."""
        customer = await database.add_customer("klm", path_template="x")
        one, two = [await database.add_connection(customer.id, Role.DESTINATION, "dropbox", {}, {"t": b"old"}) for _ in range(2)]
        invited = await database.add_invitation(_offer(customer.id))
        rows = [*await database.sealed(), *await database.sealed(invited=True)]
        assert await database.replace_secret(two.id, "t", old=b"old", new=b"service")
        assert await database.reseal(rows, [dict.fromkeys(row.secrets, b"new") for row in rows]) == 2
        found = {connection.id: dict(connection.secrets) for connection in await database.connections()}
        assert found == {one.id: {"t": b"new"}, two.id: {"t": b"service"}}
        left = await database.find_invitation(link_hash=invited.link_hash)
        assert left is not None
        assert left.secrets == {"app_secret": b"new"}
