from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from genstage.broadway import Ack, Acknowledger, Batcher, Broadway, Message, Options
from genstage.broadway.events import EVENTS, AckFailed, Batched, CallFailed, Received
from genstage.testing import VirtualClock, run

MakeOptions = Callable[..., Options]


class Away(Acknowledger):
    """Cannot be told."""

    def ack(self, ref: Any, successful: list[Any], failed: list[Any]) -> None:
        """Raises."""
        raise ConnectionError("secret")


def test_a_broken_acknowledger_is_visible_and_stops_nobody(recorder: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, counted and told; the next messages are handled."""
    logging.getLogger("genstage.broadway").disabled = False
    told: list[Any] = []
    options = Options(
        clock=VirtualClock(), listener=told.append, transformer=lambda event: Message(event, acknowledger=Ack(Away(), "queue"))
    )
    broadway = recorder()
    run(lambda: broadway.run(range(20), options=options))
    assert (len(broadway.handled), broadway._topology.endings.counts.unacknowledged) == (20, 20)
    failures = [event for event in told if isinstance(event, AckFailed)]
    assert sum(event.count for event in failures) == 20
    assert {(event.ref, type(event.error)) for event in failures} == {("queue", ConnectionError)}
    assert "Away raised for the reference 'queue': its source does not know what became of" in caplog.text


class Careless(Broadway[int]):
    """All its hooks raise."""

    def handle_message(self, message: Message[int]) -> None:
        """Raises."""
        raise ValueError

    def handle_failed(self, messages: list[Message[int]]) -> None:
        """Raises."""
        raise KeyError


def test_a_hook_that_raises_is_contained(options: MakeOptions, ledger: Any) -> None:
    """The messages are acknowledged as failed all the same, and the listener hears of both."""
    told: list[Any] = []
    run(lambda: Careless().run([1], options=options(listener=told.append)))
    assert ledger.failed == [1]
    calls = [(event.callback, type(event.error)) for event in told if isinstance(event, CallFailed)]
    assert calls == [("handle_message", ValueError), ("handle_failed", KeyError)]


def test_acknowledgement_may_be_changed_at_the_end(options: MakeOptions, ledger: Any) -> None:
    """`handle_failed` comes before it: what it acknowledges at once, or to somebody else, is told there."""
    other = type(ledger)()

    class Rerouting(Broadway[int]):
        def handle_message(self, message: Message[int]) -> None:
            message.fail("no")

        def handle_failed(self, messages: list[Message[int]]) -> None:
            messages[0].acknowledger = Ack(other, "elsewhere")

    run(lambda: Rerouting().run([1, 2], options=options()))
    assert (other.failed, ledger.failed) == ([1], [2])


def test_a_listener_hears_the_whole_way(recorder: Any, options: MakeOptions) -> None:
    """What came, what was handled, what was batched, what was acknowledged."""
    told: list[Any] = []

    def handle(message: Message[int]) -> None:
        if message.data == 2:
            message.fail("no")

    run(lambda: recorder(handle).run(range(3), options=options(listener=told.append, batchers=(Batcher(),))))
    ours = [event for event in told if isinstance(event, EVENTS)]
    assert [type(event).__name__ for event in ours] == ["Received", "Acknowledged", "Processed", "Batched", "Acknowledged"] or [
        type(event).__name__ for event in ours
    ] == ["Received", "Acknowledged", "Processed", "Acknowledged", "Batched"]
    received = next(event for event in ours if isinstance(event, Received))
    assert (received.count, received.waiting, received.stage) == (3, 3, "processors")
    batched = next(event for event in ours if isinstance(event, Batched))
    assert (batched.info.size, batched.successful, batched.failed, batched.stage) == (2, 2, 0, "default")
