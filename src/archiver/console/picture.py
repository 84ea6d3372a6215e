"""The pipeline as a living picture: places and words of an SVG that a template draws. Items flow to the right, demand to the left."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import msgspec

from archiver.app import Snapshot
from archiver.console.templating import amount, name_of, rate
from archiver.model import Millis
from archiver.snapshot import Edge

__all__ = ["Arrow", "Box", "Picture", "picture_of"]

_WIDTH = 1060
_MOST_CLOUDS = 6
_ROW = 62
_TOP = 26
_REASON_LETTERS = 19  # of a line between two boxes


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A stage, a room outside, or a provider.

    Attributes:
        title: Its name.
        lines: What it holds.
        x: Left.
        y: Top.
        width: Its width.
        height: Its height.
        kind: ``stage``, ``room`` or ``cloud``.
        fill: How full it is, of 1.
        state: ``busy``, ``idle`` or ``held``.
    """

    title: str
    lines: tuple[str, ...]
    x: float
    y: float
    width: float = 132
    height: float = 74
    kind: str = "stage"
    fill: float = 0.0
    state: str = "idle"

    @property
    def middle(self) -> float:
        """The height at which arrows meet it."""
        return self.y + self.height / 2


class Arrow(msgspec.Struct, frozen=True, kw_only=True):
    """What flows from one box to the next.

    Attributes:
        path: Its line, as SVG writes it.
        flows: Something is on its way.
        demand: What is asked for, against the arrow; empty where nothing is asked.
        label: What is said of it.
        asleep: Why nothing is asked for, line by line.
        until: When it goes on by itself; 0 if that is not known.
        x: Where its words stand.
        y: Where its words stand.
    """

    path: str
    flows: bool = False
    demand: str = ""
    label: str = ""
    asleep: tuple[str, ...] = ()
    until: Millis = 0
    x: float = 0
    y: float = 0


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        width: In the units of the drawing.
        height: In the units of the drawing.
        boxes: From left to right.
        arrows: From left to right.
        told: The same in words, for who cannot see it.
    """

    width: float
    height: float
    boxes: tuple[Box, ...] = ()
    arrows: tuple[Arrow, ...] = ()
    told: str = ""


def picture_of(snapshot: Snapshot) -> Picture:
    """Draws a snapshot; where this process runs no pipeline there is nothing to draw."""
    if not snapshot.drawing.stages:
        return Picture(width=_WIDTH, height=0)
    rows = max(2, min(_MOST_CLOUDS, len(snapshot.drawing.clouds)))
    height = _TOP + rows * _ROW + 96
    house = _house(snapshot, top=_TOP + rows * _ROW / 2 - 37, bottom=height - 78)
    boxes, arrows = list(house.values()), _inner_arrows(snapshot, house)
    for box, arrow in _clouds(snapshot, house["Uploader"], rows):
        boxes.append(box)
        arrows.append(arrow)
    return Picture(width=_WIDTH, height=height, boxes=tuple(boxes), arrows=tuple(arrows), told=_told(snapshot))


def _flows(snapshot: Snapshot) -> bool:
    return snapshot.uploads_per_second > 0 or any(edge.moving for edge in snapshot.drawing.edges)


def _house(snapshot: Snapshot, *, top: float, bottom: float) -> dict[str, Box]:
    """The stages and the rooms between them, by name."""
    stages = {stage.name: stage for stage in snapshot.drawing.stages}
    uploader, asked = stages["Uploader"], stages["Fetcher"].busy
    failing = len(snapshot.unreadable)
    busy = "busy" if _flows(snapshot) else "idle"
    boxes = [
        Box(
            title="Sources",
            lines=(f"{amount(failing)} cannot be read" if failing else "watched",),
            x=4,
            y=top,
            width=96,
            kind="room",
            state="held" if failing else "idle",
        ),
        Box(
            title="Database",
            lines=(f"{amount(snapshot.totals.waiting)} waiting", f"{amount(stages['Fetcher'].done)} reads"),
            x=160,
            y=top,
            kind="room",
            state=busy,
        ),
        Box(title="Fetcher", lines=("one read for all", f"asked for {amount(asked)}"), x=360, y=top, state="busy" if asked else "idle"),
        Box(
            title="Uploader",
            lines=(f"{amount(uploader.busy)} busy in {amount(uploader.count)} lanes", f"{amount(uploader.waiting)} buffered"),
            x=620,
            y=top,
            width=148,
            fill=min(1.0, (uploader.busy + uploader.waiting) / uploader.most) if uploader.most else 0.0,
            state="busy" if uploader.busy else "idle",
        ),
        Box(
            title="Settlement",
            lines=(f"{rate(snapshot.uploads_per_second)} archived/s", f"{amount(stages['Settlement'].busy)} to write"),
            x=360,
            y=bottom,
            state=busy,
        ),
    ]
    return {box.title: box for box in boxes}


def _inner_arrows(snapshot: Snapshot, house: dict[str, Box]) -> list[Arrow]:
    """Between the boxes of the house."""
    edges = {(edge.giver, edge.taker): edge for edge in snapshot.drawing.edges}
    upload, settle, database = house["Uploader"], house["Settlement"], house["Database"]
    sources, flows, words = house["Sources"], _flows(snapshot), settle.middle
    return [
        Arrow(path=_line(sources, database), label="Collector", x=130, y=sources.y + 4),
        _arrow(database, house["Fetcher"], msgspec.structs.replace(edges["Database", "Fetcher"], asleep="", until=0)),
        _arrow(house["Fetcher"], upload, edges["Fetcher", "Uploader"]),
        Arrow(path=_down(upload, settle), flows=flows, label="receipts", x=(upload.x + settle.x + settle.width) / 2 + 36, y=words),
        Arrow(path=_up(settle, database), flows=flows, label="settled", x=(database.x + database.width / 2 + settle.x) / 2, y=words),
    ]


def _clouds(snapshot: Snapshot, upload: Box, rows: int) -> Iterator[tuple[Box, Arrow]]:
    """The providers, each with the arrow that leads to it."""
    clouds = snapshot.drawing.clouds[:_MOST_CLOUDS]
    for place, cloud in enumerate(clouds):
        held = f", {amount(cloud.throttled)} throttled" if cloud.throttled else ""
        box = Box(
            title=name_of(cloud.provider),
            lines=(f"{amount(cloud.lanes)} {'lane' if cloud.lanes == 1 else 'lanes'}{held}",),
            x=896,
            y=_TOP + place * _ROW + (rows - len(clouds)) * _ROW / 2,
            width=160,
            height=52,
            kind="cloud",
            state="held" if cloud.throttled == cloud.lanes else "busy" if cloud.in_flight else "idle",
        )
        yield box, _arrow(upload, box, msgspec.structs.replace(cloud.edge, demand=0), f"{amount(cloud.in_flight)} under way")


def _arrow(giver: Box, taker: Box, edge: Edge, label: str = "") -> Arrow:
    flows = bool(edge.moving or edge.demand)
    return Arrow(
        path=_line(giver, taker),
        flows=flows,
        demand=amount(edge.demand) if edge.demand else "",
        label=label if flows else "",
        asleep=tuple(textwrap.wrap("" if edge.demand else edge.asleep, _REASON_LETTERS)),
        until=0 if flows else edge.until,
        x=(giver.x + giver.width + taker.x) / 2,
        y=(giver.middle + taker.middle) / 2,
    )


def _line(giver: Box, taker: Box) -> str:
    x1, x2, y1, y2 = giver.x + giver.width, taker.x, giver.middle, taker.middle
    bend = (x2 - x1) * 0.5
    return f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"


def _down(giver: Box, taker: Box) -> str:
    x, y, right = giver.x + giver.width / 2, giver.y + giver.height, taker.x + taker.width
    return f"M{x:g} {y:g}V{taker.middle - 14:g}Q{x:g} {taker.middle:g} {x - 14:g} {taker.middle:g}H{right:g}"


def _up(giver: Box, taker: Box) -> str:
    x = taker.x + taker.width / 2
    return f"M{giver.x:g} {giver.middle:g}H{x + 14:g}Q{x:g} {giver.middle:g} {x:g} {giver.middle - 14:g}V{taker.y + taker.height:g}"


def _told(snapshot: Snapshot) -> str:
    ask = next(edge for edge in snapshot.drawing.edges if edge.taker == "Uploader")
    asked = f"{ask.demand} items are asked for" if ask.demand else f"nothing is asked for{': ' if ask.asleep else ''}{ask.asleep}"
    clouds = "; ".join(
        f"{name_of(cloud.provider)}: {cloud.lanes} lanes, {cloud.in_flight} items under way, {cloud.throttled} throttled"
        for cloud in snapshot.drawing.clouds
    )
    return f"{snapshot.totals.waiting} items wait in the database; {asked}. {clouds}"
