"""Workers and the customers that they take, for the tests of the kit."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Protocol

from archiver.database.conformance.world import NOW, World, world
from archiver.database.port import Database, Membership, Worker

__all__ = ["LONG", "Another", "MemberDatabase", "living", "taken_by", "worker", "worlds_of"]

LONG = 3_600_000
"""Nobody dies of age in a test."""
_numbers = count(1)


class MemberDatabase(Database, Membership, Protocol):
    """A database that many workers may serve."""


Another = Callable[[], Awaitable[MemberDatabase]]
"""Opens the database once more, as another process does; the test's end closes it."""


def worker() -> Worker:
    """A process that nobody knows yet."""
    number = next(_numbers)
    return Worker(id=f"worker-{number}", host="host", pid=number)


async def living(database: MemberDatabase, one: Worker | None = None) -> Worker:
    """A worker that has entered."""
    one = one or worker()
    assert not await database.enter(one, ttl=LONG)
    return one


async def worlds_of(database: MemberDatabase, *names: str) -> list[World]:
    """Customers with two items waiting."""
    made = [await world(database, name) for name in names]
    for one in made:
        await database.add_births(one.source, one.births(2), now=NOW, cursor=None)
    return made


async def taken_by(database: MemberDatabase, one: Worker, limit: int = 100) -> dict[int, int]:
    """Customer id → epoch of what a worker took."""
    return {taken.customer_id: taken.epoch for taken in await database.take(one, limit=limit)}
