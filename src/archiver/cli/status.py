"""``archiver status``: every lane's numbers, also while another process runs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from archiver.app import Archiver, LaneProgress
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output, ago, bytes_text, clock_time
from archiver.database.port import LaneCounters, WorkerRow

__all__ = ["status", "tell_parked"]

_NUMBERS = frozenset({"waiting", "archived", "rejected", "gone", "size", "oldest"})


async def status(*, options: Options | None = None) -> None:
    """Show how far each customer's destinations are; works while `archiver run` runs elsewhere.

    Where many workers share a database it shows them too, with how many customers each serves.

    ```
    archiver status
    archiver status --json
    ```
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        lanes = await archiver.status()
        workers = await archiver.workers()
        sources = await archiver.parked_sources()
    if not lanes:
        out.say("There is nothing to show yet. Add a customer: archiver customers add NAME --from folder:PATH --to folder:PATH")
    else:
        columns = ["customer", "to", "waiting", "archived", "rejected", "gone", "size", "oldest", "state"]
        out.table(columns, [_cells(lane) for lane in lanes], right=_NUMBERS)
        rejected = sum(lane.rejected for lane in lanes)
        if rejected:
            out.say(f"{rejected:,} need a person. Why: archiver deliveries --state rejected. Try them again: archiver retry --all")
        tell_parked(out, lanes)
    for view in sources:
        for source in view.connections:
            name = view.customer.name
            out.say(f"{name}'s source {source.adapter} needs a person: {source.reason}. Then: archiver customers resume {name}")
    if workers:
        out.table(
            ["worker", "on", "process", "since", "alive", "customers"], [_worker(row) for row in workers], right=frozenset({"customers"})
        )
    parked = [
        {"customer": view.customer.name, "source": c.id, "adapter": c.adapter, "state": c.state, "reason": c.reason, "since": c.state_since}
        for view in sources
        for c in view.connections
    ]
    out.result({"lanes": lanes, "workers": workers, "sources": parked})


def tell_parked(out: Output, lanes: Sequence[LaneCounters | LaneProgress]) -> None:
    """What a person can do for each destination that needs one."""
    for lane in lanes:
        if lane.state == "reconnect_needed":
            again = f"archiver connect {lane.customer} {lane.adapter} --again {lane.lane}"
            out.say(f"{lane.customer}'s {lane.adapter} must be connected again: {again}")
        elif lane.state == "quota_full":
            out.say(f"{lane.customer}'s {lane.adapter} is full. It goes on by itself once there is room.")
        elif lane.state != "active":
            out.say(f"{lane.customer}'s {lane.adapter} needs a person. When it is mended: archiver customers resume {lane.customer}")


def _worker(row: WorkerRow) -> tuple[object, ...]:
    now = time.time()
    # By the database's own clock; this machine's may go otherwise.
    alive = f"until {clock_time(row.alive_until)}" if row.alive else "not heard of"
    return row.worker.id[:8], row.worker.host, row.worker.pid, ago(row.entered_at, now=now), alive, row.customers


def _cells(lane: LaneCounters) -> tuple[object, ...]:
    now = time.time()
    state = f"{lane.state}: {lane.reason}" if lane.reason else str(lane.state)
    if lane.paused:
        state = "paused"
    elif lane.throttled_until > now * 1000:
        state = f"throttled until {clock_time(lane.throttled_until)}"
    return (
        lane.customer,
        lane.adapter,
        lane.waiting,
        lane.archived,
        lane.rejected,
        lane.gone,
        bytes_text(lane.archived_bytes),
        ago(lane.oldest_waiting_at, now=now),
        state,
    )
