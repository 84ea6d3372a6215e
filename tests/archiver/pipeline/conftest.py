"""What the pipeline's tests start from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """An open database that this process serves."""
    world = World(tmp_path / "archiver.db")
    await world.database.serve()
    await world.database.open()
    try:
        yield world
    finally:
        await world.database.close()
