"""``archiver top``: the Overview in the terminal, drawn anew every second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Annotated

from cyclopts import Parameter
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from archiver.app import Archiver, LaneProgress, Snapshot
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output, ago, bytes_text, clock_time, make_table
from archiver.cli.signals import draining

__all__ = ["drawing", "sentence", "top"]

_DRAW_SECONDS = 1.0
_COLUMNS = ("customer", "to", "waiting", "oldest", "in flight", "archived", "rejected", "calls/s", "state")
_NUMBERS = frozenset({"waiting", "oldest", "in flight", "archived", "rejected", "calls/s"})
_NEEDING = 5  # rows
_FRAME = 12  # lines that are no rows of customers


async def top(
    *,
    once: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    limit: int = 0,
    options: Options | None = None,
) -> None:
    """Show how everything is, at one glance, until Ctrl-C; works while `archiver run` runs elsewhere.

    Customers with the oldest waiting item stand first. With `--json` it looks once.

    ```
    archiver top
    archiver top --once
    ```

    Args:
        once: Look once and end; also where there is no terminal.
        limit: How many customers' lanes are shown; 0 as many as fit.
    """
    out = Output(options)
    live = out.console.is_terminal and not once and not out.json
    async with Archiver.open(settings_of(options)) as archiver:
        if live:
            await _watch(out, archiver, limit)
            return
        snapshot = await archiver.snapshot(limit=limit or 20)
        for part in drawing(snapshot):
            out.show(part)
        out.result(snapshot)


async def _watch(out: Output, archiver: Archiver, limit: int) -> None:
    stop = asyncio.Event()
    with draining(stop, lambda: None), Live(console=out.console, auto_refresh=False, screen=True) as screen:
        while not stop.is_set():
            room = limit or max(3, out.console.height - _FRAME)
            screen.update(Group(*drawing(await archiver.snapshot(limit=room))), refresh=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAW_SECONDS):
                    await stop.wait()


def sentence(snapshot: Snapshot) -> tuple[str, str]:
    """How everything is, in one sentence; and the style that it is shown in."""
    totals = snapshot.totals
    if snapshot.away:
        return f"The database is away: {snapshot.away}", "bold red"
    troubles = []
    if parked := sum(totals.states.values()):
        troubles.append(f"{_count(parked, 'lane')} wait for a person" if parked > 1 else "1 lane waits for a person")
    if totals.rejected:
        troubles.append(f"{_count(totals.rejected, 'delivery')} rejected")
    if snapshot.unreadable:
        troubles.append(f"{_count(len(snapshot.unreadable), 'customer')} with a source that cannot be read")
    throttled = f"{_count(totals.throttled, 'lane')} throttled" if totals.throttled else ""
    if troubles:
        return f"Somebody should look: {', '.join([*troubles, throttled] if throttled else troubles)}.", "bold yellow"
    if throttled:
        return f"Working normally; {throttled}, and going on by itself.", "bold green"
    if not totals.customers:
        return "There are no customers yet: archiver customers add NAME --from folder:PATH --to folder:PATH", "bold"
    return ("Working normally." if totals.waiting else "Everything is archived."), "bold green"


def drawing(snapshot: Snapshot) -> Iterable[RenderableType]:
    """What is shown, part by part."""
    text, style = sentence(snapshot)
    yield Text(text, style=style)
    yield Text(_numbers(snapshot))
    if snapshot.drawing.edges:
        yield Text(_edges(snapshot), style="dim")
    yield Text("")
    if snapshot.lanes:
        yield make_table(_COLUMNS, [_cells(lane, snapshot.at) for lane in snapshot.lanes], right=_NUMBERS)
        hidden = snapshot.totals.lanes - len(snapshot.lanes)
        if hidden > 0:
            yield Text(f"… and {hidden:,} more", style="dim")
    shown = {lane.lane for lane in snapshot.lanes}
    needing = [lane for lane in snapshot.needing if lane.lane not in shown][:_NEEDING]
    if needing:
        yield Text("")
        yield make_table(("needs a person", "to", "state"), [(lane.customer, lane.adapter, _state(lane, snapshot.at)) for lane in needing])
    for customer, reason in list(snapshot.unreadable.items())[:_NEEDING]:
        yield Text(f"A source of {customer} cannot be read: {reason}", style="yellow")


def _numbers(snapshot: Snapshot) -> str:
    totals = snapshot.totals
    parts = (
        f"{snapshot.uploads_per_second:,.1f} uploads/s ({bytes_text(snapshot.bytes_per_second)}/s)",
        f"{totals.waiting:,} waiting",
        f"oldest {ago(snapshot.oldest_waiting_at, now=snapshot.at / 1000)}",
        f"{totals.throttled:,} throttled",
        f"{totals.rejected:,} rejected",
        f"{totals.archived:,} archived",
    )
    return "   ".join(parts)


def _edges(snapshot: Snapshot) -> str:
    """The pipeline in one line: what is asked on each edge, and why nothing is."""
    parts: list[str] = []
    for edge in snapshot.drawing.edges[1:4]:
        asked = f"{edge.demand:,} asked" if edge.demand or not edge.asleep else edge.asleep
        if edge.until:
            asked += f" until {clock_time(edge.until)}"
        moving = f", {edge.moving:,} moving" if edge.moving else ""
        parts.append(f"{edge.giver} ─({asked}{moving})→ {edge.taker}")
    return _chained(parts)


def _chained(parts: Sequence[str]) -> str:
    """``A → B`` and ``B → C`` as ``A → B → C``."""
    text = parts[0] if parts else ""
    for part in parts[1:]:
        giver, _, rest = part.partition(" ")
        text = f"{text} {rest}" if text.endswith(giver) else f"{text}   {part}"
    return text


def _cells(lane: LaneProgress, now: int) -> tuple[object, ...]:
    pace = "–" if lane.calls_per_second is None else f"{lane.calls_per_second:.1f}"
    return (
        lane.customer,
        lane.adapter,
        f"{lane.waiting:,}",
        ago(lane.oldest_waiting_at, now=now / 1000),
        lane.in_flight,
        f"{lane.archived:,}",
        f"{lane.rejected:,}",
        pace,
        _state(lane, now),
    )


def _state(lane: LaneProgress, now: int) -> str:
    if lane.paused:
        return "paused"
    if lane.state != "active":
        return f"{lane.state}: {lane.reason}" if lane.reason else str(lane.state)
    if lane.throttled_until > now:
        return f"throttled until {clock_time(lane.throttled_until)} ({(lane.throttled_until - now + 999) // 1000} s)"
    return ""


def _count(number: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"
