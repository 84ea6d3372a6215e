"""The sentence of state: how everything is, in words that a person would say, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from archiver.app import Snapshot
from archiver.console.templating import amount, name_of

__all__ = ["Level", "Sentence", "state_of"]


class Level(StrEnum):
    """How much it concerns a person."""

    FINE = "fine"
    """Nobody need look."""
    BUSY = "busy"
    """Something waits, and goes on by itself."""
    ATTENTION = "attention"
    """Somebody must do something for some customers; the others are served."""
    TROUBLE = "trouble"
    """Nobody is served."""


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """The state in words.

    Attributes:
        level: How much it concerns a person.
        title: A few words, which change rarely.
        text: The rest.
        links: Where to go on: words and path.
    """

    level: Level
    title: str
    text: str = ""
    links: tuple[tuple[str, str], ...] = ()


def state_of(snapshot: Snapshot) -> Sentence:
    """How everything is."""
    totals = snapshot.totals
    if snapshot.away:
        return Sentence(level=Level.TROUBLE, title="The database is away", text=f"{snapshot.away}. Nothing is lost; it is tried again.")
    if not totals.customers:
        return Sentence(level=Level.FINE, title="There are no customers yet", links=(("Add the first one", "/connect"),))
    text, links = _rests(snapshot), _calls(snapshot)
    if links:
        return Sentence(level=Level.ATTENTION, title="Working; something needs you", text=text, links=links)
    if totals.waiting:
        return Sentence(level=Level.BUSY if text else Level.FINE, title="Working normally", text=text)
    return Sentence(level=Level.FINE, title="Everything is archived", text=text)


def _rests(snapshot: Snapshot) -> str:
    """What rests and goes on by itself, or by whoever made it rest."""
    totals = snapshot.totals
    parts = []
    if totals.throttled:
        parts.append(_throttled(snapshot))
    if totals.paused:
        parts.append(f"{_customers(totals.paused)} paused")
    if snapshot.unreadable:
        parts.append(f"the source of {_customers(len(snapshot.unreadable))} cannot be read")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _calls(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    """What waits for a person, and where."""
    needing, rejected = sum(snapshot.totals.states.values()), snapshot.totals.rejected
    links = []
    if needing:
        text = "connection needs" if needing == 1 else "connections need"
        links.append((f"{amount(needing)} {text} somebody", "/customers?state=needing"))
    if rejected:
        links.append((f"{amount(rejected)} {'item' if rejected == 1 else 'items'} rejected", "/failures"))
    return tuple(links)


def _throttled(snapshot: Snapshot) -> str:
    count = snapshot.totals.throttled
    names = {name_of(lane.adapter) for lane in snapshot.lanes if lane.throttled_until}
    by = f" by {' and '.join(sorted(names))}" if 0 < len(names) <= 2 else ""
    who = next((lane.customer for lane in snapshot.lanes if lane.throttled_until), "") if count == 1 else ""
    subject = who or _customers(count)
    others = "nobody else waits for them" if count > 1 else "nobody else waits for it"
    return f"{subject} {'is' if count == 1 else 'are'} throttled{by}, {others}"


def _customers(count: int) -> str:
    return f"{amount(count)} {'customer' if count == 1 else 'customers'}"
