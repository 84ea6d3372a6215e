"""Which list is looked at next, what a page is, and when a pass is complete.

A list tells the newest first. A *pass* goes through all of it, page by page, and its place is in the cursor; a *look* goes from the newest
down to what is known, and some way further for what came late or was not ready. While a pass of hours is open, looks go on between its
pages, so that what is new never waits for what is old. A pass is complete when every list was looked at since the last one, none has an
open pass, and none is in trouble: an account that cannot be read hides no other, but the round ends with an error that tells of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from archiver.errors import MisconfiguredError, ReconnectNeededError, SourceGoneError
from archiver.model import Discovery, Kind, Millis
from archiver.sources.files.seen import Seen, fingerprint
from archiver.sources.paging import pages_of
from archiver.sources.port import Page
from archiver.sources.twilio.accounts import Accounts
from archiver.sources.twilio.api import VERSION, Api, Row, StalePageError, rows_of
from archiver.sources.twilio.book import CallBook
from archiver.sources.twilio.cursor import State, Stream
from archiver.sources.twilio.records import DATES, Reader, digest_of, has_media, iso, media_path, millis_of, readiness_of
from archiver.sources.twilio.settings import KINDS, TwilioSettings
from genstage.clock import Clock

__all__ = ["Rounds"]

_LISTS: Final = {Kind.CALL_LOG: ("Calls", "calls", "StartTime>"), Kind.RECORDING: ("Recordings", "recordings", "DateCreated>")} | {
    Kind.SMS: ("Messages", "messages", "DateSent>")
}
"""Of each kind: the list's address, its name in an answer, and the parameter that cuts it."""
_PAGE_ROWS = "1000"
_QUIET_PAGES = 50  # without news, after which the cursor is stored all the same
_LONGEST = 26 * 3_600_000
"""For so long what is going on is waited for: a call lasts a day at most. What takes longer the next pass finds."""
_DAY = 86_400_000


