"""The two pictures of ``benchmarks.archiver``: the airline's uploads and its refused calls, second by second, old against new, as SVG.

They are drawn from the run's own figures. No font, script or colour comes from outside; light and dark follow the reader's system.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import msgspec

from benchmarks.archiver_figures import Figures, spread

__all__ = ["draw"]

_WIDTH, _HEIGHT = 900, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 190, 72, 52
_LABEL_PIXELS = 17
_STYLE = """
  .back { fill: #ffffff } .text { fill: #24292f } .soft { fill: #57606a } .grid { stroke: #d0d7de } .limit { stroke: #57606a }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round } .bar { stroke-width: 5 }
  .s0 { stroke: #bc4c00 } .s1 { stroke: #9a6700 } .s2 { stroke: #8250df } .s3 { stroke: #0969da }
  .f0 { fill: #bc4c00 } .f1 { fill: #9a6700 } .f2 { fill: #8250df } .f3 { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } .text { fill: #e6edf3 } .soft { fill: #9198a1 } .grid { stroke: #30363d } .limit { stroke: #9198a1 }
    .s0 { stroke: #f0883e } .s1 { stroke: #e3b341 } .s2 { stroke: #bc8cff } .s3 { stroke: #58a6ff }
    .f0 { fill: #f0883e } .f1 { fill: #e3b341 } .f2 { fill: #bc8cff } .f3 { fill: #58a6ff }
  }"""


class _Axes(msgspec.Struct, frozen=True):
    """Where a value stands in the picture."""

    seconds: int
    top: float

    def x(self, second: float) -> float:
        """From the left edge."""
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * second / self.seconds

    def y(self, value: float) -> float:
        """From the upper edge."""
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / self.top


def draw(rows: Sequence[Figures]) -> dict[str, str]:
    """File name → picture."""
    return {"uploads-per-second.svg": _uploads(rows), "throttled-per-second.svg": _throttled(rows)}


def _uploads(rows: Sequence[Figures]) -> str:
    lines = [spread(row.uploads) for row in rows]
    permitted = max(row.items_per_second / row.permitted_share for row in rows if row.permitted_share)
    axes = _Axes(max(len(row.uploads) for row in rows), 1.15 * max(permitted, *(max(line) for line in lines)))
    y = axes.y(permitted)
    body = [
        f'<line class="limit" stroke-dasharray="5 5" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
        f'<text class="soft" x="{_LEFT + 6}" y="{y - 6:.1f}">the most that the account permits: {permitted:.0f}</text>',
    ]
    for number, line in enumerate(lines):
        points = " ".join(f"{axes.x(second + 1):.1f},{axes.y(value):.1f}" for second, value in enumerate(line))
        body.append(f'<polyline class="line s{number}" points="{points}"/>')
    ends = [(row.name, f"{row.items_per_second:.0f} a second", axes.y(line[-1])) for row, line in zip(rows, lines, strict=True)]
    title, below = "Uploads per second", "recordings of the airline, from one commit to the next"
    return _picture(title, below, axes, [*body, *_labels(ends)])


def _throttled(rows: Sequence[Figures]) -> str:
    seconds = max(len(row.throttled) for row in rows)
    axes = _Axes(seconds, 1.15 * max(5, *(max(row.throttled) for row in rows)))
    body = []
    for number, row in enumerate(rows):
        shift = 0.5 + (number - (len(rows) - 1) / 2) * 0.2  # beside each other where several were refused in one second
        body += [
            f'<line class="bar s{number}" x1="{axes.x(second + shift):.1f}" x2="{axes.x(second + shift):.1f}" '
            f'y1="{axes.y(0):.1f}" y2="{axes.y(count):.1f}"/>'
            for second, count in enumerate(row.throttled)
            if count
        ]
    ends = [(row.name, f"{sum(row.throttled):,} refused", axes.y(0)) for row in rows]
    title, below = "Refused calls per second", "calls of the airline that were answered 429"
    return _picture(title, below, axes, [*body, *_labels(ends)])


def _labels(ends: Sequence[tuple[str, str, float]]) -> list[str]:
    """The legend: beside the end of each line, and none over another."""
    made: list[str] = []
    free = float(_HEIGHT - _BOTTOM)
    for number, (name, value, y) in sorted(enumerate(ends), key=lambda end: -end[1][2]):
        at = min(y + 4, free)
        free = at - 2 * _LABEL_PIXELS - 4
        x = _WIDTH - _RIGHT + 10
        made.append(f'<text class="f{number}" x="{x}" y="{at - _LABEL_PIXELS:.1f}" font-weight="bold">{escape(name)}</text>')
        made.append(f'<text class="soft" x="{x}" y="{at:.1f}">{escape(value)}</text>')
    return made


def _picture(title: str, below: str, axes: _Axes, body: Sequence[str]) -> str:
    grid = []
    step = _step(axes.top)
    for value in range(0, int(axes.top) + 1, step):
        y = axes.y(value)
        grid.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        grid.append(f'<text class="soft" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    step = _step(axes.seconds)
    grid += [
        f'<text class="soft" x="{axes.x(second):.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">{second}</text>'
        for second in range(0, axes.seconds + 1, step)
    ]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="13" role="img">',
            f"<title>{escape(title)}: {escape(below)}</title>",
            f"<style>{_STYLE}\n</style>",
            f'<rect class="back" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>',
            f'<text class="text" x="{_LEFT}" y="30" font-size="18" font-weight="bold">{escape(title)}</text>',
            f'<text class="soft" x="{_LEFT}" y="50">{escape(below)}</text>',
            *grid,
            f'<text class="soft" x="{middle:.0f}" y="{_HEIGHT - 12}" text-anchor="middle">seconds since the start</text>',
            *body,
            "</svg>\n",
        ]
    )


def _step(top: float) -> int:
    """From one mark of an axis to the next: 1, 2 or 5 with zeros, about six marks."""
    rough = max(1.0, top / 6)
    unit = 10 ** math.floor(math.log10(rough))
    return int(next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough))
