"""The group of tasks that every fleet runs its assembly in: one failure ends them all, and comes out as what it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from archiver.pipeline.assembly import Assembly

__all__ = ["serving"]


@asynccontextmanager
async def serving(assembly: Assembly) -> AsyncIterator[asyncio.TaskGroup]:
    """The stages run within, and the tasks of the group that it gives; at the end the assembly is closed."""
    try:
        async with assembly.running(), asyncio.TaskGroup() as services:
            yield services
    except BaseExceptionGroup as group:
        # One failure of process scope is the usual case, and reads better alone.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
    finally:
        await assembly.close()
