"""What is looked at next, what a page is, and when a pass is complete.

The call log goes first whenever it is due and has its turn, then the store that was looked at longest ago; so neither four thousand
stores nor a year of calls, which take hours, keep the others waiting. A pass is complete when every stream was looked at since the last
one, none has an open pass, and none is in trouble. A stream that cannot be read hides no other: the round ends with an error that tells of
it, and is not complete.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from archiver.errors import MisconfiguredError, SourceGoneError
from archiver.model import Discovery, Kind, Millis
from archiver.sources.paging import pages_of
from archiver.sources.port import Hooks, Page
from archiver.sources.ringcentral.api import Api
from archiver.sources.ringcentral.calls import Calls
from archiver.sources.ringcentral.contents import Contents
from archiver.sources.ringcentral.cursor import State, Stream
from archiver.sources.ringcentral.exporting import Exporting
from archiver.sources.ringcentral.messages import Messages
from archiver.sources.ringcentral.records import Reader
from archiver.sources.ringcentral.settings import RingCentralSettings
from archiver.sources.ringcentral.webhooks import Webhooks
from archiver.sources.ringcentral.wire import Extension, Listed
from genstage.clock import Clock

__all__ = ["Rounds"]

_EXTENSIONS = "/restapi/v1.0/account/~/extension"
_EXTENSIONS_SECONDS = 900.0  # between two looks at who there is
_WITHOUT_STORE: Final = frozenset({"IvrMenu", "Announcement", "ParkLocation", "PagingOnly", "ApplicationExtension", "Site", "Room"})
_NOT_THERE: Final = frozenset({"NotActivated", "Unassigned"})
_STORE_CALLS = 2  # of a pass over a store: its token, its messages
_EXPORT_CALLS = 3  # how far it is, what it has, the list itself
_LOOKS = 50  # at streams without news, after which the cursor is stored all the same
_CALLS = ""
_EXPORT = "*"
_MESSAGE_KINDS = frozenset({Kind.SMS, Kind.FAX, Kind.VOICEMAIL})
_CALL_KINDS = frozenset({Kind.RECORDING, Kind.CALL_LOG})


class Rounds:
    """One walk after the other over every stream of an account.

    Args:
        api: Makes the calls.
        contents: Knows what recordings are.
        settings: What is fetched, how often, how far back.
        clock: Time.
        hooks: Where RingCentral may call; None if it must be asked.
        on_news: Told that RingCentral has called.
    """

    def __init__(  # noqa: PLR0913  its four neighbours, and who is told
        self,
        api: Api,
        contents: Contents,
        settings: RingCentralSettings,
        clock: Clock,
        *,
        hooks: Hooks | None = None,
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = api
        self._settings = settings
        self._clock = clock
        self._wake = asyncio.Event()
        self._closing = False
        self._on_news = on_news
        self._webhooks = Webhooks(api, hooks, clock, self._told)
        self._calls = Calls(api, contents, settings, self._webhooks.looked_at_calls)
        self._messages = Messages(api, settings)
        self._exporting = Exporting(api, settings)
        self._owners: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._people_at = float("-inf")
        self._turn_in = 0.0  # seconds until something that is due has its turn
        self._hears = hooks is not None
        self._unheard: set[str] = set()  # streams of which RingCentral may have called while nobody listened

    async def pages(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Pages without end; see `archiver.sources.port.Source.discover`."""
        state, written = State.read(cursor), cursor
        began, quiet = self._now(), 0
        self._unheard = {_CALLS, *state.stores} if self._hears else set()
        while not self._closing:
            self._wake.clear()
            reader = await self._reader(state)
            await self._webhooks.keep(state.stores, calls=bool(self._settings.kinds & _CALL_KINDS))
            due = self._due(state)
            if due is not None:
                quiet += 1
                async with aclosing(self._found(due, state, reader, written)) as pages:
                    async for page in pages:
                        quiet, written = 0, page.cursor
                        yield page
            if self._is_over(state, began):
                began, quiet, written = self._now() + 1, 0, state.write()
                yield Page(discoveries=(), cursor=written, complete=not any(stream.trouble for stream in _streams(state)))
                _complain(state)
                if not self._settings.watch:
                    return
            if quiet >= _LOOKS:
                quiet, written = 0, state.write()
                yield Page(discoveries=(), cursor=written)
            if due is None:
                until = self._clock.time() + self._rest(state)
                yield Page(discoveries=(), cursor=written, rest=until - self._clock.time())
                await self._wait(until)

    def close(self) -> None:
        """Ends every walk."""
        self._closing = True
        self._wake.set()
        self._webhooks.close()

    async def _wait(self, until: float) -> None:
        left = until - self._clock.time()
        if left > 0 and not self._wake.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._wake.wait()

    def _told(self) -> None:
        self._wake.set()
        self._on_news()

    # -- who is next ----------------------------------------------------------------------------------------------------------------

    def _due(self, state: State) -> str | None:
        """The stream to look at now: `_CALLS`, `_EXPORT`, an extension's id, or None."""
        now = self._now()
        oldest, store = min(state.stores.items(), key=lambda entry: entry[1].looked_at, default=(None, Stream()))
        if oldest is not None and self._ready_at(oldest, store) > now:
            oldest = None
        if (told := self._webhooks.store(state.stores)) is not None:
            oldest = told
        calls = self._settings.kinds & _CALL_KINDS and (
            _goes_on(state.calls) or self._ready_at(_CALLS, state.calls) <= now or self._webhooks.next_look <= 0
        )
        # Nothing is begun that would have to wait for its turn: another limit counts for the others, and a hang-up may be told meanwhile.
        turns = [(self._api.wait("message-store-report", calls=_EXPORT_CALLS), _EXPORT)] if self._exporting.due(state, now) else []
        turns += [(self._api.wait("call-log"), _CALLS)] if calls else []
        turns += [(self._api.wait("message-sync", calls=_STORE_CALLS), oldest)] if oldest is not None else []
        wait, stream = min(turns, key=lambda turn: turn[0], default=(0.0, None))
        self._turn_in = wait
        return None if wait > 0 else stream

    def _ready_at(self, key: str, stream: Stream) -> float:
        return 0.0 if key in self._unheard else stream.looked_at + self._settings.poll_interval * 1000

    def _is_over(self, state: State, began: Millis) -> bool:
        """Whether every stream was looked at since the round began."""
        calls = [state.calls] if self._settings.kinds & _CALL_KINDS else []
        if any(_goes_on(stream) for stream in calls):
            return False
        return all(stream.looked_at >= began for stream in (*calls, *state.stores.values()))

    def _rest(self, state: State) -> float:
        """Seconds until something is due, or has its turn."""
        now = self._now()
        streams = dict(state.stores)
        if self._settings.kinds & _CALL_KINDS:
            streams[_CALLS] = state.calls
        ready = [at for key, stream in streams.items() if (at := self._ready_at(key, stream)) > now or not self._turn_in]
        due = min(ready, default=now + self._settings.poll_interval * 1000)
        waits = [(due - now) / 1000, self._people_at + _EXTENSIONS_SECONDS - self._clock.time(), self._webhooks.next_look]
        if self._turn_in > 0:  # what is due waits for that; anything else may become due before
            waits = [wait for wait in waits if wait > 0] + [self._turn_in]
        return max(0.001, min(waits))

    # -- looking --------------------------------------------------------------------------------------------------------------------

    async def _found(self, due: str, state: State, reader: Reader, before: str) -> AsyncGenerator[Page, None]:
        """What one look at a stream finds, as pages."""
        async with aclosing(self._look(due, state, reader)) as found:
            async for discoveries in found:
                if discoveries:
                    after = state.write()
                    for page in pages_of(discoveries, before, after):
                        yield page
                    before = after

    async def _look(self, due: str, state: State, reader: Reader) -> AsyncGenerator[Sequence[Discovery], None]:
        now = self._now()
        if due == _EXPORT:
            async with aclosing(self._exporting.look(state, reader, now)) as exported:
                async for found in exported:
                    yield found
            return
        found_by: AsyncIterator[Sequence[Discovery]]
        if due == _CALLS:
            told = self._webhooks.next_look <= 0 or _CALLS in self._unheard
            stream, found_by = state.calls, self._calls.look(state, reader, now, told=told)
        else:
            self._webhooks.looking_at_store(due)
            stream = state.stores[due]
            found_by = self._messages.look(due, stream, reader, now)
        self._unheard.discard(due)
        try:
            async for found in found_by:
                yield found
        except (MisconfiguredError, SourceGoneError) as error:
            stream.looked_at, stream.trouble = now, error.message
            if due == _CALLS:
                self._webhooks.looked_at_calls(())

    async def _reader(self, state: State) -> Reader:
        """Makes discoveries of records; knows who there is, as of some minutes ago."""
        if self._clock.time() - self._people_at >= _EXTENSIONS_SECONDS:
            self._owners = await self._people(state)
            self._people_at = self._clock.time()
        settings = self._settings
        return Reader(
            kinds=settings.kinds,
            owners=self._owners,
            names=self._names,
            media_type=state.media_type or "audio/mpeg",
            retention_days=settings.retention_days,
            since=settings.since,
        )

    async def _people(self, state: State) -> dict[str, str]:
        """The numbers of all extensions by their ids; those with a message store become streams, streams without one are forgotten."""
        owners: dict[str, str] = {}
        stores: dict[str, Stream] = {}
        address, query = _EXTENSIONS, [("perPage", "1000")]
        while address:
            answer: Listed = await self._api.ask("extension", address, Listed, query)
            for record in answer.records:
                extension = msgspec.convert(record, Extension, strict=False)
                key = str(extension.id)
                owners[key] = extension.extension_number or key
                self._names[key] = extension.name
                if extension.type not in _WITHOUT_STORE and extension.status not in _NOT_THERE:
                    stores[key] = state.stores.get(key) or Stream()
            address, query = answer.next_page, []
        state.stores = stores if self._settings.kinds & _MESSAGE_KINDS else {}
        return owners

    def _now(self) -> Millis:
        return int(self._clock.wall() * 1000)


def _complain(state: State) -> None:
    told = [f"the call log cannot be read: {state.calls.trouble}"] if state.calls.trouble else []
    troubled = [stream for stream in state.stores.values() if stream.trouble]
    if troubled:
        told.append(f"{len(troubled)} of {len(state.stores)} extensions cannot be read: {troubled[0].trouble}")
    if told:
        hint = "The user of the connection needs the permissions that docs/ringcentral.md names."
        raise MisconfiguredError("; ".join(told), hint=hint)


def _goes_on(stream: Stream) -> bool:
    """Whether a pass is open that can go on now; one in trouble waits for the next look."""
    return stream.open_at > 0 and not stream.trouble


def _streams(state: State) -> list[Stream]:
    return [state.calls, *state.stores.values()]
