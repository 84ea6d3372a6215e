"""A look at a running pipeline: frozen values, and a drawing of them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from genstage.stage import Giving, Stage, Taking

__all__ = ["EdgeStats", "StageStats", "Stats", "diagram_of", "stats_of"]


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


@dataclass(frozen=True, slots=True)
class EdgeStats:
    """One subscription at one moment.

    Attributes:
        producer: The stage that gives.
        consumer: The stage that takes.
        key: Whose events; None if not keyed.
        outstanding: Asked for and not yet delivered: what the consumer waits for.
    """

    producer: str
    consumer: str
    key: Hashable
    outstanding: int


@dataclass(frozen=True, slots=True)
class Stats:
    """A pipeline at one moment.

    Attributes:
        time: On the pipeline's clock; two looks make a rate.
        stages: In the order of their start.
        edges: In the order of their subscription, stage by stage.
    """

    time: float
    stages: tuple[StageStats, ...]
    edges: tuple[EdgeStats, ...]


def stats_of(stages: list[Stage], time: float) -> Stats:
    """Looks at stages that have been started; O(stages and subscriptions)."""
    edges = (
        EdgeStats(stage.name, edge.consumer, edge.key, edge.outstanding)
        for stage in stages
        if isinstance(stage, Giving)
        for edge in stage.outlet.edges
    )
    return Stats(time, tuple(_stage_stats(stage) for stage in stages), tuple(edges))


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
        lines.append(f'    {numbers[stage.name]}["{_quoted("<br>".join(parts))}"]')
    for edge in stats.edges:
        key = "" if edge.key is None else f"{edge.key}: "
        if edge.consumer in numbers:
            lines.append(f'    {numbers[edge.producer]} -->|"{_quoted(f"{key}{edge.outstanding}")}"| {numbers[edge.consumer]}')
    return "\n".join(lines)


def _stage_stats(stage: Stage) -> StageStats:
    counts: dict[str, int] = {}
    if isinstance(stage, Taking):
        inlet = stage.inlet
        counts |= {"waiting": inlet.inbox.waiting, "in_flight": inlet.in_flight, "busy": inlet.busy}
        counts |= {"workers": inlet.limit, "handled": inlet.handled}
    if isinstance(stage, Giving):
        outlet = stage.outlet
        counts |= {"buffered": outlet.dispatcher.buffered, "emitted": outlet.emitted, "discarded": outlet.discarded}
    return StageStats(stage.name, **counts)


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")
