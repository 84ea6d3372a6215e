"""Events as log lines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from archiver.errors import ThrottleKind
from archiver.observe import log
from archiver.pipeline.events import BatchSettled, LaneThrottled, LaneWoke, WorkerEntered
from genstage.clock import SystemClock
from support.told import archived, failed


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where lines go; logging is as before afterwards."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    yield io.StringIO()
    root.handlers = before
    root.setLevel(level)


def test_an_event_is_one_json_line(lines: io.StringIO) -> None:
    """Its name, its level, its fields, the time in UTC."""
    log.configure("debug", "json", lines).listen(LaneWoke(lane=7, customer="acme"))
    line = json.loads(lines.getvalue())
    assert (line["event"], line["level"], line["lane"], line["customer"]) == ("LaneWoke", "debug", 7, "acme")
    assert line["timestamp"].endswith("Z")


def test_failures_are_warnings_and_batches_are_not_told_at_info(lines: io.StringIO) -> None:
    """A quiet log tells what a person may want to know."""
    listen = log.configure("info", "json", lines).listen
    listen(BatchSettled(archived=1, others=0, refused=0, seconds=0.1))
    listen(failed())
    (line,) = lines.getvalue().splitlines()
    assert json.loads(line)["level"] == "warning"


def test_text_is_for_people(lines: io.StringIO) -> None:
    """No JSON on request."""
    log.configure("debug", "text", lines).listen(LaneWoke(lane=7, customer="acme"))
    assert "LaneWoke" in lines.getvalue()
    assert not lines.getvalue().startswith("{")


ARCHIVED = archived()
SETTLED = BatchSettled(archived=1, others=0, refused=0, seconds=0.1)


class HandClock(SystemClock):
    """A clock that goes when a hand turns it."""

    now = 0.0

    def time(self) -> float:
        """As far as it was turned."""
        return self.now


def test_every_archived_item_is_a_line(lines: io.StringIO) -> None:
    """With its customer, provider, size and times, and whose process it was; those of one batch are written together."""
    listen = log.configure("info", "json", lines).listen
    listen(WorkerEntered(worker="w7"))
    listen(ARCHIVED)
    listen(ARCHIVED)
    assert len(lines.getvalue().splitlines()) == 1
    listen(SETTLED)
    _, line, _ = map(json.loads, lines.getvalue().splitlines())
    assert (line["event"], line["level"], line["worker"], line["customer"], line["delivery"]) == (
        "DeliveryArchived",
        "info",
        "w7",
        "acme",
        17,
    )
    assert (line["provider"], line["size"], line["seconds"], line["dwell"], line["attempt"]) == ("dropbox", 1000, 0.25, 3.0, 0)
    assert line["timestamp"].endswith("Z")


def test_what_is_gathered_is_written_at_the_end(lines: io.StringIO) -> None:
    """No line is lost when the process stops."""
    events = log.configure("info", "json", lines)
    events.listen(ARCHIVED)
    events.close()
    assert len(lines.getvalue().splitlines()) == 1


@pytest.mark.parametrize(
    ("level", "style", "items", "told"),
    [
        ("info", "json", None, True),
        ("info", "json", False, False),
        ("info", "text", None, False),
        ("info", "text", True, True),
        ("debug", "text", None, True),
        ("warning", "json", True, False),
    ],
)
def test_whether_archived_items_are_told(lines: io.StringIO, level: str, style: str, items: bool | None, told: bool) -> None:
    """For machines yes, for people only on request: a thousand lines a second are nothing to read."""
    events = log.configure(level, style, lines, items=items)
    events.listen(ARCHIVED)
    events.close()
    assert ("DeliveryArchived" in lines.getvalue()) == told


def test_throttles_of_a_customer_are_summed(lines: io.StringIO) -> None:
    """The first is told at once, those that follow as their number once a minute, and after a quiet minute a first one again."""
    clock = HandClock()
    events = log.configure("info", "json", lines, clock=clock)

    def throttled(customer: str) -> None:
        events.listen(LaneThrottled(lane=2, customer=customer, provider="dropbox", until=1, kind=ThrottleKind.RATE))

    def told() -> list[tuple[str, int]]:
        found = [(line["customer"], line["throttles"]) for line in map(json.loads, lines.getvalue().splitlines())]
        lines.seek(0)
        lines.truncate()
        return found

    for _ in range(5):
        throttled("airline")
    throttled("dentist")
    assert told() == [("airline", 1), ("dentist", 1)]
    clock.now += 61
    events.listen(SETTLED)
    assert told() == [("airline", 4)]
    throttled("airline")
    throttled("airline")
    throttled("dentist")
    assert told() == [("dentist", 1)], "the airline's are still counted"
    clock.now += 61
    events.listen(SETTLED)
    assert told() == [("airline", 2)]
    clock.now += 61
    events.listen(SETTLED)
    throttled("airline")
    assert told() == [("airline", 1)]
    throttled("airline")
    events.close()
    assert told() == [("airline", 1)]


@pytest.mark.parametrize("style", ["json", "text"])
def test_no_secret_gets_into_a_line(lines: io.StringIO, style: str) -> None:
    """Neither from an event, nor from a traceback, nor from a library's own log."""
    events = log.configure("info", style, lines)
    events.listen(failed(detail="Bearer CANARY12345 for +15552345678"))
    try:
        int("access_token=CANARY")
    except ValueError:
        logging.getLogger("somebody").exception("it failed with code=CANARY")
    assert "CANARY" not in lines.getvalue()
    assert "5552345" not in lines.getvalue()
    assert lines.getvalue().count("***") >= 3


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    """The reader has gone, the disk is full: lines are lost, the work goes on."""

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    root = logging.getLogger()
    before = root.handlers, root.level
    events = log.configure("info", "json", Full())
    events.listen(ARCHIVED)
    events.listen(LaneWoke(lane=1, customer="acme"))
    events.close()
    root.handlers = before[0]
    root.setLevel(before[1])
