"""How settling goes about it; what it promises is in the conformance kit."""

from __future__ import annotations

import sqlite3

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from archiver.database.conformance.world import NOW, archived, due, settled, world
from archiver.database.port import Settled
from archiver.database.sqlite import SqliteDatabase
from archiver.database.sqlite.settling import Settling
from archiver.lifecycle import DeliveryState
from archiver.model import Receipt, Session

RECEIPT = Receipt(path="/x", size=1, sha256="ab", archived_at=1)


def entries() -> st.SearchStrategy[list[Settled]]:
    """Batches of settlements of a few lanes and customers."""
    one = st.builds(
        Settled,
        delivery_id=st.integers(1, 10**9),
        lane=st.integers(1, 3),
        customer_id=st.integers(1, 3),
        size=st.integers(0, 1 << 40),
        state=st.sampled_from(DeliveryState),
        ready_at=st.just(5),
        attempt=st.integers(0, 9),
        receipt=st.just(RECEIPT),
    )
    return st.lists(one, max_size=50)


@given(entries())
def test_counters_add_up(batch: list[Settled]) -> None:
    """Per lane: what is counted is what the batch holds, and nothing of it is in two places."""
    rows = Settling.of(batch, {1: 4, 2: 5}, 0)
    assert len(rows.archived) + len(rows.others) == len(batch)
    assert [row[0] for row in rows.receipts] == rows.archived
    for lane, *counts in rows.counters:
        mine = [entry for entry in batch if entry.lane == lane]
        assert counts[:3] == [
            sum(entry.state is state for entry in mine) for state in (DeliveryState.ARCHIVED, DeliveryState.REJECTED, DeliveryState.GONE)
        ]
        assert counts[3] == sum(entry.size for entry in mine if entry.state is DeliveryState.ARCHIVED)
    customers = {entry.customer_id for entry in batch}
    assert rows.customers == len(customers)
    assert dict(rows.owners) == {customer: epoch for customer, epoch in ((1, 4), (2, 5)) if customer in customers}


async def test_a_batch_is_a_handful_of_statements(database: SqliteDatabase) -> None:
    """However many deliveries it has: each statement is one step, and each step may wait for the interpreter lock."""
    klm = await world(database, lanes=2)
    await database.add_births(klm.source, klm.births(300), now=NOW, cursor=None)
    found = [delivery for lane in klm.lanes for delivery in await due(database, lane)]
    batch = [archived(delivery) for delivery in found[:400]] + [settled(delivery, DeliveryState.WAITING) for delivery in found[400:]]
    seen: list[str] = []

    def trace(raw: sqlite3.Connection) -> None:
        raw.set_trace_callback(seen.append)

    await database._writer.run(trace)
    assert await database.settle(batch, klm.epochs) == frozenset()
    begin, *statements, commit = [statement.split()[0] for statement in seen]
    assert (begin, commit) == ("BEGIN", "COMMIT")
    # The last three are the audit log's: its head, its line, and the line once more as its guard's.
    assert statements == ["SELECT", "UPDATE", "INSERT", "UPDATE", "UPDATE", "UPDATE", "SELECT", "INSERT", "INSERT"]


async def test_the_careful_way_is_taken_only_when_something_is_missing(database: SqliteDatabase) -> None:
    """One transaction is taken back, a second one writes the rest."""
    klm = await world(database)
    await database.add_births(klm.source, klm.births(2), now=NOW, cursor=None)
    one, two = await due(database, klm.lanes[0])
    await database.settle([archived(one)], klm.epochs)
    seen: list[str] = []
    await database._writer.run(lambda raw: raw.set_trace_callback(seen.append))
    again = msgspec.structs.replace(archived(one), receipt=msgspec.structs.replace(RECEIPT, path="/other"))
    assert await database.settle([archived(two), again], klm.epochs) == {one.id}
    assert [statement for statement in seen if statement in {"BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"}] == [
        "BEGIN IMMEDIATE",
        "ROLLBACK",
        "BEGIN IMMEDIATE",
        "COMMIT",
    ]
    assert [row.receipt and row.receipt.path for row in await database.deliveries()] == [one.path, two.path]


async def test_no_statement_scans_a_table(database: SqliteDatabase) -> None:
    """Each delivery is found by its number, in the hopeful way, the careful way and for sessions."""
    klm = await world(database)
    await database.add_births(klm.source, klm.births(4), now=NOW, cursor=None)
    one, two, three, _ = await due(database, klm.lanes[0])
    batch = [archived(one), settled(two, DeliveryState.WAITING), settled(three, DeliveryState.GONE)]
    seen: list[str] = []

    def plans(raw: sqlite3.Connection) -> list[str]:
        raw.set_trace_callback(None)
        work = [statement for statement in seen if statement.split()[0] in {"SELECT", "UPDATE", "INSERT"}]
        return [row[3] for statement in work for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}")]

    await database._writer.run(lambda raw: raw.set_trace_callback(seen.append))
    session = Session(id="s", offset=1, started_at=1)
    await database.save_sessions({one.id: session}, klm.epochs)
    await database.save_sessions({one.id: session}, {klm.customer.id: 99})
    await database.settle(batch, klm.epochs)
    await database.settle(batch, klm.epochs)
    found = await database._writer.run(plans)
    assert len(found) > 20
    assert [line for line in found if line.startswith(("SCAN deliveries", "SCAN customers", "SCAN receipts"))] == []
