"""Manifests: for each day a list of its files with their hashes, delivered beside them as any other item.

A manifest is made of the audit log, batch by batch, once the day on which they were archived is over (UTC). It lists the files of one
day in one destination. What is archived later of the same day goes into the next revision, under another name: nothing is ever
overwritten. All of a day's revisions together list each of its files once.

| file | what it is |
|---|---|
| ``Manifests/2026/manifest-2026-11-24-sha256.txt`` | for ``sha256sum -c``, run where ``Manifests`` is |
| ``Manifests/2026/manifest-2026-11-24-files.jsonl`` | a line about the manifest, then a line for each file with all that is known |
| ``Manifests/2026/manifest-2026-11-24-2-sha256.txt`` | the second revision |
| ``Manifests/2026/manifest-2026-11-calls.csv`` | the calls of a month that is over; a recording's id above is its call's |
| ``Manifests/2026/manifest-2026-11-calls-full.jsonl`` | the same with all that is known of each call |

The line about the manifest names a line of the audit log with its hash. Whoever has it can tell later that nothing that came before in
the log was changed or cut off: ``archiver audit verify --kept NUMBER:HASH``.

The bytes are made when they are uploaded, from receipts that never change; only how to make them is kept. The source that finds manifests
is a customer's connection as any other: ``--from manifest``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime

import msgspec

from archiver.database.audit import Span, spans_of
from archiver.database.completeness import Particulars
from archiver.errors import SourceGoneError
from archiver.model import Discovery, Item, Kind, LaneId, Millis, Role
from archiver.proof.listing import LISTS, date_of, header_line, month_of
from archiver.proof.own import OwnAdapter, OwnSource
from archiver.proof.settled import settled
from archiver.sources.port import Page

__all__ = ["ADAPTER", "ManifestSource"]

_DAY: Millis = 86_400_000
_GRACE_SECONDS = 60.0  # after midnight, for batches that were being written
_LONGEST_REST = 3600.0
_FILES = 1000  # whose lines are made at one time

_OF_A_DAY = ("sha256", "files")
_OF_A_MONTH = ("calls", "calls-full")


class _Recipe(msgspec.Struct, frozen=True, array_like=True):
    """How to make a list: its locator.

    Attributes:
        form: Which of `LISTS`.
        of: The day, such as ``2026-11-24``, or the month.
        revision: From 1 on.
        spans: Its deliveries.
        files: How many these are.
        size: Their bytes.
        audit: A line of the audit log with its hash.
    """

    form: str
    of: str
    revision: int
    spans: list[Span]
    files: int
    size: int
    audit: str


class _State(msgspec.Struct, kw_only=True):
    """The cursor.

    Attributes:
        line: The last line of the audit log that was read.
        revisions: How many revisions there are, by lane and day, or lane and month.
        calls: The calls of months that are not over, by lane and month.
    """

    line: int = 0
    revisions: dict[str, int] = {}
    calls: dict[str, list[Span]] = {}


_Files = dict[tuple[LaneId, str], list[tuple[int, int]]]
"""Deliveries and their sizes by lane and day, or lane and month."""


class ManifestSource(OwnSource):
    """Finds one customer's manifests, and makes their bytes."""

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """The manifests of all days that are over, then, each midnight, the next; see `Source.discover`."""
        state = msgspec.json.decode(cursor, type=_State) if cursor else _State()
        while not self._closing.is_set():
            now = int(self._clock.wall() * 1000)
            found = await self._found(state, before=now - now % _DAY) if self._database is not None else []
            rest = min((_DAY - now % _DAY) / 1000 + _GRACE_SECONDS, _LONGEST_REST)
            until = self._clock.time() + rest
            yield Page(discoveries=found, cursor=msgspec.json.encode(state).decode(), complete=True, rest=rest)
            await self._wait(until)

    async def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """The lines from ``offset`` on; see `Source.stream`."""
        try:
            recipe = msgspec.json.decode(item.locator, type=_Recipe)
        except msgspec.MsgspecError:
            raise SourceGoneError("what the manifest's locator held is damaged") from None
        skip = offset
        async for piece in self._pieces(recipe):
            if skip >= len(piece):
                skip -= len(piece)
            else:
                yield piece[skip:]
                skip = 0

    # -- finding --------------------------------------------------------------------------------------------------------------------

    async def _found(self, state: _State, *, before: Millis) -> list[Discovery]:
        """The lists of what was archived since the state's line and before a moment; the state is then what it is after them."""
        assert self._database is not None  # noqa: S101  the caller has asked
        assert self._connection is not None  # noqa: S101  as above
        customer_id = self._connection.customer_id
        files: _Files = {}
        calls: dict[str, list[int]] = {}
        anchor = ""
        async for line, archived in settled(self._database, customer_id, after=state.line, before=before):
            state.line, anchor = line.number, line.hash
            _sort(archived, files, calls)
        for key, numbers in calls.items():
            state.calls[key] = spans_of(sorted({*_numbers(state.calls.get(key, ())), *numbers}))
        lanes = await self._database.connections(customer_id=customer_id, role=Role.DESTINATION)
        first = min((lane.id for lane in lanes), default=0)
        for lane, month in [_parted(key) for key in state.calls if _parted(key)[1] < month_of(before)]:
            files[lane, month] = [(number, 0) for number in _numbers(state.calls.pop(f"{lane}:{month}"))]
        found = []
        for (lane, of), listed in sorted(files.items()):
            revision = state.revisions[f"{lane}:{of}"] = state.revisions.get(f"{lane}:{of}", 0) + 1
            recipe = _Recipe(
                form="",
                of=of,
                revision=revision,
                spans=spans_of(sorted(number for number, _ in listed)),
                files=len(listed),
                size=sum(size for _, size in listed),
                audit=f"{state.line}:{anchor}" if anchor else "",
            )
            found += _discoveries(recipe, lane, "" if lane == first else f"-{lane}")
        return found

    # -- making ---------------------------------------------------------------------------------------------------------------------

    async def _pieces(self, recipe: _Recipe) -> AsyncIterator[bytes]:
        if self._database is None or self._connection is None:
            raise SourceGoneError("there is no database to make manifests of")
        line = LISTS[recipe.form].line
        r = recipe
        yield header_line(r.form, r.of, revision=r.revision, files=r.files, size=r.size, audit=r.audit)
        for spans in _cut(recipe.spans):
            yield b"".join([line(one) for one in await self._database.archived_in(self._connection.customer_id, spans)])


