"""The running pipeline as a drawing: what each stage holds, what is asked on each edge, and why an edge sleeps.

In: an assembly. Out: frozen values for people. It looks, and changes nothing; O(lanes that are awake).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from archiver.model import Millis
from archiver.pipeline.assembly import Assembly
from archiver.pipeline.lane import Lane
from genstage.clock import Clock

__all__ = ["Cloud", "Drawing", "Edge", "Stage", "drawing_of"]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of the pipeline.

    Attributes:
        name: Its name in the drawing of the house.
        count: How many of it there are: one Uploader per lane that is awake.
        busy: What is inside it now.
        most: What may be at one time; 0 if nothing bounds it.
        waiting: What has arrived and not begun.
        done: What it has done since it started.
    """

    name: str
    count: int = 1
    busy: int = 0
    most: int = 0
    waiting: int = 0
    done: int = 0


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """What flows from one to the next, and what is asked for.

    Attributes:
        giver: Who gives: a stage, or a provider.
        taker: Who takes.
        demand: Asked for and not yet given.
        moving: On its way.
        asleep: Why nothing is asked for; empty if something is, or something is on its way.
        until: When it goes on by itself, in milliseconds since the epoch; 0 if that is not known.
    """

    giver: str
    taker: str
    demand: int = 0
    moving: int = 0
    asleep: str = ""
    until: Millis = 0


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """A provider whose lanes are awake.

    Attributes:
        provider: The adapter's name.
        lanes: Lanes that are awake.
        throttled: Of these, how many may not call now.
        in_flight: Items on their way to it.
        calls: Calls under way.
        calls_per_second: What its lanes may make together, as far as their limits are known.
        edge: From the Uploaders to it.
    """

    provider: str
    lanes: int
    throttled: int
    in_flight: int
    calls: int
    calls_per_second: float
    edge: Edge


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """The pipeline at one moment; empty if none runs.

    Attributes:
        stages: Collector, Fetcher, Uploader, Settlement.
        edges: Between them and the Database, in the order of the drawing.
        clouds: By name.
    """

    stages: Sequence[Stage] = ()
    edges: Sequence[Edge] = ()
    clouds: Sequence[Cloud] = ()


def drawing_of(assembly: Assembly, clock: Clock) -> Drawing:
    """Looks at an assembly, running or not."""
    lanes = list(assembly.lanes.awake.values())
    settlement = assembly.settlement
    budget = assembly.budget
    asked = sum(lane.asked for lane in lanes)
    in_flight = sum(len(lane.in_flight) for lane in lanes)
    queued = sum(lane.queued for lane in lanes)
    asleep, until = _why(lanes, clock) if not asked else ("", 0)
    if not asked and settlement.away:
        asleep, until = "the database cannot be written", 0
    elif not asked and in_flight >= budget.items:
        asleep, until = "as many are on their way as may be", 0
    failing = len(assembly.collector.failing)
    by_provider: dict[str, list[Lane]] = {}
    for lane in lanes:
        by_provider.setdefault(lane.connection.adapter, []).append(lane)
    stages = (
        Stage(name="Collector", waiting=failing),
        Stage(name="Fetcher", busy=asked, done=assembly.fetcher.reads),
        Stage(name="Uploader", count=len(lanes), busy=in_flight - queued, most=budget.items, waiting=queued, done=settlement.archived),
        Stage(name="Settlement", busy=settlement.waiting, done=settlement.archived),
    )
    edges = (
        Edge(giver="Collector", taker="Database"),
        Edge(giver="Database", taker="Fetcher", demand=asked, asleep=asleep, until=until),
        Edge(giver="Fetcher", taker="Uploader", demand=asked, moving=in_flight, asleep=asleep, until=until),
        Edge(giver="Uploader", taker="Settlement", moving=settlement.waiting),
        Edge(giver="Settlement", taker="Database", moving=settlement.waiting),
    )
    return Drawing(stages=stages, edges=edges, clouds=[_cloud(name, by_provider[name], clock) for name in sorted(by_provider)])


def _cloud(provider: str, lanes: Sequence[Lane], clock: Clock) -> Cloud:
    now = clock.time()
    in_flight = sum(len(lane.in_flight) for lane in lanes)
    paces = [lane.gate.snapshot() for lane in lanes]
    asleep, until = ("", 0) if in_flight else _why(lanes, clock)
    return Cloud(
        provider=provider,
        lanes=len(lanes),
        throttled=sum(pace.throttled_until > now for pace in paces),
        in_flight=in_flight,
        calls=sum(pace.in_flight for pace in paces),
        calls_per_second=sum(pace.limit or pace.rate for pace in paces),
        edge=Edge(giver="Uploader", taker=provider, demand=sum(lane.asked for lane in lanes), moving=in_flight, asleep=asleep, until=until),
    )


def _why(lanes: Sequence[Lane], clock: Clock) -> tuple[str, Millis]:
    """Why none of the lanes asks for anything, and until when."""
    if not lanes:
        return "nothing is due", 0
    now = clock.time()
    reasons: tuple[tuple[str, Callable[[Lane], bool]], ...] = (
        ("stopping", lambda lane: lane.stopping),
        ("all are parked", lambda lane: lane.parked is not None),
        ("all are throttled", lambda lane: lane.gate.throttled_until() > now),
        ("it cannot be reached", lambda lane: lane.closed_until > now),
        ("everything due is on its way", lambda lane: lane.dry),
    )
    for reason, holds in reasons:
        if all(holds(lane) for lane in lanes):
            ends = min(lane.closed_before for lane in lanes)
            timed = ends > now and reason in {"all are throttled", "it cannot be reached"}
            return reason, int((clock.wall() + ends - now) * 1000) if timed else 0
    if any(holds(lane) for _, holds in reasons[:-1] for lane in lanes):
        return "some rest, the others have nothing due", 0
    return "all places are taken", 0
