"""Owning on PostgreSQL: the kit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from archiver.database.conformance.members import Another, MemberDatabase
from archiver.database.conformance.membership import MembershipConformance
from archiver.database.postgres import PostgresDatabase


class TestMembership(MembershipConformance):
    """The kit."""

    @pytest.fixture
    async def another(self, postgres_address: str) -> AsyncIterator[Another]:
        """Opens the database of this test."""
        async with AsyncExitStack() as stack:

            async def opened() -> MemberDatabase:
                database = PostgresDatabase(postgres_address)
                stack.push_async_callback(database.close)
                await database.open()
                return database

            yield opened

    @pytest.fixture
    async def database(self, another: Another) -> MemberDatabase:
        """An open, empty database."""
        return await another()
