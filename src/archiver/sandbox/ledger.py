"""The ledger: what the sandbox stored and what it was asked. The judge of every scenario reads only this.

As text it is one JSON object a line (an account, then its files, …, at last ``end``), so that a million files need no memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from archiver.sandbox.limits import RateSpan

__all__ = ["AccountRecord", "Activity", "Caller", "FileRecord", "Ledger", "Second", "decode_ledger", "encode_ledger"]

IN_FLIGHT_SECONDS = 0.1
"""A call that arrives so soon after a refusal may have been on its way when the refusal was read."""

PAUSE_SECONDS = 0.5
"""A pause of the calls that ends a row of them; see `Caller`."""


class FileRecord(msgspec.Struct, frozen=True, kw_only=True, tag="file", gc=False):
    """One visible object.

    Attributes:
        account: Whose.
        path: As displayed.
        size: In bytes.
        sha256: Of its bytes, lower-case hex.
        content_hash: Dropbox's hash.
        id: The file's.
        rev: The revision's.
        client_modified: As the client said.
        server_modified: When the revision became visible.
        revisions: How many revisions became visible at this path; more than 1 means that something was overwritten.
        transfers: How many uploads were committed to this path; more than 1 means that bytes travelled again.
        visible_at: When this revision became visible, in seconds since the epoch: `server_modified` without its rounding.
    """

    account: str
    path: str
    size: int
    sha256: str
    content_hash: str
    id: str
    rev: str
    client_modified: str
    server_modified: str
    revisions: int
    transfers: int
    visible_at: float = 0


class Second(msgspec.Struct, kw_only=True):
    """What one account did within one second.

    Attributes:
        calls: All calls, also the refused ones.
        admitted: Calls which the rate permitted.
        refused: Calls that were answered 429, of either kind.
        uploads: Files that were committed.
        received: Bytes of content.
        held: The part of it in which commits had the namespace to themselves.
    """

    calls: int = 0
    admitted: int = 0
    refused: int = 0
    uploads: int = 0
    received: int = 0
    held: float = 0


class Caller(msgspec.Struct, kw_only=True):
    """Calls in a row under one access token, without a pause; the token itself is not kept.

    A process has a token of its own: so two that call at the same time show, as many short rows by turns.

    Attributes:
        token: The account's tokens are numbered as they come.
        first_call: Seconds since the epoch.
        last_call: As above.
        calls: How many.
    """

    token: int
    first_call: float
    last_call: float
    calls: int = 0


class AccountRecord(msgspec.Struct, kw_only=True, tag="account"):
    """What one account asked.

    Attributes:
        name: Whose.
        files: Visible objects.
        stored_bytes: Their bytes.
        received_bytes: Bytes of content that were taken, also repeated ones.
        calls: By route.
        refused: 429s by kind: ``too_many_requests``, ``too_many_write_operations``.
        disobeyed: Calls sent before a Retry-After was over, by the kind of that refusal.
        admitted: Calls which the rate permitted.
        first_call: Seconds since the epoch, None if there was none.
        last_call: As above.
        spans: The rates that were permitted, in order of time.
        timeline: By the second (since the epoch, rounded down).
        callers: In the order of time.
    """

    name: str
    files: int = 0
    stored_bytes: int = 0
    received_bytes: int = 0
    calls: dict[str, int] = {}
    refused: dict[str, int] = {}
    disobeyed: dict[str, int] = {}
    admitted: int = 0
    first_call: float | None = None
    last_call: float | None = None
    spans: list[RateSpan] = []
    timeline: dict[int, Second] = {}
    callers: list[Caller] = []

    def permitted(self, start: float | None = None, end: float | None = None) -> float:
        """Calls which the limits would have permitted from ``start`` to ``end`` (default: from the first call to the last).

        The integral of the rate, and the burst that was there at the start. Infinite where there was no limit.
        """
        start = self.first_call if start is None else start
        end = self.last_call if end is None else end
        if start is None or end is None or not self.spans:
            return 0.0
        total, burst = 0.0, 0.0
        for span, following in zip(self.spans, [*self.spans[1:], None], strict=True):
            begin, finish = max(start, span.since), end if following is None else min(end, following.since)
            if span.since <= start:
                burst = span.burst
            if finish > begin:
                total += float("inf") if span.calls_per_second is None else span.calls_per_second * (finish - begin)
        return total + burst

    def utilisation(self, start: float | None = None, end: float | None = None) -> float:
        """The share of the permitted calls that was used, in whole seconds; 0 where there was no limit or no call."""
        start = self.first_call if start is None else start
        end = self.last_call if end is None else end
        if start is None or end is None:
            return 0.0
        used = sum(second.admitted for at, second in self.timeline.items() if int(start) <= at <= end)
        permitted = self.permitted(start, end)
        return used / permitted if permitted else 0.0


class Ledger(msgspec.Struct, kw_only=True):
    """Everything, as it was at one moment.

    Attributes:
        accounts: By name.
        files: Every visible object of every account.
    """

    accounts: dict[str, AccountRecord]
    files: list[FileRecord]

    def files_of(self, account: str) -> list[FileRecord]:
        """The visible objects of one account."""
        return [file for file in self.files if file.account == account]


class _End(msgspec.Struct, frozen=True, tag="end"):
    """The ledger was read to its end."""


_DECODER = msgspec.json.Decoder(AccountRecord | FileRecord | _End)
_ENCODER = msgspec.json.Encoder()


def encode_ledger(parts: Iterable[AccountRecord | FileRecord], *, lines: int = 500) -> Iterator[bytes]:
    """The ledger as text, in pieces of so many lines."""
    batch: list[AccountRecord | FileRecord | _End] = []
    for part in parts:
        batch.append(part)
        if len(batch) >= lines:
            yield _ENCODER.encode_lines(batch)
            batch.clear()
    batch.append(_End())
    yield _ENCODER.encode_lines(batch)


def decode_ledger(text: bytes) -> Ledger:
    """Reads what `encode_ledger` wrote.

    Raises:
        ValueError: It is not complete.
        msgspec.ValidationError: It is no ledger.
    """
    parts = _DECODER.decode_lines(text)
    if not parts or not isinstance(parts[-1], _End):
        raise ValueError("the ledger was cut off")
    accounts = {part.name: part for part in parts if isinstance(part, AccountRecord)}
    return Ledger(accounts=accounts, files=[part for part in parts if isinstance(part, FileRecord)])


class Activity:
    """Counts what one account asks, while it asks.

    Args:
        record: Where it counts, and goes on counting after a restart.
    """

    def __init__(self, record: AccountRecord) -> None:
        self.record = record
        self._blocks: list[tuple[str, float, float]] = []
        self._tokens: dict[str, int] = {}

    def called(self, route: str, received_at: float, *, commits: bool, token: str = "") -> None:
        """A call has arrived."""
        record = self.record
        self._caller(token, received_at)
        record.calls[route] = record.calls.get(route, 0) + 1
        record.first_call = received_at if record.first_call is None else record.first_call
        record.last_call = received_at
        self._second(received_at).calls += 1
        if self._blocks:
            self._check_obedience(received_at, commits=commits)

    def _caller(self, token: str, received_at: float) -> None:
        number = self._tokens.setdefault(token, len(self._tokens))
        callers = self.record.callers
        if not callers or callers[-1].token != number or received_at - callers[-1].last_call > PAUSE_SECONDS:
            callers.append(Caller(token=number, first_call=received_at, last_call=received_at))
        callers[-1].last_call = received_at
        callers[-1].calls += 1

    def admitted(self, received_at: float) -> None:
        """The rate permitted it."""
        self.record.admitted += 1
        self._second(received_at).admitted += 1

    def refused(self, kind: str, received_at: float, answered_at: float, retry_after: int | None) -> None:
        """It was answered 429."""
        self.record.refused[kind] = self.record.refused.get(kind, 0) + 1
        self._second(received_at).refused += 1
        if retry_after:
            self._blocks.append((kind, answered_at + IN_FLIGHT_SECONDS, answered_at + retry_after))

    def received(self, now: float, size: int) -> None:
        """Bytes of content were taken."""
        self.record.received_bytes += size
        self._second(now).received += size

    def held(self, begin: float, end: float) -> None:
        """A commit has the namespace to itself from one moment to another."""
        for second in range(int(begin), int(end) + 1):
            self._second(second).held += min(end, second + 1) - max(begin, second)

    def committed(self, now: float, files: int) -> None:
        """Files were committed."""
        self._second(now).uploads += files

    def _second(self, now: float) -> Second:
        timeline = self.record.timeline
        second = timeline.get(int(now))
        if second is None:
            second = timeline[int(now)] = Second()
        return second

    def _check_obedience(self, received_at: float, *, commits: bool) -> None:
        self._blocks = [block for block in self._blocks if block[2] > received_at]
        # A refused commit asks for no commits; other calls are welcome meanwhile.
        kinds = {kind for kind, begin, _ in self._blocks if begin < received_at and (commits or kind == "too_many_requests")}
        for kind in kinds:
            self.record.disobeyed[kind] = self.record.disobeyed.get(kind, 0) + 1
