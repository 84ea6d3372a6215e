"""Writes the audit log, and holds its chain to what it must be.

`Auditor.record` is what commands and console call, through ``Archiver.audit``::

    await archiver.audit("connections add", "acme", detail={"adapter": "dropbox"})
    await archiver.audit("console login", "ada", result="refused", who=Who("ada", "203.0.113.7"))

``action`` says what was done in the words of the command that does it, ``subject`` on what (a customer's name), ``result`` how it ended
(``done``, ``refused``, or the name of an error), ``detail`` what else there is to know. Secrets and whole phone numbers are taken out.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import msgspec

from archiver.database.audit import GENESIS, SETTLED, AuditLog, Entry, Line, Span, receipts_digest
from archiver.errors import ArchiverError, DatabaseUnavailableError
from archiver.proof.acting import Who, who
from archiver.proof.discretion import discreet, discreet_text

__all__ = ["Anchor", "Auditor", "Chain", "HasAuditor", "audited"]

P = ParamSpec("P")
T = TypeVar("T")

_PAGE = 1000


class Anchor(msgspec.Struct, frozen=True):
    """A line that somebody has kept elsewhere: whatever came before it cannot have been cut off or written anew since.

    Attributes:
        number: Of the line.
        hash: Of the line.
    """

    number: int
    hash: str


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of the chain found.

    Attributes:
        lines: How many there are, as far as they were looked at.
        head: The last line; keep it elsewhere, and hold a later check to it. None if there is none.
        broken: The number of the first line that is not what it must be; None if the chain is whole.
        why: What is wrong with it.
        receipts: How many receipts agree with what the chain says of them.
    """

    lines: int
    head: Anchor | None
    broken: int | None = None
    why: str = ""
    receipts: int = 0


class Auditor:
    """Writes and reads the audit log.

    Args:
        log: The database's.
    """

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    async def record(
        self, action: str, subject: str = "", *, result: str = "done", detail: Mapping[str, Any] | None = None, by: Who | None = None
    ) -> Line:
        """Appends a line; see the module for the words.

        Args:
            action: What was done.
            subject: On what.
            result: How it ended.
            detail: What else there is to know.
            by: Who did it; by default whoever acts now.
        """
        someone = by or who()
        entry = Entry(
            actor=someone.actor,
            action=action,
            subject=discreet_text(subject),
            result=result,
            origin=someone.origin,
            detail=discreet(detail or {}),
        )
        return await self._log.audit(entry)

    async def newest(self, *, before: int | None = None, limit: int = 100, batches: bool = False) -> Sequence[Line]:
        """A page of lines, the newest first; of those before a number, if one is given; on demand with every batch of deliveries."""
        return await self._log.audit_tail(before=before, limit=limit, batches=batches)

    async def check(self, anchors: Sequence[Anchor] = (), *, told: Callable[[int], None] = lambda _: None) -> Chain:
        """Goes through the whole chain, and through the receipts of every batch that it tells of.

        Args:
            anchors: Lines that must be there as they were.
            told: Told the number of the line that was reached, now and then.
        """
        kept = {anchor.number: anchor.hash for anchor in anchors}
        number, previous, receipts = 0, GENESIS, 0
        while page := await self._log.audit_lines(after=number, limit=_PAGE):
            for line in page:
                why = _wrong(line, number, previous, kept)
                agreeing, differing = (0, "") if why else await self._agreeing(line)
                if why or differing:
                    return Chain(lines=number, head=_anchor(number, previous), broken=number + 1, why=why or differing, receipts=receipts)
                number, previous, receipts = line.number, line.hash, receipts + agreeing
            told(number)
        if missing := sorted(wanted for wanted in kept if wanted > number):
            why = f"the log ends before line {missing[0]}, which was kept elsewhere"
            return Chain(lines=number, head=_anchor(number, previous), broken=number + 1, why=why, receipts=receipts)
        return Chain(lines=number, head=_anchor(number, previous), receipts=receipts)

    async def _agreeing(self, line: Line) -> tuple[int, str]:
        """How many receipts agree with a batch's line, and what is wrong with those that do not."""
        if line.action != SETTLED:
            return 0, ""
        batch = msgspec.json.decode(line.detail, type=_Batch)
        receipts = await self._log.receipts(batch.archived) if batch.archived else {}
        missing = sum(last - first + 1 for first, last in batch.archived) - len(receipts)
        if missing:
            return 0, f"{missing} of its receipts are not there any more"
        if receipts and receipts_digest(receipts) != batch.receipts:
            return 0, "a receipt is no longer what it was when it was written"
        return len(receipts), ""


class HasAuditor(Protocol):
    """Whatever `audited` methods belong to."""

    auditor: Auditor


_H = TypeVar("_H", bound=HasAuditor)


def audited(
    action: str, *, subject: str
) -> Callable[[Callable[Concatenate[_H, P], Coroutine[Any, Any, T]]], Callable[Concatenate[_H, P], Coroutine[Any, Any, T]]]:
    """Makes a method append a line when it ends, also if it fails: then with the error's name.

    Args:
        action: What it does.
        subject: Which of its parameters says on what. Its other parameters, as far as they are plain values, become the detail.
    """

    def decorate(method: Callable[Concatenate[_H, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[_H, P], Coroutine[Any, Any, T]]:
        signature = inspect.signature(method)

        @functools.wraps(method)
        async def wrapper(self: _H, /, *args: P.args, **kwargs: P.kwargs) -> T:
            given = dict(signature.bind(self, *args, **kwargs).arguments)
            on = given.pop(subject, None) or ""
            detail = {name: value for name, value in given.items() if isinstance(value, str | int | float)}
            try:
                result = await method(self, *args, **kwargs)
            except ArchiverError as error:
                # What failed is told to whoever asked for it, also where the database cannot take the line.
                with suppress(DatabaseUnavailableError):
                    await self.auditor.record(action, str(on), result=type(error).__name__, detail=detail)
                raise
            await self.auditor.record(action, str(on), detail={**detail, **_told(result)})
            return result

        return wrapper

    return decorate


def _told(result: object) -> dict[str, Any]:
    """What a method's answer adds to its line: numbers, and how long its lists are."""
    match result:
        case int():
            return {"count": int(result)}
        case msgspec.Struct():
            found = msgspec.structs.asdict(result)
            return {
                name: len(value) if isinstance(value, list) else value for name, value in found.items() if isinstance(value, int | list)
            }
        case _:
            return {}


class _Batch(msgspec.Struct):
    archived: list[Span] = []
    receipts: str = ""


def _anchor(number: int, previous: str) -> Anchor | None:
    return Anchor(number, previous) if number else None


def _wrong(line: Line, number: int, previous: str, kept: Mapping[int, str]) -> str:
    """What is wrong with a line after the one with this number and hash; empty if nothing is."""
    if line.number != number + 1:
        return f"it is missing; the next one is line {line.number}"
    if line.previous != previous:
        return "it does not follow from the line before"
    if line.hash != line.proper_hash:
        return "it does not say what it said when it was written"
    if kept.get(line.number, line.hash) != line.hash:
        return "it is another line than the one that was kept elsewhere"
    return ""
