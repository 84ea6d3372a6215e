"""A picture of a lane's rate beside the limit that it does not know, as SVG."""

from __future__ import annotations

from benchmarks.pacer_providers import Limiter
from benchmarks.pacer_world import Trace

__all__ = ["plot"]

_WIDTH, _HEIGHT, _MARGIN = 900, 300, 40
_STEP = 5  # seconds that are drawn as one point


def plot(limiter: Limiter, trace: Trace, title: str) -> str:
    """Draws calls taken per second, the limit, and a mark for each refusal."""
    seconds = len(trace.taken) - 1
    starts = range(0, seconds, _STEP)
    limit = [limiter.permitted(start + 1e-9, start + _STEP) / _STEP for start in starts]
    taken = [sum(trace.taken[start : start + _STEP]) / _STEP for start in starts]
    top = 1.25 * max(*limit, *taken)

    def point(second: float, rate: float) -> str:
        x = _MARGIN + (_WIDTH - 2 * _MARGIN) * second / seconds
        return f"{x:.1f},{_HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * rate / top:.1f}"

    def line(values: list[float], style: str) -> str:
        points = " ".join(point(start, value) for start, value in zip(starts, values, strict=True))
        return f'<polyline fill="none" {style} points="{points}"/>'

    marks = []
    for second, refused in enumerate(trace.refused):
        if refused:
            x, y = point(second, 0).split(",")
            marks.append(f'<circle cx="{x}" cy="{y}" r="3" fill="#c0392b"/>')
    labels = [
        f'<text x="{_MARGIN}" y="20" font-size="14">{title}</text>',
        f'<text x="{_MARGIN}" y="{_HEIGHT - 8}" font-size="12">grey: the limit · blue: calls taken per second · red: a refusal</text>',
    ]
    labels += [f'<text x="8" y="{point(0, rate).split(",")[1]}" font-size="11">{rate}</text>' for rate in range(0, int(top) + 1, 4)]
    for minute in range(0, seconds // 60 + 1, 10):
        x = point(minute * 60, 0).split(",")[0]
        labels.append(f'<text x="{x}" y="{_HEIGHT - 24}" font-size="11">{minute} min</text>')
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            *labels,
            line(limit, 'stroke="#999" stroke-width="3"'),
            line(taken, 'stroke="#2471a3" stroke-width="1.2"'),
            *marks,
            "</svg>\n",
        ]
    )
