"""The port of every fleet: owns customers, and runs the assembly for those it owns."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Protocol

from archiver.pipeline.assembly import Assembly

__all__ = ["Fleet"]


class Fleet(Protocol):
    """Decides which customers this process serves, and serves them."""

    async def run(
        self,
        assembly: Assembly,
        stop: asyncio.Event,
        *,
        drain_seconds: float,
        until_empty: bool = False,
        beside: Sequence[Coroutine[None, None, None]] = (),
    ) -> bool:
        """Serves until ``stop`` is set, then drains.

        Args:
            assembly: What to run.
            stop: Set it to drain.
            drain_seconds: How long uploads may take to end.
            until_empty: Drain by itself when nothing is left to do.
            beside: What else runs meanwhile, such as telling the progress; cancelled after the drain.

        Returns:
            Whether everything that had begun ended by itself.

        Raises:
            ArchiverError: Of process scope; the process cannot go on.
        """
        ...
