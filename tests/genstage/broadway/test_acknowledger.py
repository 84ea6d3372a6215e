from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from genstage import DefinitionError
from genstage.broadway import NOOP, Ack, Acknowledger, CallerAcknowledger, Message
from genstage.broadway.acknowledger import acknowledge
from genstage.testing import run


class Queue(Acknowledger):
    """Keeps what it is told; raises for some references."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, list[Any], list[Any]]] = []

    async def ack(self, ref: Any, successful: list[Any], failed: list[Any]) -> None:
        """Notes it."""
        if ref == "broken":
            raise ConnectionError("away")
        self.told.append((ref, [each.data for each in successful], [each.data for each in failed]))

    def configure(self, ref: Any, data: Any, options: Mapping[str, Any]) -> Any:
        """Adds options."""
        return {**data, **options}


def messages(queue: Queue, *refs_and_data: tuple[Any, Any]) -> list[Message[Any]]:
    return [Message(data, acknowledger=Ack(queue, ref)) for ref, data in refs_and_data]


def test_acknowledgers_are_called_once_for_each_reference() -> None:
    """Grouped by acknowledger and reference, successful and failed ones together, in order."""
    one, other = Queue(), Queue()
    ok = messages(one, ("a", 1), ("b", 2), ("a", 3)) + messages(other, ("a", 4))
    run(acknowledge, ok, messages(one, ("a", 5), ("c", 6)))
    assert one.told == [("a", [1, 3], [5]), ("b", [2], []), ("c", [], [6])]
    assert other.told == [("a", [4], [])]


def test_one_that_raises_is_reported_and_hurts_no_other() -> None:
    """Who could not be told comes back: the reference, the error, how many messages."""
    queue = Queue()
    (failure,) = run(acknowledge, messages(queue, ("broken", 1), ("broken", 2), ("a", 3)), [])
    assert (failure.ack.ref, str(failure.error), failure.count) == ("broken", "away", 2)
    assert queue.told == [("a", [3], [])]


def test_an_ack_may_be_configured() -> None:
    """The acknowledger decides what its options mean; one without options says so; nobody's takes all."""
    ack = Ack(Queue(), "a", {"tag": 1}).configured({"requeue": True})
    assert ack.data == {"tag": 1, "requeue": True}
    assert "requeue" not in repr(ack)
    with pytest.raises(DefinitionError, match="CallerAcknowledger has nothing to configure"):
        Ack(CallerAcknowledger()).configured({})
    assert NOOP.configured({"any": 1}) == NOOP


def test_a_caller_waits_for_its_acknowledgements() -> None:
    """They come one by one, or together until all are there."""

    async def scenario() -> None:
        caller = CallerAcknowledger()
        caller.ack("a", [1], [])
        assert (await caller.get()).successful == [1]
        caller.ack("a", [2], [3])
        caller.ack("a", [4], [])
        total = await caller.get_all(3)
        assert (total.successful, total.failed) == ([2, 4], [3])

    run(scenario)
