"""Live progress: on a terminal a table of lanes that is drawn anew twice a second, otherwise a plain line now and then."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Group
from rich.live import Live
from rich.text import Text

from archiver.app import Archiver, LaneProgress, Progress
from archiver.cli.output import Output, clock_time, make_table
from archiver.errors import DatabaseUnavailableError

__all__ = ["Display", "live"]

_DRAW_SECONDS = 0.5
_RATE_SECONDS = 5.0  # the rate shown is the mean over this time
_LINE_SECONDS = 5.0  # between lines where there is no terminal
_WIDE = 100  # columns of a terminal that has room for the time of day as well
_COLUMNS = ("customer", "to", "waiting", "in flight", "archived", "items/s", "calls/s", "state")
_NUMBERS = frozenset({"waiting", "in flight", "archived", "items/s", "calls/s"})


class Display:
    """Shows progress.

    Args:
        out: Where.
        screen: The live region of a terminal, or None for plain lines.
    """

    def __init__(self, out: Output, screen: Live | None) -> None:
        self._out = out
        self._screen = screen
        self._history: deque[tuple[float, dict[int, int]]] = deque()
        self._last_line = -_LINE_SECONDS
        self.latest: Progress | None = None
        self.note = ""

    def show(self, progress: Progress) -> None:
        """Draws what there is to see now."""
        self.latest = progress
        self._history.append((progress.seconds, {lane.lane: lane.archived for lane in progress.lanes}))
        while len(self._history) > 2 and progress.seconds - self._history[0][0] > _RATE_SECONDS:
            self._history.popleft()
        if self._screen is not None:
            self._screen.update(self._drawing(progress), refresh=True)
        elif progress.seconds - self._last_line >= _LINE_SECONDS:
            self._last_line = progress.seconds
            self._out.say(self.headline(progress))

    async def watch(self, archiver: Archiver) -> None:
        """Shows the progress twice a second until cancelled; while the database is away there is none."""
        while True:
            with suppress(DatabaseUnavailableError):
                self.show(await archiver.progress())
            await asyncio.sleep(_DRAW_SECONDS)

    def rate(self, lane: int | None = None) -> float:
        """Items a second over the last seconds, of one lane or of all."""
        (began, first), (ended, last) = self._history[0], self._history[-1]
        lanes = last if lane is None else (lane,)
        archived = sum(last.get(one, 0) - first.get(one, last.get(one, 0)) for one in lanes)
        return archived / (ended - began) if ended > began else 0.0

    def headline(self, progress: Progress) -> str:
        """Everything in one line."""
        waiting = sum(lane.waiting for lane in progress.lanes)
        throttled = [lane.customer for lane in progress.lanes if lane.throttled_until]
        text = f"{progress.seconds:5.0f} s   archived {progress.archived:,}   waiting {waiting:,}   {self.rate():,.0f} items/s"
        if throttled:
            text += f"   throttled: {_few(throttled)}"
        if progress.unreadable:
            text += f"   cannot be read: {_few(list(progress.unreadable))}"
        return f"{text}   {self.note}".rstrip()

    def _drawing(self, progress: Progress) -> Group:
        # Busy lanes first; what does not fit on the screen is only counted.
        lanes = sorted(progress.lanes, key=lambda lane: (not lane.throttled_until, -lane.waiting, -lane.in_flight, lane.customer))
        room = max(3, self._out.console.height - 5)
        rows: list[tuple[object, ...]] = [self._cells(lane) for lane in lanes[:room]]
        columns: tuple[str, ...] = _COLUMNS
        if self._out.console.width < _WIDE and len({lane.adapter for lane in lanes}) <= 1:
            # The same word in every row; its room lets the state stand in one line.
            columns, rows = (columns[0], *columns[2:]), [(row[0], *row[2:]) for row in rows]
        table = make_table(columns, rows, right=_NUMBERS)
        hidden = lanes[room:]
        rest = f"… and {len(hidden)} more lanes, {sum(lane.waiting for lane in hidden):,} waiting" if hidden else ""
        return Group(Text(self.headline(progress), style="bold"), table, Text(rest, style="dim"))

    def _cells(self, lane: LaneProgress) -> tuple[object, ...]:
        state = f"{lane.state}: {lane.reason}" if lane.reason else "" if lane.state == "active" else str(lane.state)
        if lane.paused:
            state = "paused"
        elif lane.throttled_until:
            rest = math.ceil(max(0.0, lane.throttled_until / 1000 - time.time()))
            wide = self._out.console.width >= _WIDE
            state = f"throttled until {clock_time(lane.throttled_until)} ({rest} s)" if wide else f"throttled {rest} s"
        pace = "–" if lane.calls_per_second is None else f"{lane.calls_per_second:.1f}"
        return (
            lane.customer,
            lane.adapter,
            f"{lane.waiting:,}",
            lane.in_flight,
            f"{lane.archived:,}",
            f"{self.rate(lane.lane):,.0f}",
            pace,
            state,
        )


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


@contextmanager
def live(out: Output) -> Iterator[Display]:
    """A display for as long as something runs; log lines that are written meanwhile appear above it."""
    if not out.console.is_terminal:
        yield Display(out, None)
        return
    with Live(console=out.console, auto_refresh=False, transient=False) as screen:
        yield Display(out, screen)
