"""Words: numbers and times as people read them, and the sentence of state."""

from __future__ import annotations

import pytest

from archiver.app import LaneProgress, Snapshot
from archiver.console.templating import age, ahead, amount, bytes_text, name_of, rate, words
from archiver.console.wording import Level, state_of
from archiver.database.port import Totals
from archiver.model import ConnectionState


def test_numbers_and_times() -> None:
    """Thousands apart, the largest two units, nothing negative."""
    assert (amount(1234567), rate(0), rate(3.14159), rate(1234.5)) == ("1\u202f234\u202f567", "0", "3.1", "1\u202f234")
    assert (bytes_text(0), bytes_text(999), bytes_text(1500), bytes_text(6_540_000)) == ("0 B", "999 B", "1.5 kB", "6.5 MB")
    assert (age(None, 0), age(0, 59_999), age(0, 61_000), age(0, 3_600_000), age(5, 0)) == ("–", "59 s", "1 min 1 s", "1 h", "0 s")
    assert (age(0, 90_000_000), age(0, 12 * 86_400_000 + 5_000_000)) == ("1 d 1 h", "12 d")
    assert (ahead(1, 0), ahead(1001, 0), ahead(0, 5)) == ("1 s", "2 s", "0 s")
    assert (words("reconnect_needed"), words("SourceGoneError"), name_of("dropbox"), name_of("other")) == (
        "reconnect needed",
        "source gone",
        "Dropbox",
        "Other",
    )


def lane(**changes: object) -> LaneProgress:
    """A lane of the airline."""
    values: dict[str, object] = dict.fromkeys(("waiting", "in_flight", "archived", "rejected", "gone", "throttled_until"), 0)
    values |= {"lane": 1, "customer": "airline", "adapter": "dropbox", "state": ConnectionState.ACTIVE, "reason": ""}
    return LaneProgress(**values | {"calls_per_second": None, "oldest_waiting_at": None} | changes)


@pytest.mark.parametrize(
    ("snapshot", "level", "text"),
    [
        (Snapshot(at=0, serving=True), Level.FINE, "There are no customers yet"),
        (Snapshot(at=0, serving=True, totals=Totals(customers=1, lanes=1)), Level.FINE, "Everything is archived"),
        (Snapshot(at=0, serving=True, totals=Totals(customers=1, waiting=5)), Level.FINE, "Working normally"),
        (
            Snapshot(at=0, serving=True, totals=Totals(customers=9, throttled=1, waiting=5), lanes=[lane(throttled_until=9)]),
            Level.BUSY,
            "Airline is throttled by Dropbox, nobody else waits for it.",
        ),
        (Snapshot(at=0, serving=True, totals=Totals(customers=9, throttled=3, waiting=5)), Level.BUSY, "3 customers are throttled"),
        (Snapshot(at=0, serving=True, totals=Totals(customers=9, paused=1, waiting=5)), Level.BUSY, "1 customer paused."),
        (Snapshot(at=0, serving=True, totals=Totals(customers=9, rejected=1)), Level.ATTENTION, "1 item rejected"),
        (
            Snapshot(at=0, serving=True, totals=Totals(customers=9, states={ConnectionState.QUOTA_FULL: 2})),
            Level.ATTENTION,
            "2 connections need somebody",
        ),
        (Snapshot(at=0, serving=True, away="the disk is full"), Level.TROUBLE, "the disk is full"),
    ],
)
def test_the_sentence_of_state(snapshot: Snapshot, level: Level, text: str) -> None:
    """It says what a person would say, and where to go."""
    said = state_of(snapshot)
    assert said.level is level
    assert text in " ".join([said.title, said.text, *(words for words, _ in said.links)])