def _sort(archived: Sequence[Particulars], files: _Files, calls: dict[str, list[int]]) -> None:
    """Puts each archived file to its lane and day, and calls also to their month; manifests list no manifests."""
    for one in archived:
        row = one.row
        if row.kind is Kind.MANIFEST or row.receipt is None:
            continue
        files.setdefault((row.lane, date_of(row.occurred_at)), []).append((row.id, row.receipt.size))
        if row.kind is Kind.CALL_LOG:
            calls.setdefault(f"{row.lane}:{month_of(row.occurred_at)}", []).append(row.id)


def _discoveries(recipe: _Recipe, lane: LaneId, mark: str) -> list[Discovery]:
    """The files of a manifest; ``mark`` tells those of a customer's further destinations apart."""
    name = f"{recipe.of}{mark}{'' if recipe.revision == 1 else f'-{recipe.revision}'}"
    day = recipe.of if len(recipe.of) == len("2026-11-24") else f"{recipe.of}-01"
    return [
        Discovery(
            kind=Kind.MANIFEST,
            external_id=f"{name}-{form}",
            occurred_at=int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000),
            locator=msgspec.json.encode(msgspec.structs.replace(recipe, form=form)).decode(),
            media_type=LISTS[form].media_type,
            lane=lane,
        )
        for form in (_OF_A_DAY if day == recipe.of else _OF_A_MONTH)
    ]


def _numbers(spans: Sequence[Span]) -> list[int]:
    return [number for first, last in spans for number in range(first, last + 1)]


def _parted(key: str) -> tuple[LaneId, str]:
    lane, _, month = key.partition(":")
    return int(lane), month


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


ADAPTER = OwnAdapter("manifest", "For each day a list of the customer's files with their hashes, beside the files.", ManifestSource)
