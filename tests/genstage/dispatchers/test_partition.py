from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from genstage import (
    AnswerError,
    Consumer,
    DefinitionError,
    ExcessError,
    PartitionDispatcher,
    Pipeline,
    Subscription,
    SubscriptionError,
    UnknownKeyError,
)
from genstage.testing import END, Probe, ScriptedProducer, idle, run

NewEdge = Callable[..., Subscription]


def asking(dispatcher: PartitionDispatcher, edge: Subscription, count: int) -> Subscription:
    dispatcher.subscribe(edge)
    assert dispatcher.ask(edge, count) == []
    return edge


def dispatch(dispatcher: PartitionDispatcher, *events: Any) -> list[tuple[Subscription, list[Any]]]:
    _, deliveries, discards = dispatcher.dispatch(list(events), bounded=True)
    assert discards == []
    return deliveries


def by_letter(event: str) -> tuple[str, str] | None:
    """'a1' is '1' of the partition 'a'; 'x1' is nobody's."""
    return None if event[0] == "x" else (event[1:], event[0])


def test_events_go_where_the_hash_says(new_edge: NewEdge) -> None:
    """By default the event's own hash decides; each partition gets its events in order, as one list."""
    dispatcher = PartitionDispatcher(2)
    even, odd = asking(dispatcher, new_edge(partition=0), 3), asking(dispatcher, new_edge(partition=1), 3)
    assert dispatcher.tell() == 6
    assert dispatch(dispatcher, 1, 2, 3, 4) == [(odd, [1, 3]), (even, [2, 4])]
    assert (dispatcher.wanted, even.outstanding, odd.outstanding) == (2, 1, 1)


def test_a_hash_function_may_rewrite_and_discard(new_edge: NewEdge) -> None:
    """What it returns is delivered; what it discards costs no demand and is told to the hook."""
    dispatcher = PartitionDispatcher("ab", hash=by_letter)
    a = asking(dispatcher, new_edge(partition="a"), 3)
    assert dispatcher.dispatch(["a1", "x2", "a3"], bounded=True) == (3, [(a, ["1", "3"])], [(None, ["x2"])])
    assert (a.outstanding, dispatcher.wanted) == (1, 1)


def test_consumers_of_one_partition_share_it(new_edge: NewEdge) -> None:
    """Several may subscribe for one partition, and are served by demand."""
    dispatcher = PartitionDispatcher(1)
    first, second = asking(dispatcher, new_edge(partition=0), 1), asking(dispatcher, new_edge(partition=0), 2)
    assert dispatch(dispatcher, 1, 2, 3) == [(second, [1, 2]), (first, [3])]


def test_a_slow_partition_does_not_hold_the_others_up(new_edge: NewEdge) -> None:
    """While its queue has room the producer is asked for what the quick ones want (GenStage starves them here)."""
    dispatcher = PartitionDispatcher(2, buffer_size=100)
    slow, quick = asking(dispatcher, new_edge(partition=0), 2), asking(dispatcher, new_edge(partition=1), 8)
    assert dispatcher.tell() == 10
    dispatch(dispatcher, 0, 2, 4, 6, 1, 3)
    assert (slow.outstanding, dispatcher.buffered, dispatcher.tell()) == (0, 2, 6)
    dispatch(dispatcher, 8, 5, 7, 9, 11, 13)
    assert (quick.outstanding, dispatcher.wanted, dispatcher.buffered) == (1, 1, 3)
    assert dispatcher.ask(slow, 5) == [(slow, [4, 6, 8])]
    assert dispatcher.wanted == 3


def test_a_full_queue_asks_for_nothing_until_there_is_room(new_edge: NewEdge) -> None:
    """What is asked for always fits, wherever it falls; so nothing is lost and memory is bounded."""
    dispatcher = PartitionDispatcher(2, buffer_size=3)
    asking(dispatcher, new_edge(partition=1), 8)
    slow = new_edge(partition=0)
    dispatcher.subscribe(slow)
    assert dispatcher.tell() == 3
    dispatch(dispatcher, 0, 2)
    assert dispatcher.tell() == 1
    dispatch(dispatcher, 4)
    assert dispatcher.wanted == 0
    assert dispatcher.ask(slow, 1) == [(slow, [0])]
    assert dispatcher.wanted == 1


def test_a_full_queue_may_discard(new_edge: NewEdge) -> None:
    """With when_full="discard" the others never wait; the hook is told whose events were given up."""
    dispatcher = PartitionDispatcher(2, buffer_size=1, when_full="discard")
    quick = asking(dispatcher, new_edge(partition=1), 8)
    assert dispatcher.tell() == 1
    assert dispatcher.dispatch([0], bounded=True) == (1, [], [])
    assert dispatcher.tell() == 1
    assert dispatcher.dispatch([2], bounded=True) == (1, [], [(0, [2])])
    assert dispatcher.dispatch([4, 1, 6], bounded=False) == (3, [(quick, [1])], [(0, [4, 6])])
    assert dispatcher.buffered == 1


