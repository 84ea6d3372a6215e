"""The call log: passes over all of it in slices of time, and synchronisation between them.

A pass begins with a synchronisation token, so that nothing falls between it and what comes while it runs; it goes from old to new, since
the old is purged first, and its slices grow and shrink with what is in them. Afterwards each look asks what changed since the token: late
rows, edited rows. RingCentral tells at most 250 changes (``CLG-101`` and others say that it cannot): then everything since the last look,
and some hours before it, is passed over again. Rows are filtered by the time at which a call began, and appear after it ended.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime

import msgspec

from archiver.model import Discovery, Kind, Millis
from archiver.sources.ringcentral.api import Api
from archiver.sources.ringcentral.contents import Contents
from archiver.sources.ringcentral.cursor import State
from archiver.sources.ringcentral.errors import ParameterError
from archiver.sources.ringcentral.records import Reader, millis_of, recording_addresses
from archiver.sources.ringcentral.settings import RingCentralSettings
from archiver.sources.ringcentral.wire import Listed, Record, Synced

__all__ = ["SKEW", "Calls", "iso"]

_PATH = "/restapi/v1.0/account/~/call-log"
_SYNC = "/restapi/v1.0/account/~/call-log-sync"
_VIEW = ("view", "Detailed")
_DAY = 86_400_000
_LOG_DAYS = 400
"""RingCentral keeps the call log for a year."""
_OVERLAP = 6 * 3_600_000
"""Longer than calls last, and than rows take to appear."""
SKEW = 60_000
"""By so much their clock may be ahead of ours."""
_PER_PAGE = 1000
_MOST_PAGES = 8
"""A slice that has more is followed by one half as long."""


def iso(at: Millis) -> str:
    """A moment as a parameter."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at % 1000:03}Z"


class Calls:
    """Looks at the call log.

    Args:
        api: Makes the calls.
        contents: Knows what recordings are.
        settings: How far back.
        seen: Told of the rows that a look had.
    """

    def __init__(
        self, api: Api, contents: Contents, settings: RingCentralSettings, seen: Callable[[Sequence[Record]], None] = lambda _: None
    ) -> None:
        self._seen = seen
        self._api = api
        self._contents = contents
        self._settings = settings

    async def look(self, state: State, reader: Reader, now: Millis, *, told: bool = False) -> AsyncIterator[Sequence[Discovery]]:
        """One step: a slice of an open pass, or what changed since the last look. The state is what it is after what was yielded.

        Args:
            state: Of every stream.
            reader: Makes discoveries.
            now: The time.
            told: A call has just ended, so it is worth a look though the last one was not long ago.

        Yields:
            Discoveries, up to some thousand rows' worth at a time.
        """
        stream = state.calls
        if not stream.open_at and now - stream.full_at >= self._settings.reconcile_hours * 3_600_000:
            back = self._settings.reconcile_days * _DAY if stream.full_at else _LOG_DAYS * _DAY
            await self._open(state, max(self._settings.since, now - int(back)), now)
        elif stream.token and (told or now - stream.looked_at >= self._settings.poll_interval * 1000):
            try:
                found = await self._changed(state, reader)
            except ParameterError:  # more changed than an answer can tell, or the token is too old
                await self._open(state, max(self._settings.since, stream.looked_at - _OVERLAP), now)
            else:
                stream.looked_at, stream.trouble = now, ""
                yield found
        if stream.open_at:
            async for found in self._slice(state, reader):
                yield found

    async def _open(self, state: State, begin: Millis, now: Millis) -> None:
        """Begins a pass, with a token from which to go on when it is over; the pass itself finds the rows that come with the token.

        One that is open already goes on, from further back if need be.
        """
        stream = state.calls
        query = [("syncType", "FSync"), ("recordCount", "1"), _VIEW]
        answer: Synced = await self._api.ask("call-log-sync", _SYNC, Synced, query)
        stream.token, stream.looked_at, stream.trouble = answer.sync_info.sync_token, now, ""
        stream.open_at = min(stream.open_at or begin, begin) or 1
        # Not the moment at which the token was asked for: it may have waited, and tells only what changes after it was given.
        stream.open_end = self._api.now() + SKEW
        stream.step = stream.step or _DAY

    async def _changed(self, state: State, reader: Reader) -> Sequence[Discovery]:
        query = [("syncType", "ISync"), ("syncToken", state.calls.token), ("showDeleted", "true")]
        answer: Synced = await self._api.ask("call-log-sync", _SYNC, Synced, [*query, _VIEW])
        state.calls.token = answer.sync_info.sync_token or state.calls.token
        return await self._read(answer.records, state, reader)

    async def _slice(self, state: State, reader: Reader) -> AsyncIterator[Sequence[Discovery]]:
        """The next slice of the open pass, or what is left of one that was cut off.

        Its end is fixed, so that rows which come meanwhile push none out of its pages. The newest come first: after each page the rest of
        the slice ends where the page did.
        """
        stream = state.calls
        whole = min(stream.open_at + stream.step, stream.open_end)
        end = stream.slice_end or whole
        query = [("dateFrom", iso(stream.open_at)), ("dateTo", iso(end)), ("perPage", str(_PER_PAGE)), _VIEW]
        if Kind.CALL_LOG not in self._settings.kinds:
            query.append(("recordingType", "All"))
        pages, address, more = 0, _PATH, query
        while address:
            answer: Listed = await self._api.ask("call-log", address, Listed, more)
            pages, address, more, stream.trouble = pages + 1, answer.next_page, [], ""
            found = await self._read(answer.records, state, reader)
            if address:
                stream.slice_end = _lowest(answer.records) or end
            else:
                self._advance(state, whole, pages)
            yield found

    def _advance(self, state: State, end: Millis, pages: int) -> None:
        stream = state.calls
        if pages > _MOST_PAGES:
            stream.step = max(60_000, stream.step // 2)
        elif pages == 1:
            stream.step = min(stream.step * 2, _LOG_DAYS * _DAY)
        stream.open_at, stream.slice_end = end, 0
        if end >= stream.open_end:
            stream.open_at, stream.full_at = 0, stream.open_end

    async def _read(self, rows: Sequence[Record], state: State, reader: Reader) -> list[Discovery]:
        self._seen(rows)
        if not state.media_type and Kind.RECORDING in self._settings.kinds:
            await self._learn(rows, state)
        if state.media_type:
            reader = msgspec.structs.replace(reader, media_type=self._contents.media_type or state.media_type)
        return [discovery for row in rows for discovery in reader.call(row)]

    async def _learn(self, rows: Sequence[Record], state: State) -> None:
        """Asks the first recordings what they are: the call log does not say, and all of an account are alike."""
        tried = 0
        for row in rows:
            for address, _, _ in recording_addresses(row).values():
                state.media_type = await self._contents.learn(address)
                tried += 1
                if state.media_type or tried == 3:
                    return


def _lowest(rows: Sequence[Record]) -> Millis:
    """The earliest begin of rows that come from new to old; 0 if they do not."""
    times = [millis_of(row.get("startTime")) for row in rows]
    return times[-1] if times and times == sorted(times, reverse=True) else 0
