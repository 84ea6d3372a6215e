"""The product, broken on purpose in one place: what the simulation would have to say of it. A simulation that cannot fail proves nothing.

``python -m simulation --mutants`` tells after how many seeds each is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from archiver.database.sqlite import settling
from archiver.errors import DatabaseUnavailableError
from archiver.fleet.member import Member
from archiver.model import Delivery, Receipt
from archiver.outcome import Archived, Deferred, Outcome
from archiver.pipeline import lanes
from archiver.pipeline.fetcher import Fetcher
from archiver.pipeline.lane import Lane
from archiver.pipeline.lanes import Lanes
from archiver.pipeline.pacer import Pacer
from archiver.pipeline.parting import Parting
from archiver.pipeline.settlement import Settlement
from archiver.pipeline.share import FairShare
from archiver.pipeline.timers import Timers
from simulation.run import FLEET_EVERY, Played, play

__all__ = ["MUTANTS", "first_noticed", "mutant"]

_Patch = tuple[Any, str, Any]


def _nothing(*_args: Any, **_named: Any) -> None:
    """Does nothing."""


async def _nothing_soon(*_args: Any, **_named: Any) -> None:
    """Does nothing."""


def _reads_on(lane: Lane) -> None:
    for pair in lane._reading._pairs:
        pair.both.dry = False


def _refused_without_time(pacer: Pacer, now: float, *args: Any) -> float | None:
    kind, throttle, _retry_after, began = args
    return _refused(pacer, now, kind, throttle, None, began)


def _report_as_archived(settlement: Settlement, lane: Lane, delivery: Delivery, outcome: Outcome) -> None:
    if isinstance(outcome, Deferred):
        path, size = delivery.path, delivery.item.size or 0
        receipt = Receipt(path=path, remote_id="", revision="", size=size, sha256="", remote_hash="", archived_at=0, recovered=False)
        outcome = Archived(receipt)
    _report(settlement, lane, delivery, outcome)


async def _read_or_nothing(fetcher: Fetcher, *args: Any) -> Any:
    try:
        return await _read(fetcher, *args)
    except DatabaseUnavailableError:
        return {}, {}


def _settled_unnoticed(lane: Lane, delivery_id: int) -> None:
    lane._reading, reading = False, lane._reading
    _settled(lane, delivery_id)
    lane._reading = reading


def _ended_and_forgotten(lane: Lane, delivery_id: int) -> None:
    lane._held_bytes -= lane.in_flight.pop(delivery_id, 0)


def _all_that_is_wanted(_share: FairShare, claims: Any, **_held: int) -> Mapping[int, int]:
    return {claim.lane: claim.wants for claim in claims}


# What is called from the broken parts, as it was.
_refused, _report, _read, _settled = Pacer.refused, Settlement.report, Fetcher._read, Lane.settled

MUTANTS: Mapping[str, _Patch] = {
    "no fence": (settling, "_OWNED", "SELECT count(*) FROM json_each(?)"),
    "no deadline of its own": (Member, "_alive_since", _nothing),
    "the cursor never wraps": (Lane, "read_again", _reads_on),
    "Retry-After forgotten": (Pacer, "refused", _refused_without_time),
    "pace not saved": (Parting, "_save_pace", _nothing_soon),
    "archived before confirmed": (Settlement, "report", _report_as_archived),
    "owed demand dropped": (Fetcher, "_read", _read_or_nothing),
    "settled meanwhile ignored": (Lane, "settled", _settled_unnoticed),
    "forgotten before settled": (Lane, "ended", _ended_and_forgotten),
    "hints lost": (Lanes, "hint", _nothing),
    "timers lost": (Timers, "at", _nothing),
    "demand kept while throttled": (lanes, "_retract", _nothing),
    "budget ignored": (FairShare, "grant", _all_that_is_wanted),
    "not told that the database is back": (Lanes, "back", _nothing),
}
"""Name → what is replaced by what."""


_OF_FLEETS = frozenset({"no fence", "no deadline of its own"})


@contextmanager
def mutant(name: str) -> Iterator[None]:
    """The product is broken inside."""
    owner, attribute, broken = MUTANTS[name]
    with patch.object(owner, attribute, broken):
        yield


def first_noticed(name: str, most: int, *, first: int = 0, after: Callable[[Played], None] = lambda _: None) -> tuple[int, str]:
    """After how many seeds a mutant is noticed, and by which promise; 0 if it is not within ``most``."""
    step = FLEET_EVERY if name in _OF_FLEETS else 1
    with mutant(name):
        for number in range(most):
            played = play(first + number * step)
            after(played)
            if played.broken:
                return number + 1, played.broken
    return 0, ""
