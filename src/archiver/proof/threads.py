"""Threads: each conversation's messages of a month in two files, a text and a JSON, beside the messages themselves.

A message is archived at once, as a file of its own. When the month is over (UTC), what it had of each conversation goes into a thread.
What is archived of an earlier month later, such as the history of a customer who is new, goes into the next revision on the next day.
Nothing is ever overwritten; all of a month's revisions together have each message once.

The source ``threads`` follows the audit log, as manifests do: ``--from threads``. Only which deliveries a thread is made of is kept; its
bytes are made of what the Database has of them when they are uploaded, so what was erased until then is not in it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime

import msgspec

from archiver.database.audit import Span, spans_of
from archiver.database.completeness import Particulars
from archiver.errors import ArchiverError, SourceGoneError
from archiver.model import Discovery, Item, Kind, LaneId, Millis
from archiver.proof.conversation import as_json, as_text, conversation_of, messages_of
from archiver.proof.listing import month_of
from archiver.proof.own import OwnAdapter, OwnSource
from archiver.proof.settled import settled
from archiver.sources.port import Page

__all__ = ["ADAPTER", "ThreadsSource"]

_DAY: Millis = 86_400_000
_GRACE_SECONDS = 60.0  # after midnight, for batches that were being written
_LONGEST_REST = 3600.0
_PAGE_ITEMS = 500
_FORMS = {"text": ("text/plain", as_text), "json": ("application/json", as_json)}


class _Recipe(msgspec.Struct, frozen=True, array_like=True):
    """How to make a thread: its locator.

    Attributes:
        form: ``text`` or ``json``.
        conversation: Whose.
        month: Such as ``2026-11``.
        spans: Its deliveries.
    """

    form: str
    conversation: str
    month: str
    spans: list[Span]


class _State(msgspec.Struct, kw_only=True):
    """The cursor.

    Attributes:
        line: The last line of the audit log in which messages of earlier months were looked for.
        month_line: The last line in which those of its own month were.
        revisions: How many revisions there are, by lane and month.
    """

    line: int = 0
    month_line: int = 0
    revisions: dict[str, int] = {}


class _Thread:
    """A conversation's month in one lane, as it is gathered."""

    def __init__(self, first: Particulars) -> None:
        self.numbers: list[int] = []
        self.first = first
        self.last_at: Millis = 0

    def add(self, one: Particulars) -> None:
        """One more part of a message."""
        self.numbers.append(one.row.id)
        self.last_at = max(self.last_at, one.row.occurred_at)


class ThreadsSource(OwnSource):
    """Finds one customer's threads, and makes their bytes."""

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        """The threads of all months that are over, then, each midnight, what has become due; see `Source.discover`."""
        state = msgspec.json.decode(cursor, type=_State) if cursor else _State()
        while not self._closing.is_set():
            now = int(self._clock.wall() * 1000)
            found = await self._found(state, now) if self._database is not None else []
            for start in range(0, len(found), _PAGE_ITEMS):  # until the last one the cursor stays, so that a kill repeats them all
                yield Page(discoveries=found[start : start + _PAGE_ITEMS], cursor=cursor)
            cursor = msgspec.json.encode(state).decode()
            rest = min((_DAY - now % _DAY) / 1000 + _GRACE_SECONDS, _LONGEST_REST)
            until = self._clock.time() + rest
            yield Page(discoveries=(), cursor=cursor, complete=True, rest=rest)
            await self._wait(until)

    async def stream(self, item: Item, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes from ``offset`` on; see `Source.stream`."""
        made = await self._made(item)
        if isinstance(made, ArchiverError):
            raise made
        yield made[offset:]

    # -- finding --------------------------------------------------------------------------------------------------------------------

    async def _found(self, state: _State, now: Millis) -> list[Discovery]:
        """The threads that are due; the state is then what it is after them.

        A message is due on the day after it was archived if its month was over then, else when the month of the archiving is over. So
        each is in one thread, whatever the clocks of others said.
        """
        threads: dict[tuple[LaneId, str, str], _Thread] = {}
        async for number, one, closed in self._messages(state.line, now - now % _DAY):
            state.line = number
            if one is not None and closed:
                _gather(threads, one)
        async for number, one, closed in self._messages(state.month_line, _month_begin(now)):
            state.month_line = number
            if one is not None and not closed:
                _gather(threads, one)
        revisions: dict[str, int] = {}
        for lane, month, _ in threads:
            key = f"{lane}:{month}"
            revisions[key] = state.revisions.get(key, 0) + 1
        state.revisions.update(revisions)
        return [
            discovery
            for (lane, month, conversation), thread in sorted(threads.items(), key=lambda entry: entry[0])
            for discovery in _discoveries(thread, lane, month, conversation, revisions[f"{lane}:{month}"])
        ]

    async def _messages(self, after: int, before: Millis) -> AsyncIterator[tuple[int, Particulars | None, bool]]:
        """What was archived of messages: the line that tells it, and whether its month was over then; each line once with None at least."""
        assert self._database is not None  # noqa: S101  the caller has asked
        assert self._connection is not None  # noqa: S101  as above
        async for line, archived in settled(self._database, self._connection.customer_id, after=after, before=before):
            yield line.number, None, False
            for one in archived:
                if conversation_of(one):
                    yield line.number, one, month_of(one.row.occurred_at) < month_of(line.at)

    # -- making ---------------------------------------------------------------------------------------------------------------------

    async def _made(self, item: Item) -> bytes | ArchiverError:
        try:
            recipe = msgspec.json.decode(item.locator, type=_Recipe)
        except msgspec.MsgspecError:
            return SourceGoneError("what the thread's locator held is damaged")
        if self._database is None or self._connection is None:
            return SourceGoneError("there is no database to make threads of")
        messages = messages_of(await self._database.archived_in(self._connection.customer_id, recipe.spans))
        if not messages:
            return SourceGoneError("everything that the thread had was erased")
        return _FORMS[recipe.form][1](recipe.conversation, recipe.month, messages)


def _gather(threads: dict[tuple[LaneId, str, str], _Thread], one: Particulars) -> None:
    key = one.row.lane, month_of(one.row.occurred_at), conversation_of(one)
    if key not in threads:
        threads[key] = _Thread(one)
    threads[key].add(one)


def _discoveries(thread: _Thread, lane: LaneId, month: str, conversation: str, revision: int) -> list[Discovery]:
    """The two files of a thread."""
    first = thread.first
    spans = spans_of(sorted(thread.numbers))
    return [
        Discovery(
            kind=Kind.SMS,
            external_id=f"thread-{month}-{conversation}",
            part=f"{form}{'' if revision == 1 else f'-{revision}'}-{lane}",
            occurred_at=thread.last_at,
            locator=msgspec.json.encode(_Recipe(form, conversation, month, spans)).decode(),
            media_type=media_type,
            sender=first.sender,
            recipient=first.recipient,
            owner=first.owner,
            metadata={"thread": conversation, "owner_name": first.metadata.get("owner_name", "")},
            lane=lane,
        )
        for form, (media_type, _) in _FORMS.items()
    ]


def _month_begin(now: Millis) -> Millis:
    return int(datetime.fromtimestamp(now / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


ADAPTER = OwnAdapter(
    "threads", "For each conversation of a month that is over its messages in one text and one JSON, beside the messages.", ThreadsSource
)
