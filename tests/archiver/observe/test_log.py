"""Events as log lines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from archiver.lifecycle import DeliveryState
from archiver.observe import log
from archiver.pipeline.events import BatchSettled, DeliveryFailed, LaneWoke


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
    log.configure("debug", "json", lines)
    log.log_events()(LaneWoke(lane=7, customer="acme"))
    line = json.loads(lines.getvalue())
    assert (line["event"], line["level"], line["lane"], line["customer"]) == ("LaneWoke", "debug", 7, "acme")
    assert line["timestamp"].endswith("Z")


def test_failures_are_warnings_and_batches_are_not_told_at_info(lines: io.StringIO) -> None:
    """A quiet log tells what a person may want to know."""
    log.configure("info", "json", lines)
    listen = log.log_events()
    listen(BatchSettled(archived=1, others=0, refused=0, seconds=0.1))
    failed = DeliveryFailed(
        delivery=1,
        lane=2,
        customer="acme",
        provider="dropbox",
        state=DeliveryState.WAITING,
        attempt=1,
        seconds=0.5,
        reason="TransientError",
        detail="502",
    )
    listen(failed)
    (line,) = lines.getvalue().splitlines()
    assert json.loads(line)["level"] == "warning"


def test_text_is_for_people(lines: io.StringIO) -> None:
    """No JSON on request."""
    log.configure("debug", "text", lines)
    log.log_events()(LaneWoke(lane=7, customer="acme"))
    assert "LaneWoke" in lines.getvalue()
    assert not lines.getvalue().startswith("{")
