"""How long a call may take: as long as bytes move."""

from __future__ import annotations

import asyncio

import pytest

from archiver.http.progress import NO_PROGRESS_SECONDS, Progress
from genstage.testing import run


class Transport(asyncio.WriteTransport):
    """Holds what was written, and lets some of it go each second.

    Args:
        held: Bytes that were written and not sent.
        rate: Bytes that go out each second.
    """

    def __init__(self, held: int, rate: float) -> None:
        super().__init__()
        self._held = held
        self._rate = rate

    def get_write_buffer_size(self) -> int:
        """What is still here."""
        return max(0, int(self._held - self._rate * asyncio.get_running_loop().time()))

    def is_closing(self) -> bool:
        """It is open."""
        return False


class Received:
    """What comes in, so much each second."""

    def __init__(self, rate: float, end: float) -> None:
        self._rate = rate
        self._end = end

    @property
    def total_bytes(self) -> int:
        """How much has come."""
        return int(self._rate * min(asyncio.get_running_loop().time(), self._end))


async def seconds_of(progress: Progress, most: float = 10_000.0) -> float:
    """When a call is given up that never ends by itself."""
    with pytest.raises(TimeoutError):
        async with progress:
            await asyncio.sleep(most)
    return asyncio.get_running_loop().time()


def test_where_nothing_moves_the_call_is_given_up_after_a_minute() -> None:
    """Whether it was sent, or waits for its answer, or has not begun."""

    async def main() -> None:
        progress = Progress()
        progress.sends(Transport(1000, rate=0.0))
        assert NO_PROGRESS_SECONDS <= await seconds_of(progress) <= NO_PROGRESS_SECONDS + 5

    run(main)


def test_what_leaves_the_buffers_counts_though_nothing_is_written() -> None:
    """Ten minutes for 60 KB, all of it handed over at once: that is slow, not stalled; a minute after the last byte it is over."""

    async def main() -> None:
        progress = Progress()
        progress.sends(Transport(60_000, rate=100.0))
        assert 600 + NO_PROGRESS_SECONDS - 10 <= await seconds_of(progress) <= 600 + NO_PROGRESS_SECONDS + 5

    run(main)


def test_what_comes_in_counts() -> None:
    """An answer may be slow as well."""

    async def main() -> None:
        progress = Progress()
        progress.receives(Received(10.0, end=300.0))
        assert 300 + NO_PROGRESS_SECONDS - 10 <= await seconds_of(progress) <= 300 + NO_PROGRESS_SECONDS + 5

    run(main)


def test_a_call_that_ends_leaves_no_timer() -> None:
    """Nobody looks any more."""

    async def main() -> None:
        async with Progress() as progress:
            await asyncio.sleep(20)
        timer = progress._timer
        assert timer is not None
        assert timer.cancelled()

    run(main)