class Rounds:
    """One walk after the other over every list of every account.

    Args:
        api: Makes the calls.
        settings: What is fetched, how often, how far back.
        clock: Time.
    """

    def __init__(self, api: Api, settings: TwilioSettings, clock: Clock) -> None:
        self._api = api
        self._settings = settings
        self._clock = clock
        self._closed = asyncio.Event()
        self._accounts = Accounts(api, settings, clock)
        self._book = CallBook(api)
        self._kinds = [kind for kind in KINDS if kind in settings.kinds]

    def close(self) -> None:
        """Ends every walk."""
        self._closed.set()

    async def pages(self, cursor: str) -> AsyncGenerator[Page, None]:
        """Pages without end; see `archiver.sources.port.Source.discover`."""
        began = self._api.now()
        walk, quiet = _Walk(State.read(cursor), cursor, began), 0
        while not self._closed.is_set():
            names = await self._accounts.names()
            walk.keep([f"{account}/{kind}" for account in names for kind in self._kinds])
            due = self._due(walk)
            if due is not None:
                reader = Reader(sound=self._settings.sound, since=self._settings.since, names=names)
                async with aclosing(self._step(due, walk, reader)) as steps:
                    async for discoveries in steps:
                        quiet = 0 if discoveries else quiet + 1
                        after = walk.state.write()
                        for page in pages_of(discoveries, walk.written, after):
                            yield page
                        walk.written = after if discoveries else walk.written
            if quiet >= _QUIET_PAGES:
                quiet, walk.written = 0, walk.state.write()
                yield Page(discoveries=(), cursor=walk.written)
            if walk.is_over(began):
                began, walk.written = self._api.now() + 1, walk.state.write()
                yield Page(discoveries=(), cursor=walk.written, complete=not any(stream.trouble for stream in walk.state.streams.values()))
                _complain(walk.state)
                if not self._settings.watch:
                    return
            if due is None:
                until = self._clock.time() + self._rest(walk)
                yield Page(discoveries=(), cursor=walk.written, rest=until - self._clock.time())
                await self._wait(until)

    # -- who is next ----------------------------------------------------------------------------------------------------------------

    def _due(self, walk: _Walk) -> str | None:
        """The list to look at now: one whose look is due, else one with a pass to go on with, whose turn is the longest ago.

        Where there are so many lists that a look is always due, looks and passes take turns.
        """
        now = self._api.now()
        streams = walk.state.streams
        looks = [key for key, stream in streams.items() if self._look_at(walk, stream) <= now]
        passes = [key for key, stream in streams.items() if self._wants_pass(stream, now)]
        walk.looks = bool(looks) and not (walk.looks and passes)
        if walk.looks:
            return min(looks, key=lambda key: streams[key].looked_at)
        return min(passes, key=lambda key: walk.turns.get(key, 0), default=None)

    def _look_at(self, walk: _Walk, stream: Stream) -> float:
        """When the list's next look is due: at once when a walk begins, never before its first pass has begun."""
        if stream.looked_at and stream.looked_at < walk.began:
            return 0.0
        return stream.looked_at + self._settings.poll_interval * 1000 if stream.known or stream.trouble else float("inf")

    def _wants_pass(self, stream: Stream, now: Millis) -> bool:
        if stream.trouble:
            return False  # until a look has succeeded
        return stream.open_at > 0 or now - stream.passed_at >= self._settings.reconcile_hours * 3_600_000

    def _rest(self, walk: _Walk) -> float:
        """Seconds until something is due."""
        now = self._api.now()
        streams, between = walk.state.streams.values(), self._settings.reconcile_hours * 3_600_000
        due = [self._look_at(walk, stream) for stream in streams]
        due += [stream.passed_at + between for stream in streams if not stream.trouble]
        return max(0.001, min((min(due, default=now + 1000.0) - now) / 1000, self._accounts.again_in))

    async def _wait(self, until: float) -> None:
        left = until - self._clock.time()
        if left > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._closed.wait()

    # -- looking --------------------------------------------------------------------------------------------------------------------

    async def _step(self, key: str, walk: _Walk, reader: Reader) -> AsyncGenerator[Sequence[Discovery], None]:
        """One look at a list, or one page of its pass. The list's place is what it is after the last of what was yielded."""
        stream, now = walk.state.streams[key], self._api.now()
        try:
            if walk.looks:
                async with aclosing(self._look(key, stream, walk, reader)) as looks:
                    async for found in looks:
                        yield found
            else:
                yield await self._pass(key, stream, walk, reader)
        except (MisconfiguredError, ReconnectNeededError, SourceGoneError) as error:
            if key.startswith(self._settings.account) and isinstance(error, ReconnectNeededError):
                raise  # the key is no longer any good
            stream.looked_at, stream.trouble = now, error.message

    async def _look(self, key: str, stream: Stream, walk: _Walk, reader: Reader) -> AsyncGenerator[Sequence[Discovery], None]:
        """From the newest down to what is known; what was not ready then is looked at again."""
        now = self._api.now()
        known = min(stream.known or now, stream.unready or now)
        begin = max(known - self._settings.overlap, self._settings.since)
        address, unready = self._address(key, begin), 0
        while address:
            answer = await self._api.ask(address)
            address = str(answer.get("next_page_uri") or "")
            found, oldest = await self._read(key, answer, walk, reader)
            unready = min(filter(None, (unready, oldest)), default=0)
            if not address:
                stream.known, stream.looked_at, stream.trouble = now, now, ""
                stream.unready = unready
            yield found

    async def _pass(self, key: str, stream: Stream, walk: _Walk, reader: Reader) -> Sequence[Discovery]:
        """The next page of the open pass; opens one if none is."""
        now = self._api.now()
        walk.turns[key] = max(walk.turns.values(), default=0) + 1
        if not stream.open_at:
            stream.open_at, stream.next = now, ""
            stream.known, stream.looked_at = stream.known or now, stream.looked_at or now
        back = stream.open_at - int(self._settings.reconcile_days * _DAY) if stream.passed_at else 0
        try:
            answer = await self._api.ask(stream.next or self._address(key, max(back, self._settings.since)))
        except (StalePageError, SourceGoneError):
            if not stream.next or key in walk.lost:
                raise
            stream.next = ""  # the place is not known any more: from the beginning, once
            walk.lost.add(key)
            return ()
        found, unready = await self._read(key, answer, walk, reader)
        stream.unready = min(filter(None, (stream.unready, unready)), default=0)
        stream.next = str(answer.get("next_page_uri") or "")
        if not stream.next:
            stream.passed_at, stream.open_at = stream.open_at, 0
            walk.lost.discard(key)
        return found

    def _address(self, key: str, begin: Millis) -> str:
        account, _, kind = key.partition("/")
        place, _, since = _LISTS[Kind(kind)]
        cut = f"&{since.replace('>', '%3E')}={iso(begin).replace(':', '%3A')}" if begin > 0 else ""
        return f"{VERSION}/Accounts/{account}/{place}.json?PageSize={_PAGE_ROWS}{cut}"

    async def _read(self, key: str, answer: Row, walk: _Walk, reader: Reader) -> tuple[list[Discovery], Millis]:
        """What a page has that was not found before; and when the oldest row was made that is not ready, 0 if all are."""
        account, _, word = key.partition("/")
        kind = Kind(word)
        rows, oldest, now = [], 0, self._api.now()
        for row in rows_of(answer, _LISTS[kind][1]):
            readiness = readiness_of(kind, row)
            if readiness.ready and walk.is_new(row):
                rows.append(row)
            elif readiness.comes and now - (at := millis_of(row.get(DATES[kind]) or row.get("date_created"))) < _LONGEST:
                oldest = min(oldest or at, at)
        return await self._found(kind, account, rows, reader), oldest

    async def _found(self, kind: Kind, account: str, rows: Sequence[Row], reader: Reader) -> list[Discovery]:
        match kind:
            case Kind.CALL_LOG:
                self._book.learn(rows)
                return [found for row in rows for found in reader.call(account, row)]
            case Kind.RECORDING:
                calls = await self._book.look_up(account, rows)
                return [found for row in rows for found in reader.recording(account, row, calls.get(str(row.get("call_sid")), {}))]
            case _:
                return [found for row in rows for found in reader.message(account, row, await self._attachments(account, row))]

    async def _attachments(self, account: str, message: Row) -> list[Row]:
        found: list[Row] = []
        address = media_path(account, message) if has_media(message) else ""
        while address:
            try:
                answer = await self._api.ask(address)
            except SourceGoneError:
                break  # the message was deleted after it was listed
            found += rows_of(answer, "media_list")
            address = str(answer.get("next_page_uri") or "")
        return found


