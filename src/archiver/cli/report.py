"""``archiver report``: whether everything that a customer's sources have is archived, and if not, what is missing and why."""

from __future__ import annotations

import time

import msgspec

from archiver.app import Archiver
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output, ago, bytes_text, moment_text
from archiver.proof.completeness import LaneReport, Report, Verdict

__all__ = ["report"]

_NUMBERS = frozenset({"found", "archived", "waiting", "rejected", "gone", "missing", "size"})
_STYLES = {Verdict.COMPLETE: "bold green", Verdict.UNDER_WAY: "bold", Verdict.MISSING: "bold red"}


async def report(customer: str, /, *, options: Options | None = None) -> int:
    """Show whether everything that a customer's sources have is archived, and if not, what is missing and why.

    The exit code is 1 if something is lost, needs a person, or cannot be known since no pass over a source came to its end lately;
    it is 0 if everything is archived, or will be without anybody's help.

    ```
    archiver report acme
    archiver report acme --json
    ```

    Args:
        customer: Whose.
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        made = await archiver.prover.report(customer)
    out.say(f"{made.customer}: {made.verdict}", style=_STYLES[made.verdict])
    for why in made.why:
        out.say(f"  {why}")
    _tell(out, made)
    out.result({**msgspec.structs.asdict(made), "missing": sum(kind.missing for lane in made.lanes for kind in lane.kinds)})
    return 1 if made.verdict is Verdict.MISSING else 0


def _tell(out: Output, made: Report) -> None:
    now = time.time()
    out.table(
        ["source", "last read through", "claims"],
        [
            (
                source.adapter,
                f"{ago(source.complete_at, now=now)} ago" if source.complete_at else "never",
                ", ".join(f"{count:,} {kind}" for kind, count in sorted(source.claimed.items())) or "cannot count",
            )
            for source in made.sources
        ],
    )
    columns = ["to", "kind", "found", "archived", "waiting", "rejected", "gone", "missing", "size", "purged from"]
    out.table(columns, [row for lane in made.lanes for row in _rows(lane)], right=_NUMBERS)


def _rows(lane: LaneReport) -> list[tuple[object, ...]]:
    return [
        (
            lane.adapter,
            kind.kind,
            f"{kind.found:,}",
            f"{kind.archived:,}",
            f"{kind.waiting:,}",
            f"{kind.rejected:,}",
            f"{kind.gone:,}",
            f"{kind.missing:,}",
            bytes_text(kind.archived_bytes),
            moment_text(kind.purge_at) if kind.purge_at else "–",
        )
        for kind in lane.kinds
    ]
