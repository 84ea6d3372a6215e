"""Sidecars: beside each file a small one that says in JSON all that is known of it.

The source ``sidecar`` follows the audit log: whatever of the customer was archived gets its sidecar within a minute. Its bytes are made
when they are uploaded; only the delivery's number is kept. A sidecar goes wherever its file goes: beside ``…_4711.mp3`` stands
``…_4711+recording~meta.json``. Ids that two sources of a customer have in common get one sidecar.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from archiver.database.audit import SETTLED, Span
from archiver.database.completeness import Particulars
from archiver.errors import ArchiverError, SourceGoneError
from archiver.model import Discovery, Item, Kind
from archiver.proof.listing import known_of
from archiver.proof.own import OwnAdapter, OwnSource
from archiver.sources.port import Page

__all__ = ["ADAPTER", "SidecarSource"]

_POLL_SECONDS = 30.0
_LINES = 100  # of the audit log that are read at one time: a line may tell of two thousand files
_WITHOUT = frozenset({Kind.MANIFEST, Kind.SIDECAR})


class _Batch(msgspec.Struct):
    archived: list[Span] = []
    customers: list[int] = []


class SidecarSource(OwnSource):
    """Finds one customer's sidecars, and makes their bytes."""

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """A sidecar for whatever was archived, then for whatever is; see `Source.discover`."""
        line = int(cursor or 0)
        while not self._closing.is_set():
            lines = [] if self._database is None else await self._database.audit_lines(after=line, limit=_LINES)
            for one in lines:
                line = one.number
                found = await self._beside(one.detail) if one.action == SETTLED else []
                if found:
                    yield Page(discoveries=found, cursor=str(line))
            if len(lines) == _LINES:
                continue
            until = self._clock.time() + _POLL_SECONDS
            yield Page(discoveries=(), cursor=str(line), complete=True, rest=_POLL_SECONDS)
            await self._wait(until)

    async def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes from ``offset`` on; see `Source.stream`."""
        made = await self._made(item)
        if isinstance(made, ArchiverError):
            raise made
        yield made[offset:]

    async def _beside(self, detail: str) -> list[Discovery]:
        """The sidecars of a batch, by the line that tells of it."""
        assert self._database is not None  # noqa: S101  the caller has asked
        assert self._connection is not None  # noqa: S101  as above
        batch = msgspec.json.decode(detail, type=_Batch)
        if self._connection.customer_id not in batch.customers or not batch.archived:
            return []
        archived = await self._database.archived_in(self._connection.customer_id, batch.archived)
        return [_sidecar(one) for one in archived if one.row.kind not in _WITHOUT]

    async def _made(self, item: Item) -> bytes | ArchiverError:
        if self._database is None or self._connection is None or not item.locator.isdecimal():
            return SourceGoneError("there is nothing to make a sidecar of")
        number = int(item.locator)
        found = await self._database.archived_in(self._connection.customer_id, [(number, number)])
        if not found:
            return SourceGoneError("what the sidecar is about is no longer known")
        return msgspec.json.format(msgspec.json.encode(known_of(found[0])), indent=1) + b"\n"


def _sidecar(one: Particulars) -> Discovery:
    row = one.row
    return Discovery(
        kind=Kind.SIDECAR,
        external_id=row.external_id,
        part=".".join(filter(None, (one.part, row.kind.replace("_", "-")))),  # things of several kinds may have one id
        occurred_at=row.occurred_at,
        locator=str(row.id),
        media_type="application/json",
        direction=one.direction,
        sender=one.sender,
        recipient=one.recipient,
        owner=one.owner,
        metadata={**one.metadata, "of": row.kind},
    )


ADAPTER = OwnAdapter("sidecar", "Beside each of the customer's files a small one with all that is known of it, as JSON.", SidecarSource)
