"""A console that answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.console import ConsoleWorld, console_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ConsoleWorld]:
    """A console with a user of each rank, and nothing else."""
    async with console_world(tmp_path) as world:
        yield world
