"""``archiver verify``: whether a customer's storages still have what was archived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archiver.app import Archiver
from archiver.cli.failures import UsageError
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output
from archiver.proof.verification import Verification

__all__ = ["verify"]

_SHOWN = 50  # differences; all of them are in the JSON
_NUMBERS = frozenset({"archived", "looked at", "same", "size only"})


async def verify(customer: str, /, *, sample: str = "100%", options: Options | None = None) -> int:
    """Look whether a customer's storages still have what was archived, with the size and the bytes that the receipts say.

    The storages are asked for sizes and hashes; no content is moved. What was looked at and found becomes a line of the audit log.

    The exit code is 1 if a file is missing or differs, each of which is named, or if a storage could not be asked.

    ```
    archiver verify acme
    archiver verify acme --sample 5% --json
    ```

    Args:
        customer: Whose.
        sample: Which part of the files to look at, chosen by chance, such as 5%.
    """
    out = Output(options)
    part = _part(sample)
    async with Archiver.open(settings_of(options)) as archiver:
        total = sum(lane.archived for lane in await archiver.status() if lane.customer == customer)
        with _bar(out, total) as told:
            found = await archiver.prover.verify(customer, sample=part, told=told)
    _tell(out, found)
    out.result({**msgspec.structs.asdict(found), "proven": found.proven})
    return 0 if found.proven else 1


def _tell(out: Output, found: Verification) -> None:
    out.table(
        ["to", "archived", "looked at", "same", "size only", "not seen since"],
        [(lane.adapter, lane.archived, lane.looked, lane.same, lane.size_only, lane.unseen) for lane in found.lanes],
        right=_NUMBERS,
    )
    for one in found.differences[:_SHOWN]:
        out.say(f"{one.path}: {one.what} (delivery {one.delivery})", style="red")
    if len(found.differences) > _SHOWN:
        out.say(f"… and {len(found.differences) - _SHOWN:,} more; --json names them all.")
    if found.proven:
        out.say(f"Everything of {found.customer} that was looked at is as its receipts say.", style="green")
    else:
        unseen = " Not everything could be looked at." if any(lane.unseen for lane in found.lanes) else ""
        out.say(f"{len(found.differences):,} files are not what their receipts say.{unseen}", style="bold red")


def _part(text: str) -> float:
    try:
        part = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        part = 0.0
    if not 0 < part <= 1:
        raise UsageError("a sample is a part of the files, such as 5%", hint="More than 0 and at most 100%.")
    return part


@contextmanager
def _bar(out: Output, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; nothing elsewhere."""
    if not out.console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("Looking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out.console, transient=True) as progress:
        task = progress.add_task("Looking", total=total)
        yield lambda passed: progress.update(task, completed=passed)
