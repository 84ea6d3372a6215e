"""``archiver items show``: one item with what became of it; ``items list`` is ``archiver deliveries`` by another name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from archiver.app import Archiver
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output, bytes_text
from archiver.database.port import DeliveryRow
from archiver.errors import ConfigError
from archiver.lifecycle import DeliveryState

__all__ = ["Step", "show"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an item's timeline; ``at`` is in milliseconds since the epoch, or None for what has no moment."""

    at: int | None
    what: str


async def show(delivery: int, /, *, options: Options | None = None) -> None:
    """Show what became of one item: when it happened, was found, was tried, and the receipt of the storage.

    ```
    archiver items show 17
    ```

    Args:
        delivery: Its number, as `archiver items list` shows it.
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        page = await archiver.deliveries(after=delivery - 1, limit=1)
    row = page[0] if page and page[0].id == delivery else None
    if row is None:
        raise ConfigError(f"there is no delivery {delivery}", hint="`archiver items list` shows them.")
    steps = list(_timeline(row))
    size = "of unknown size" if row.size is None else bytes_text(row.size)
    out.say(f"{row.kind} {row.external_id} of {row.customer}, {size}, is {row.state}.")
    out.say(f"  {row.path}")
    out.table(["when", "what"], [(_moment(step.at), step.what) for step in steps])
    if row.state in {DeliveryState.REJECTED, DeliveryState.GONE}:
        out.say(f"Let it be tried again: archiver retry {row.id}")
    out.result({"delivery": row, "timeline": steps})


def _timeline(row: DeliveryRow) -> Iterator[Step]:
    yield Step(at=row.occurred_at, what="it happened")
    yield Step(at=row.discovered_at, what="the source had it, and it was written down")
    why = ": ".join(filter(None, (row.reason, row.detail)))
    if row.attempt:
        yield Step(at=None, what=f"{row.attempt} {'try' if row.attempt == 1 else 'tries'} failed; the last one: {why}")
    elif why and row.receipt is None:
        yield Step(at=None, what=why)
    if row.state is DeliveryState.WAITING:
        # What will be purged is due long before it was found; then there is no moment to tell.
        yield Step(at=row.ready_at if row.ready_at > row.discovered_at else None, what="it is due")
    if row.receipt is not None:
        receipt = row.receipt
        found = "; it was there already" if receipt.recovered else ""
        yield Step(at=receipt.archived_at, what=f"the storage confirmed {receipt.size:,} bytes at {receipt.path}{found}")
        yield Step(at=None, what=f"sha256 {receipt.sha256}{f', {receipt.remote_hash}' if receipt.remote_hash else ''}")
        if receipt.remote_id or receipt.revision:
            yield Step(at=None, what=f"the storage's id {receipt.remote_id or '–'}, revision {receipt.revision or '–'}")


def _moment(at: int | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