def test_no_event_is_lost_with_its_consumer(new_edge: NewEdge) -> None:
    """What was queued for a consumer that went away the next one gets (GenStage throws it away)."""
    dispatcher = PartitionDispatcher(1)
    gone = asking(dispatcher, new_edge(partition=0), 6)
    dispatcher.tell()
    dispatcher.retract(gone, 4)
    assert dispatch(dispatcher, 1, 2, 3, 4, 5, 6) == [(gone, [1, 2])]
    assert dispatcher.cancel(gone) == []
    comer = new_edge(partition=0)
    dispatcher.subscribe(comer)
    assert dispatcher.holds(comer)
    assert dispatcher.ask(comer, 9) == [(comer, [3, 4, 5, 6])]
    assert (dispatcher.wanted, dispatcher.holds(comer)) == (5, False)


def test_an_unknown_partition_is_an_error_that_says_what_to_do(new_edge: NewEdge) -> None:
    """The hash function's slip is told where it is made, and nothing has been dispatched."""
    dispatcher = PartitionDispatcher("ab", hash=by_letter)
    a = asking(dispatcher, new_edge(partition="a"), 3)
    with pytest.raises(UnknownKeyError, match="sent 1 events to 'c', which is no partition; return one of those"):
        dispatch(dispatcher, "a1", "c2")
    assert (a.outstanding, dispatcher.buffered) == (3, 0)


@pytest.mark.parametrize("verdict", ["a", ("a",), 5, ["event", "a"]])
def test_a_bad_verdict_is_an_error(verdict: Any) -> None:
    """A hash function returns a pair or None."""
    with pytest.raises(AnswerError, match="must return \\(event, partition\\)"):
        dispatch(PartitionDispatcher("ab", hash=lambda _: verdict), 1)


def test_too_much_is_an_error(new_edge: NewEdge) -> None:
    """More than asked is refused where the queue has no room for it."""
    dispatcher = PartitionDispatcher(2, buffer_size=1)
    asking(dispatcher, new_edge(partition=0), 1)
    dispatcher.tell()
    dispatch(dispatcher, 0, 2, 1)
    with pytest.raises(ExcessError, match=r"2 events where 0 were asked for, and the queue of partition 1 has no room for its 1"):
        dispatch(dispatcher, 3, 2)


@pytest.mark.parametrize(
    ("partition", "text"),
    [(None, "has partitions; say partition=…, one of 0, 1"), ("z", "no partition 'z'"), (2, "no partition 2")],
)
def test_a_bad_partition_hurts_the_subscriber(partition: Any, text: str, new_edge: NewEdge) -> None:
    """It raises where somebody subscribes (in GenStage it kills the producer)."""
    with pytest.raises(SubscriptionError, match=text):
        PartitionDispatcher(2).subscribe(new_edge(partition=partition))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"partitions": 0}, "at least 1"),
        ({"partitions": ["a", "a"], "hash": by_letter}, "each once"),
        ({"partitions": ["a", "b"]}, "need hash"),
        ({"partitions": 2, "buffer_size": 0}, "at least 1"),
        ({"partitions": 2, "when_full": "burst"}, '"wait" or "discard"'),
    ],
)
def test_settings_that_cannot_work_are_refused(arguments: dict[str, Any], text: str) -> None:
    """Each says what to give."""
    with pytest.raises(DefinitionError, match=text):
        PartitionDispatcher(**arguments)


def test_flush_gives_up_what_all_queues_hold() -> None:
    """Queued events come out by partition, once; a prototype is not shared."""
    dispatcher = PartitionDispatcher(2)
    assert dispatch(dispatcher, 0, 1, 2) == []
    assert dispatcher.buffered == 3
    assert dispatcher.fresh().buffered == 0
    assert dispatcher.flush() == [(0, [0, 2]), (1, [1])]
    assert (dispatcher.flush(), dispatcher.buffered) == ([], 0)


class Numbers(ScriptedProducer, dispatcher=PartitionDispatcher(2)):
    """Even numbers to partition 0, odd ones to 1."""

    def __init__(self, *steps: Any) -> None:
        super().__init__(steps)
        self.lost: list[Any] = []

    def handle_discarded(self, key: Any, events: list[Any]) -> None:
        """Keeps account."""
        self.lost.append((key, events))


class Slow(Consumer[int]):
    """An hour for each."""

    done = 0

    async def handle_event(self, _event: int) -> None:
        """After an hour."""
        await asyncio.sleep(3600)
        self.done += 1


def test_a_pipeline_with_partitions() -> None:
    """The quick partition gets all its events before the slow one has finished its second; both get all."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            numbers = pipeline.start(Numbers(*range(100), END))
            slow = pipeline.start(Slow(), subscribe_to=numbers, partition=0, max_demand=2)
            quick = pipeline.start(Probe(), subscribe_to=numbers, partition=1, max_demand=10)
            await idle()
            assert (quick.received, slow.done) == (list(range(1, 100, 2)), 0)
        assert slow.done == 50

    run(scenario)


def test_what_nobody_came_for_is_told_to_the_hook() -> None:
    """When the stream is over, events of partitions without consumers are named."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            numbers = pipeline.start(Numbers(1, 2, 3, END))
            pipeline.start(Probe(), subscribe_to=numbers, partition=1)
        assert numbers.lost == [(0, [2])]

    run(scenario)
