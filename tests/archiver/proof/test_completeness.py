"""The report: it never calls complete what is not, whatever is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.database.conformance.world import NOW, World, archived, due, settled, world
from archiver.database.sqlite import SqliteDatabase
from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState, CustomerState, Kind
from archiver.proof.completeness import STALE, Report, Verdict, report


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """An open, empty database."""
    database = SqliteDatabase(tmp_path / "archiver.db")
    await database.open()
    yield database
    await database.close()


async def of(database: SqliteDatabase, owner: World, now: int = NOW) -> Report:
    """The report of a customer as it is now."""
    (customer,) = [one for one in await database.customers() if one.id == owner.customer.id]
    return await report(database, customer, now=now)


async def begun(database: SqliteDatabase, *, items: int = 3, whole: bool = True) -> World:
    """A customer of whom so many items were found."""
    klm = await world(database, "klm")
    await database.add_births(klm.source, klm.births(items), now=NOW, cursor=None)
    if whole:
        await database.note_complete(klm.source.id, at=NOW, claimed={Kind.SMS: items})
    return klm


async def archive(database: SqliteDatabase, owner: World, count: int = 1000) -> None:
    """So many items are archived."""
    batch = [archived(delivery) for delivery in await due(database, owner.lanes[0], count)]
    await database.settle(batch, owner.epochs)


async def test_everything_archived_is_complete(database: SqliteDatabase) -> None:
    """Only after a pass over the source that came to its end."""
    klm = await begun(database)
    made = await of(database, klm)
    assert (made.verdict, made.why) == (Verdict.UNDER_WAY, ["memory: 3 wait"])
    await archive(database, klm)
    made = await of(database, klm)
    assert (made.verdict, list(made.why)) == (Verdict.COMPLETE, [])
    ((kind,),) = [lane.kinds for lane in made.lanes]
    assert (kind.found, kind.archived, kind.missing, kind.archived_bytes) == (3, 3, 0, 480)


async def test_a_pass_that_was_cut_short_proves_nothing(database: SqliteDatabase) -> None:
    """Though everything that it brought is archived; and a trouble that began since counts more than an older complete pass."""
    klm = await begun(database, whole=False)
    await archive(database, klm)
    made = await of(database, klm)
    assert (made.verdict, made.why) == (Verdict.MISSING, ["memory was never read through to its end"])
    await database.note_complete(klm.source.id, at=NOW, claimed={})
    await database.note_trouble(klm.source.id, at=NOW + 1, trouble="403")
    made = await of(database, klm)
    assert made.verdict is Verdict.MISSING
    assert "cannot be read through since 1970-01-01 00:16:40Z: 403" in made.why[0]


async def test_an_old_pass_proves_nothing_about_today(database: SqliteDatabase) -> None:
    """It was complete, and what came since is not known."""
    klm = await begun(database)
    await archive(database, klm)
    assert (await of(database, klm, NOW + STALE)).verdict is Verdict.COMPLETE
    assert (await of(database, klm, NOW + STALE + 1)).verdict is Verdict.MISSING


async def test_what_is_lost_is_named_with_its_reason(database: SqliteDatabase) -> None:
    """Gone and rejected, though everything else is archived."""
    klm = await begun(database)
    one, two, _ = await due(database, klm.lanes[0])
    gone = settled(one, DeliveryState.GONE, reason="SourceGoneError", detail="404 at the third look")
    await database.settle([gone, settled(two, DeliveryState.REJECTED, reason="ConflictError", detail="taken")], klm.epochs)
    await archive(database, klm)
    made = await of(database, klm)
    assert made.verdict is Verdict.MISSING
    assert "1 sms were gone at the source" in made.why[0]
    assert "SourceGoneError: 404 at the third look" in made.why[0]
    assert "1 sms were rejected" in made.why[1]
    ((kind,),) = [lane.kinds for lane in made.lanes]
    assert (kind.gone, kind.rejected, kind.missing) == (1, 1, 2)


async def test_what_the_source_claims_and_nobody_found_is_missing(database: SqliteDatabase) -> None:
    """A source that counts four of which a pass brought three."""
    klm = await begun(database)
    await archive(database, klm)
    await database.note_complete(klm.source.id, at=NOW, claimed={Kind.SMS: 4, Kind.FAX: 1})
    made = await of(database, klm)
    assert made.verdict is Verdict.MISSING
    assert made.why == [
        "fax: the source says that it has 1, and 0 were found",
        "sms: the source says that it has 4, and 3 were found",
    ]


async def test_what_waits_for_a_person_is_not_under_way(database: SqliteDatabase) -> None:
    """A parked lane, a paused customer: nothing of it will be archived by itself."""
    klm = await begun(database)
    await database.set_connection_state(klm.lanes[0], ConnectionState.QUOTA_FULL, "no space left")
    made = await of(database, klm)
    assert (made.verdict, "quota_full: no space left" in made.why[0]) == (Verdict.MISSING, True)
    await database.set_connection_state(klm.lanes[0], ConnectionState.ACTIVE, "")
    await database.set_customer_state("klm", CustomerState.PAUSED)
    made = await of(database, klm)
    assert (made.verdict, "paused" in made.why[0]) == (Verdict.MISSING, True)


async def test_a_source_that_lets_nobody_in_is_told(database: SqliteDatabase) -> None:
    """What comes there meanwhile is not known."""
    klm = await begun(database)
    await archive(database, klm)
    await database.set_connection_state(klm.source.id, ConnectionState.RECONNECT_NEEDED, "the refresh token was revoked")
    made = await of(database, klm)
    assert (made.verdict, made.why) == (
        Verdict.MISSING,
        ["memory waits for a person: reconnect_needed: the refresh token was revoked"],
    )


async def test_what_waits_past_its_purge_is_told(database: SqliteDatabase) -> None:
    """The soonest purge of what waits is shown, and is an alarm once it is over."""
    klm = await world(database, "klm")
    await database.add_births(klm.source, klm.births(2, purge_at=NOW + 500), now=NOW, cursor=None)
    await database.note_complete(klm.source.id, at=NOW, claimed={})
    before, after = await of(database, klm), await of(database, klm, NOW + 500)
    assert [lane.kinds[0].purge_at for lane in before.lanes] == [NOW + 500]
    assert (before.verdict, after.verdict) == (Verdict.UNDER_WAY, Verdict.MISSING)
