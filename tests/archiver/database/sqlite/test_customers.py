"""Customers and connections in the file; what they promise is in the conformance kit."""

from __future__ import annotations

import asyncio
from pathlib import Path

from archiver.database.conformance.world import world
from archiver.database.sqlite import SqliteDatabase
from archiver.model import Role


async def test_secrets_are_kept_as_they_were_sealed(database: SqliteDatabase, path: Path) -> None:
    """Nothing but the sealed bytes and their names is in the column, and nothing of them anywhere else."""
    customer = await database.add_customer("klm", path_template="x")
    await database.add_connection(customer.id, Role.DESTINATION, "dropbox", {"root": "/"}, {"token": b"\x93sealed-canary"})
    await database.close()
    written = await asyncio.to_thread(path.read_bytes)
    assert written.count(b"sealed-canary") == 1


async def test_thousands_of_lanes_are_found_in_one_call(database: SqliteDatabase) -> None:
    """More than a statement takes parameters may be asked for."""
    klm = await world(database, lanes=3)
    assert list(await database.lanes(range(1, 40_000))) == list(klm.lanes)