class _Walk(msgspec.Struct):
    """What one walk over the lists knows.

    Attributes:
        state: How far each list is known.
        written: The cursor of the last page.
        began: When it began.
        looks: The last step was, or the next one is, a look and not a pass.
        seen: What was found since the walk began: overlaps and passes find it again and again.
        turns: In which order the lists went on with their passes.
        lost: Lists whose open pass was begun anew since Twilio did not know its place any more.
    """

    state: State
    written: str
    began: Millis
    looks: bool = False
    seen: Seen = msgspec.field(default_factory=Seen)
    turns: dict[str, int] = {}
    lost: set[str] = set()

    def keep(self, keys: Sequence[str]) -> None:
        """These are the lists; those of accounts that are gone are forgotten."""
        self.state.streams = {key: self.state.streams.get(key) or Stream() for key in keys}

    def is_new(self, row: Row) -> bool:
        """Whether a row, as it is now, was not found before."""
        print_ = fingerprint(f"{row.get('sid')} {digest_of(row)}")
        if print_ in self.seen:
            return False
        self.seen.add(print_)
        return True

    def is_over(self, began: Millis) -> bool:
        """Whether every list was looked at since the round began, and none has an open pass that can go on now."""
        streams = self.state.streams.values()
        return all(stream.looked_at >= began and (stream.passed_at or stream.trouble) for stream in streams) and not any(
            stream.open_at and not stream.trouble for stream in streams
        )


def _complain(state: State) -> None:
    troubled = [stream for stream in state.streams.values() if stream.trouble]
    if troubled:
        hint = "docs/twilio.md names what the key must be allowed; subaccounts=false leaves subaccounts out."
        raise MisconfiguredError(f"{len(troubled)} of {len(state.streams)} lists cannot be read: {troubled[0].trouble}", hint=hint)
