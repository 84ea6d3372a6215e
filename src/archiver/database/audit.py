"""The audit log: what was done, by whom, when, on what, from where, and how it ended. Lines are appended, never changed.

Each line carries the hash of the one before it, so a line that was changed, taken out or put in breaks the chain. What was cut off at the
end can be told only by somebody who has kept a later line's hash: manifests carry one into every customer's storage.

In: an `Entry`. Out: a `Line`, and pages of them. `AuditLog` is the part of the Database's port that keeps them.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

import msgspec

from archiver.database.records import Settled
from archiver.lifecycle import DeliveryState
from archiver.model import Millis, Receipt

__all__ = [
    "GENESIS",
    "SERVICE",
    "SETTLED",
    "AuditLog",
    "Entry",
    "Line",
    "Span",
    "drafted",
    "receipt_hash",
    "receipts_digest",
    "settled_entry",
    "spans_of",
    "this_machine",
]

GENESIS = "0" * 64
"""What the first line carries in the place of a hash before it."""
SERVICE = "archiver"
"""Who does what nobody asked for just now: the service itself."""
SETTLED = "deliveries settle"
"""The action of a line that tells of a batch of deliveries."""

_encode = msgspec.json.Encoder().encode

Span = tuple[int, int]
"""The first and the last of numbers that follow each other."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a line is to say. Nothing in it may be secret, or a whole phone number.

    Attributes:
        actor: Who did it: a person's name on this machine or in the console, or `SERVICE`.
        action: What, in the words of the command that does it, such as ``customers pause``.
        subject: On what, such as a customer's name; empty if on nothing in particular.
        result: How it ended: ``done``, or the name of an error.
        origin: From where: a machine's name or a network address.
        detail: What else there is to know; JSON values.
    """

    actor: str
    action: str
    subject: str = ""
    result: str = "done"
    origin: str = ""
    detail: Mapping[str, Any] = {}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the log.

    Attributes:
        number: From 1 on, without a gap.
        at: When, by the clock of the process that wrote it.
        actor: See `Entry`.
        action: See `Entry`.
        subject: See `Entry`.
        result: See `Entry`.
        origin: See `Entry`.
        detail: See `Entry`; as JSON text, since the hash is over its bytes.
        previous: The hash of the line before, `GENESIS` in the first.
        hash: Of this line and all before it, lower-case hex.
    """

    number: int
    at: Millis
    actor: str
    action: str
    subject: str
    result: str
    origin: str
    detail: str
    previous: str
    hash: str

    @property
    def text(self) -> str:
        """What the line says, as it is hashed."""
        words = (self.at, self.actor, self.action, self.subject, self.result, self.origin, self.detail)
        return msgspec.json.encode(words).decode()

    @property
    def proper_hash(self) -> str:
        """What `hash` must be."""
        return hashlib.sha256(f"{self.previous}\n{self.number}\n{self.text}".encode()).hexdigest()

    def after(self, number: int, previous: str) -> Line:
        """The line as the one after the line with this number and hash."""
        line = msgspec.structs.replace(self, number=number + 1, previous=previous)
        return msgspec.structs.replace(line, hash=line.proper_hash)


class AuditLog(Protocol):
    """The audit log of a database. The database itself refuses every change of a line, and every line that does not fit at the end."""

    async def audit(self, entry: Entry) -> Line:
        """Appends a line; it is kept when this returns."""
        ...

    async def audit_lines(self, *, after: int = 0, limit: int = 100) -> Sequence[Line]:
        """A page of lines by number, the oldest first."""
        ...

    async def audit_tail(self, *, before: int | None = None, limit: int = 100, batches: bool = True) -> Sequence[Line]:
        """A page of lines, the newest first.

        Args:
            before: Go on before the line with this number; None begins at the end.
            limit: How many at most.
            batches: With those that tell of a batch of deliveries, which are nearly all; without them it costs no more.
        """
        ...

    async def receipts(self, spans: Sequence[Span]) -> Mapping[int, Receipt | str]:
        """The receipts of the deliveries with these numbers, the hash of each that was erased; what was not archived is left out."""
        ...


def drafted(entry: Entry, at: Millis) -> Line:
    """What an entry says as a line that has no place in the log yet; of texts that no database could hold, what can be written."""
    words = {name: _writable(getattr(entry, name)) for name in ("actor", "action", "subject", "result", "origin")}
    return Line(number=0, at=at, **words, detail=msgspec.json.encode(_writable_in(entry.detail)).decode(), previous="", hash="")


def _writable_in(value: Any) -> Any:
    match value:
        case str():
            return _writable(value)
        case Mapping():
            return {_writable(str(name)): _writable_in(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_writable_in(inner) for inner in value]
        case _:
            return value


def _writable(text: str) -> str:
    return text if text.isascii() else text.encode(errors="replace").decode()


# -- batches --------------------------------------------------------------------------------------------------------------------------


def settled_entry(settled: Iterable[Settled]) -> Entry | None:
    """The line of a batch that was settled; None if nothing came to an end in it: what is only put off proves nothing.

    It says which deliveries were archived, rejected or gone, and has a digest of the receipts: a receipt that is changed later shows.
    """
    batch = list(settled)
    ended = {
        state: sorted(s.delivery_id for s in batch if s.state is state)
        for state in (DeliveryState.ARCHIVED, DeliveryState.REJECTED, DeliveryState.GONE)
    }
    if not any(ended.values()):
        return None
    detail: dict[str, Any] = {state.value: spans_of(ids) for state, ids in ended.items() if ids}
    detail["customers"] = sorted({s.customer_id for s in batch if s.state is not DeliveryState.WAITING})
    receipts = {s.delivery_id: s.receipt for s in batch if s.receipt is not None and s.state is DeliveryState.ARCHIVED}
    if receipts:
        detail["receipts"] = receipts_digest(receipts)
    return Entry(actor=SERVICE, action=SETTLED, origin=this_machine(), detail=detail)


def receipt_hash(number: int, receipt: Receipt) -> str:
    """The hash of one receipt, with its delivery's number: what is left of it when it was erased."""
    r = receipt
    told = _encode((number, r.path, r.remote_id, r.revision, r.size, r.sha256, r.remote_hash, r.archived_at, r.recovered))
    return hashlib.sha256(told).hexdigest()


def receipts_digest(receipts: Mapping[int, Receipt] | Mapping[int, Receipt | str]) -> str:
    """One hash over receipts, by their deliveries' numbers, in whatever order they come; of those that were erased over their hashes."""
    hashes = [one if isinstance(one, str) else receipt_hash(number, one) for number, one in sorted(receipts.items())]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def spans_of(ordered: Sequence[int]) -> list[Span]:
    """Numbers in their order as spans."""
    spans: list[Span] = []
    for number in ordered:
        if spans and number == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return spans


@cache
def this_machine() -> str:
    """This machine's name."""
    return socket.gethostname()
