"""Manifests: for each day a list of its files with their hashes, delivered beside them as any other item.

A manifest is made of the audit log, batch by batch, once the day on which they were archived is over (UTC). It lists the files of one
day in one destination. What is archived later of the same day goes into the next revision, under another name: nothing is ever
overwritten. All of a day's revisions together list each of its files once.

| file | what it is |
|---|---|
| ``Manifests/2026/manifest-2026-11-24-sha256.txt`` | for ``sha256sum -c``, run where ``Manifests`` is |
| ``Manifests/2026/manifest-2026-11-24-files.jsonl`` | a line about the manifest, then a line for each file with all that is known |
| ``Manifests/2026/manifest-2026-11-24-2-sha256.txt`` | the second revision |

The line about the manifest names a line of the audit log with its hash. Whoever has it can tell later that nothing that came before in
the log was changed or cut off: ``archiver audit verify --kept NUMBER:HASH``.

The bytes are made when they are uploaded, from receipts that never change; only how to make them is kept. The source that finds manifests
is a customer's connection as any other: ``--from manifest``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from archiver.adapter import Option
from archiver.database.audit import SETTLED, Span, spans_of
from archiver.database.port import Database, DeliveryRow
from archiver.errors import ArchiverError, SourceGoneError
from archiver.model import Connection, Discovery, Item, Kind, LaneId, Millis, Role
from archiver.sources.port import ALONE, Context, Page, Source
from genstage.clock import Clock

__all__ = ["ADAPTER", "ManifestAdapter", "ManifestSource", "checksum_line", "file_line"]

_DAY: Millis = 86_400_000
_GRACE_SECONDS = 60.0  # after midnight, for batches that were being written
_LONGEST_REST = 3600.0
_PAGE = 500
_FILES = 1000  # whose lines are made at one time

_JSONL = "application/jsonl"
_TEXT = "text/plain"


class _Recipe(msgspec.Struct, frozen=True, array_like=True):
    """How to make a manifest: its locator."""

    revision: int
    day: int
    spans: list[Span]
    files: int
    size: int
    line: int
    hash: str


class _State(msgspec.Struct, kw_only=True):
    """The cursor: which line of the audit log was the last one, and how many revisions each day has, by lane and day."""

    line: int = 0
    revisions: dict[str, int] = {}


class _Batch(msgspec.Struct):
    archived: list[Span] = []
    customers: list[int] = []


class ManifestSource:
    """Finds one customer's manifests, and makes their bytes.

    Args:
        database: Where the audit log and the receipts are; None finds nothing, for a connection that is about to be added.
        connection: The customer's connection that stands for this source.
        clock: Time.
    """

    def __init__(self, database: Database | None, connection: Connection | None, clock: Clock) -> None:
        self._database = database
        self._connection = connection
        self._clock = clock
        self._closing = asyncio.Event()

    def __repr__(self) -> str:
        return "ManifestSource()"

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """The manifests of all days that are over, then, each midnight, the next; see `Source.discover`."""
        state = msgspec.json.decode(cursor, type=_State) if cursor else _State()
        while not self._closing.is_set():
            now = int(self._clock.wall() * 1000)
            found = await self._found(state, before=now - now % _DAY) if self._database is not None else []
            yield Page(discoveries=found, cursor=msgspec.json.encode(state).decode(), complete=True)
            rest = (_DAY - now % _DAY) / 1000 + _GRACE_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(rest, _LONGEST_REST)):
                    await self._closing.wait()

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        """Whole manifests; see `Source.read_many`."""
        results: list[bytes | ArchiverError] = []
        for item in items:
            try:
                results.append(b"".join([chunk async for chunk in self.stream(item)]))
            except ArchiverError as error:
                results.append(error)
        return results

    async def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """The lines from ``offset`` on; see `Source.stream`."""
        try:
            recipe = msgspec.json.decode(item.locator, type=_Recipe)
        except msgspec.MsgspecError:
            raise SourceGoneError("what the manifest's locator held is damaged") from None
        skip = offset
        async for piece in self._pieces(recipe, as_json=item.media_type == _JSONL):
            if skip >= len(piece):
                skip -= len(piece)
            else:
                yield piece[skip:]
                skip = 0

    async def close(self) -> None:
        """Ends the watch."""
        self._closing.set()

    # -- finding --------------------------------------------------------------------------------------------------------------------

    async def _found(self, state: _State, *, before: Millis) -> list[Discovery]:
        """The manifests of what was archived since the state's line and before a moment; the state is then what it is after them."""
        assert self._database is not None  # noqa: S101  the caller has asked
        assert self._connection is not None  # noqa: S101  as above
        customer_id = self._connection.customer_id
        days: dict[tuple[LaneId, int], list[tuple[int, int]]] = {}
        reached, anchor = state.line, ""
        while page := await self._database.audit_lines(after=reached, limit=_PAGE):
            for line in page:
                if line.at >= before:
                    break
                reached, anchor = line.number, line.hash
                if line.action == SETTLED:
                    batch = msgspec.json.decode(line.detail, type=_Batch)
                    if customer_id in batch.customers and batch.archived:
                        await self._sort(customer_id, batch.archived, days)
            else:
                continue
            break
        found = []
        first = await self._first_lane(customer_id)
        for (lane, day), files in sorted(days.items()):
            key = f"{lane}:{day}"
            revision = state.revisions[key] = state.revisions.get(key, 0) + 1
            recipe = _Recipe(
                revision=revision,
                day=day,
                spans=spans_of(sorted(number for number, _ in files)),
                files=len(files),
                size=sum(size for _, size in files),
                line=reached,
                hash=anchor,
            )
            found += _discoveries(recipe, lane, "" if lane == first else f"-{lane}")
        state.line = reached
        return found

    async def _sort(self, customer_id: int, spans: Sequence[Span], days: dict[tuple[LaneId, int], list[tuple[int, int]]]) -> None:
        """Puts each archived file of a batch to its lane and day; manifests list no manifests."""
        assert self._database is not None  # noqa: S101  the caller has asked
        for row in await self._database.archived_in(customer_id, spans):
            if row.kind is not Kind.MANIFEST and row.receipt is not None:
                days.setdefault((row.lane, row.occurred_at // _DAY), []).append((row.id, row.receipt.size))

    async def _first_lane(self, customer_id: int) -> LaneId:
        assert self._database is not None  # noqa: S101  the caller has asked
        lanes = await self._database.connections(customer_id=customer_id, role=Role.DESTINATION)
        return min((lane.id for lane in lanes), default=0)

    # -- making ---------------------------------------------------------------------------------------------------------------------

    async def _pieces(self, recipe: _Recipe, *, as_json: bool) -> AsyncIterator[bytes]:
        if self._database is None or self._connection is None:
            raise SourceGoneError("there is no database to make manifests of")
        if as_json:
            yield _header(recipe)
        for spans in _cut(recipe.spans):
            rows = await self._database.archived_in(self._connection.customer_id, spans)
            yield b"".join([file_line(row) if as_json else checksum_line(row) for row in rows])


def checksum_line(row: DeliveryRow) -> bytes:
    r"""A file as ``sha256sum`` writes it; a name with a backslash or a line break is escaped, and the line begins with ``\``."""
    if row.receipt is None:
        return b""
    path = row.path.lstrip("/")
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == path else chr(92)}{row.receipt.sha256}  {escaped}\n".encode()


def file_line(row: DeliveryRow) -> bytes:
    """A file as a line of JSON: what it is, where it is, and what the storage confirmed."""
    if row.receipt is None:
        return b""
    r = row.receipt
    told: Mapping[str, Any] = {
        "path": row.path.lstrip("/"),
        "sha256": r.sha256,
        "size": r.size,
        "kind": row.kind,
        "id": row.external_id,
        "occurred_at": _moment(row.occurred_at),
        "archived_at": _moment(r.archived_at),
        "stored_at": r.path,
        "remote_id": r.remote_id,
        "revision": r.revision,
        "remote_hash": r.remote_hash,
        "delivery": row.id,
    }
    return msgspec.json.encode(told) + b"\n"


def _header(recipe: _Recipe) -> bytes:
    told = {
        "manifest": recipe.revision,
        "day": _date(recipe.day),
        "files": recipe.files,
        "bytes": recipe.size,
        "audit": f"{recipe.line}:{recipe.hash}",
    }
    return msgspec.json.encode(told) + b"\n"


def _discoveries(recipe: _Recipe, lane: LaneId, mark: str) -> list[Discovery]:
    """The two files of a manifest; ``mark`` tells those of a customer's further destinations apart."""
    name = f"{_date(recipe.day)}{mark}{'' if recipe.revision == 1 else f'-{recipe.revision}'}"
    locator = msgspec.json.encode(recipe).decode()
    return [
        Discovery(
            kind=Kind.MANIFEST,
            external_id=f"{name}-{what}",
            occurred_at=recipe.day * _DAY,
            locator=locator,
            media_type=media_type,
            lane=lane,
        )
        for what, media_type in (("sha256", _TEXT), ("files", _JSONL))
    ]


def _cut(spans: Sequence[Span]) -> list[list[Span]]:
    """Spans in parts of at most so many files."""
    parts: list[list[Span]] = [[]]
    room = _FILES
    for first, last in spans:
        start = first
        while start <= last:
            if not room:
                parts.append([])
                room = _FILES
            end = min(last, start + room - 1)
            parts[-1].append((start, end))
            room -= end - start + 1
            start = end + 1
    return [part for part in parts if part]


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY / 1000, UTC).strftime("%Y-%m-%d")


def _moment(moment: Millis) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ManifestAdapter:
    """Registers the source ``manifest``."""

    name = "manifest"
    summary = "For each day a list of the customer's files with their hashes, beside the files."
    options: tuple[Option, ...] = ()

    def open(self, options: dict[str, Any], context: Context = ALONE) -> Source:
        """Makes a source that finds nothing: the real one is made where the database is; see `ManifestSource`."""
        del options
        return ManifestSource(None, None, context.clock)


ADAPTER = ManifestAdapter()
