"""A look at a running pipeline: frozen values, and a drawing of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from genstage.ends import Giving, Taking
from genstage.post import Post
from genstage.root import Stage
from genstage.subscription import Subscription

__all__ = ["EdgeStats", "StageStats", "Stats", "diagram_of", "stats_of", "totals_of"]


@dataclass(frozen=True, slots=True)
class StageStats:
    """One stage at one moment.

    Attributes:
        name: The stage.
        waiting: Events that were delivered to it and not yet begun.
        in_flight: Events that are inside its handler.
        busy: Workers that are inside its handler.
        workers: How many there may be; 0 for producers.
        buffered: Events that it holds for somebody to ask for them.
        handled: Events whose handler has ended, since it started.
        emitted: Events that it has given, since it started.
        discarded: Events that nobody got, since it started.
        failed: Events whose handler failed, and which were not given back, since it started.
        restarts: How often it went on after a failure, since it started.
        waited: Seconds from delivery to handling, summed over its events, since it started: divided by their number it is what an event
            waits. Measured only if the pipeline has a listener; None otherwise.
        took: Seconds inside its handler (of a producer: ``handle_demand``), summed over all calls; measured likewise.
    """

    name: str
    waiting: int = 0
    in_flight: int = 0
    busy: int = 0
    workers: int = 0
    buffered: int = 0
    handled: int = 0
    emitted: int = 0
    discarded: int = 0
    failed: int = 0
    restarts: int = 0
    waited: float | None = None
    took: float | None = None


@dataclass(frozen=True, slots=True)
class EdgeStats:
    """One subscription at one moment.

    Attributes:
        producer: The stage that gives.
        consumer: The stage that takes.
        key: Whose events; None if not keyed.
        outstanding: Asked for and not yet delivered: what the consumer waits for.
        max_demand: At most so many events are asked for and not yet handled; 0 with manual demand.
        dropped: Events that it missed because it had no demand for them, if it is a slow consumer that may miss some.
        interrupted: The producer has failed, and the subscription waits to open again.
    """

    producer: str
    consumer: str
    key: Hashable
    outstanding: int
    max_demand: int = 0
    dropped: int = 0
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Stats:
    """A pipeline at one moment.

    Attributes:
        time: On the pipeline's clock; two looks make a rate.
        stages: In the order of their start.
        edges: In the order of their subscription, stage by stage; those that are interrupted last.
    """

    time: float
    stages: tuple[StageStats, ...]
    edges: tuple[EdgeStats, ...]


def stats_of(stages: Mapping[Stage, Post], time: float) -> Stats:
    """Looks at stages that have been started; O(stages and subscriptions)."""
    edges = [edge for stage in stages if isinstance(stage, Giving) for edge in stage.outlet.edges]
    edges += [edge for stage in stages if isinstance(stage, Taking) for edge in stage.inlet.edges if edge.interrupted]
    return Stats(time, tuple(_stage_stats(stage, post) for stage, post in stages.items()), tuple(_edge_stats(edge) for edge in edges))


def totals_of(stage: Stage) -> tuple[int, int, int]:
    """What a stage has handled, emitted and discarded."""
    handled = stage.inlet.handled if isinstance(stage, Taking) else 0
    return (handled, stage.outlet.emitted, stage.outlet.discarded) if isinstance(stage, Giving) else (handled, 0, 0)


def diagram_of(stats: Stats) -> str:
    """A Mermaid flowchart: what each stage holds, and what is outstanding on each subscription."""
    numbers = {stage.name: f"s{number}" for number, stage in enumerate(stats.stages)}
    lines = ["flowchart LR"]
    for stage in stats.stages:
        parts = [stage.name]
        if stage.workers:
            parts.append(f"{stage.busy}/{stage.workers} busy, {stage.waiting} waiting")
        if stage.buffered:
            parts.append(f"{stage.buffered} buffered")
        if stage.discarded:
            parts.append(f"{stage.discarded} discarded")
        if stage.restarts:
            parts.append(f"{stage.restarts} restarts")
        lines.append(f'    {numbers[stage.name]}["{_quoted("<br>".join(parts))}"]')
    for edge in stats.edges:
        key = "" if edge.key is None else f"{edge.key}: "
        dropped = f", {edge.dropped} dropped" if edge.dropped else ""
        arrow = "-.->" if edge.interrupted else "-->"
        if edge.producer in numbers and edge.consumer in numbers:
            text = _quoted(f"{key}{edge.outstanding}{dropped}")
            lines.append(f'    {numbers[edge.producer]} {arrow}|"{text}"| {numbers[edge.consumer]}')
    return "\n".join(lines)


def _edge_stats(edge: Subscription) -> EdgeStats:
    most = 0 if edge.manual else edge.max_demand
    return EdgeStats(edge.producer, edge.consumer, edge.key, edge.outstanding, most, edge.dropped, edge.interrupted)


def _stage_stats(stage: Stage, post: Post) -> StageStats:
    counts: dict[str, int] = {}
    if isinstance(stage, Taking):
        inlet = stage.inlet
        counts |= {"waiting": inlet.waiting, "in_flight": inlet.in_flight, "busy": inlet.busy}
        counts |= {"workers": inlet.limit, "handled": inlet.handled, "failed": inlet.failed}
    if isinstance(stage, Giving):
        outlet = stage.outlet
        counts |= {"buffered": outlet.buffered, "emitted": outlet.emitted, "discarded": outlet.discarded}
    waited, took = (None, None) if post.watch is None else (post.watch.waited, post.watch.took)
    return StageStats(stage.name, **counts, restarts=post.warden.restarts, waited=waited, took=took)


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")
