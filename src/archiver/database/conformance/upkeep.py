"""Whom somebody must be told of, and whose leave must be renewed."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

from archiver.database.conformance.world import world
from archiver.database.port import Channel, Database
from archiver.model import ConnectionState, CustomerState, Role

__all__ = ["UpkeepConformance"]

_QUIET = 1000
_LATER = 10**15  # after every state that a test enters


class UpkeepConformance:
    """Notices and renewals."""

    async def test_a_state_is_told_once_on_each_channel(self, database: Database) -> None:
        """What works and what a person paused needs nobody; what was told on one channel is told on the other."""
        klm = await world(database, "klm", lanes=3)
        await database.set_connection_state(klm.lanes[0], ConnectionState.RECONNECT_NEEDED, "revoked")
        await database.set_connection_state(klm.lanes[1], ConnectionState.PAUSED, "by a person")
        untold = await database.untold(Channel.WEBHOOK, now=_LATER, quiet=_QUIET, limit=10)
        assert [(notice.connection_id, notice.customer, notice.role, notice.state, notice.reason) for notice in untold] == [
            (klm.lanes[0], "klm", Role.DESTINATION, ConnectionState.RECONNECT_NEEDED, "revoked")
        ]
        await database.note_told(Channel.WEBHOOK, untold, now=_LATER)
        assert not await database.untold(Channel.WEBHOOK, now=_LATER + 10 * _QUIET, quiet=_QUIET, limit=10)
        assert len(await database.untold(Channel.MAIL, now=_LATER, quiet=_QUIET, limit=10)) == 1

    async def test_sources_are_told_of_too(self, database: Database) -> None:
        """A phone system that lets nobody in needs somebody as a storage does."""
        klm = await world(database, "klm")
        await database.set_connection_state(klm.source.id, ConnectionState.RECONNECT_NEEDED, "revoked")
        (notice,) = await database.untold(Channel.MAIL, now=_LATER, quiet=_QUIET, limit=10)
        assert (notice.connection_id, notice.role) == (klm.source.id, Role.SOURCE)

    async def test_what_could_not_be_told_waits(self, database: Database) -> None:
        """Until its time has come; the tries are counted, and forgotten when it was told."""
        klm = await world(database, "klm")
        await database.set_connection_state(klm.lanes[0], ConnectionState.QUOTA_FULL, "full")
        for tries in range(3):
            (notice,) = await database.untold(Channel.MAIL, now=_LATER + tries, quiet=_QUIET, limit=10)
            assert notice.tries == tries
            await database.note_failed(Channel.MAIL, [notice], again_at=_LATER + tries + 1)
            assert not await database.untold(Channel.MAIL, now=_LATER + tries, quiet=_QUIET, limit=10)
        waiting = await database.untold(Channel.MAIL, now=_LATER + 3, quiet=_QUIET, limit=10)
        await database.note_told(Channel.MAIL, waiting, now=_LATER)
        assert not await database.untold(Channel.MAIL, now=_LATER + 10, quiet=_QUIET, limit=10)

    async def test_what_works_again_is_not_told(self, database: Database) -> None:
        """Nobody is woken for what mended itself before anybody could be told."""
        klm = await world(database, "klm")
        await database.set_connection_state(klm.lanes[0], ConnectionState.QUOTA_FULL, "full")
        await database.set_connection_state(klm.lanes[0], ConnectionState.ACTIVE, "")
        assert not await database.untold(Channel.MAIL, now=_LATER, quiet=_QUIET, limit=10)

    async def test_another_state_is_told_at_once(self, database: Database) -> None:
        """Full, and then revoked: these are two things."""
        klm = await world(database, "klm")
        await database.set_connection_state(klm.lanes[0], ConnectionState.QUOTA_FULL, "full")
        await database.note_told(Channel.MAIL, await database.untold(Channel.MAIL, now=_LATER, quiet=_QUIET, limit=10), now=_LATER)
        await database.set_connection_state(klm.lanes[0], ConnectionState.RECONNECT_NEEDED, "revoked")
        (notice,) = await database.untold(Channel.MAIL, now=_LATER, quiet=_QUIET, limit=10)
        assert notice.state is ConnectionState.RECONNECT_NEEDED

    async def test_as_many_are_told_as_are_wanted(self, database: Database) -> None:
        """The rest is there at the next time."""
        klm = await world(database, "klm", lanes=5)
        for lane in klm.lanes:
            await database.set_connection_state(lane, ConnectionState.MISCONFIGURED, "no permission")
        told: list[int] = []
        while page := await database.untold(Channel.WEBHOOK, now=_LATER, quiet=_QUIET, limit=2):
            await database.note_told(Channel.WEBHOOK, page, now=_LATER)
            told += [notice.connection_id for notice in page]
        assert sorted(told) == sorted(klm.lanes)

    async def test_one_at_a_time_renews(self, database: Database) -> None:
        """Until it is given back; a claim that is never given back ends by itself; each connection has its own."""
        klm = await world(database, "klm", lanes=2)
        one, other = klm.lanes
        assert await database.claim_renewal(one, seconds=60)
        assert not await database.claim_renewal(one, seconds=60)
        assert await database.claim_renewal(other, seconds=0.001)
        await database.claim_renewal(one, seconds=0)
        assert await database.claim_renewal(one, seconds=60)
        assert not await database.claim_renewal(999, seconds=60)

    async def test_what_was_renewed_long_ago_is_found(self, database: Database) -> None:
        """The one that waits longest first, of paused customers too; not what a person must connect again, nor other adapters."""
        klm = await world(database, "klm", lanes=3)
        adapter = next(c.adapter for c in await database.connections() if c.id == klm.lanes[0])
        await database.set_customer_state("klm", CustomerState.PAUSED)
        await database.set_connection_state(klm.lanes[1], ConnectionState.RECONNECT_NEEDED, "revoked")
        await database.note_renewed([klm.lanes[0]], at=500)
        found = [c.id for c in await database.stale({adapter}, before=1000, limit=10) if c.role is Role.DESTINATION]
        assert found == [klm.lanes[2], klm.lanes[0]]
        await database.note_renewed(klm.lanes, at=1000)
        assert not [c for c in await database.stale({adapter}, before=1000, limit=10) if c.role is Role.DESTINATION]
        assert list(await database.adapters_in_use()) == [adapter]
        customer = await database.add_customer("lot", path_template="x")
        for other in ("dropbox", "box", "dropbox"):
            await database.add_connection(customer.id, Role.DESTINATION, other, {}, {})
        assert list(await database.adapters_in_use()) == sorted({adapter, "dropbox", "box"})
        assert not await database.stale({"another"}, before=1000, limit=10)
        assert not await database.stale((), before=1000, limit=10)
