"""The SQLite database: the conformance kit, and what only it promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.database.conformance import DatabaseConformance
from archiver.database.sqlite import SqliteDatabase


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """An open, empty database."""
    opened = SqliteDatabase(tmp_path / "archiver.db")
    await opened.open()
    yield opened
    await opened.close()


class TestConformance(DatabaseConformance):
    """The kit."""

    @pytest.fixture
    async def database(self, tmp_path: Path) -> AsyncIterator[SqliteDatabase]:  # type: ignore[override]
        """An open, empty database."""
        opened = SqliteDatabase(tmp_path / "archiver.db")
        await opened.open()
        yield opened
        await opened.close()
