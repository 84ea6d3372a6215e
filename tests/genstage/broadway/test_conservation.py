"""Whole Broadways under random use: whatever fails, waits, is paused, limited or retried, each message is acknowledged exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genstage.broadway import Ack, Acknowledger, Batcher, BatchInfo, Broadway, Message, Options, Processors, RateLimit, Retry
from genstage.supervision import Backoff
from genstage.testing import VirtualClock, run

END = 60


class Books(Acknowledger):
    """Notes who was acknowledged, and how."""

    def __init__(self) -> None:
        self.ok: Counter[int] = Counter()
        self.failed: Counter[int] = Counter()
        self.order: list[int] = []

    def ack(self, ref: Any, successful: list[Any], failed: list[Any]) -> None:  # the port's
        """Notes it."""
        assert ref in (0, 1)
        assert all(message.data % 2 == ref for message in [*successful, *failed])
        self.ok.update(message.data for message in successful)
        self.failed.update(message.data for message in failed)
        self.order += [message.data for message in successful]


class Chaos(Broadway[int]):
    """Sleeps, fails, raises, forgets, pauses and resumes at random."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.busy: set[int] = set()
        self.parted: set[int] = set()
        self.partitioned = False
        self.dead: Counter[int] = Counter()
        self.told: Counter[int] = Counter()

    async def handle_message(self, message: Message[int]) -> None:
        """Something happens."""
        partition = message.data % 3
        assert not (self.partitioned and partition in self.busy)
        self.busy.add(partition)
        try:
            await asyncio.sleep(self.random.choice([0, 0, 0.1, 2]))
            message.put_batcher(*self.random.choice([["default"], ["other"], ["other", "default"]]))
            if message.others:
                self.parted.add(message.data)
            message.put_batch_key(self.random.choice("ab"))
            match self.random.randrange(12):
                case 0:
                    message.fail("no")
                case 1 | 2:
                    raise OSError
                case 3:
                    self.pause(partition, seconds=self.random.choice([0.5, 5.0]))
                case 4:
                    message.put_batch_mode("flush")
                case 5:
                    self.resume(*self.random.choice([(), (0,), (1,)]))
                case 6:
                    message.put_batcher("nowhere")
        finally:
            self.busy.discard(partition)

    async def handle_batch(self, batcher: str, messages: list[Message[int]], info: BatchInfo) -> Any:
        """Something happens."""
        assert (len(messages), batcher) == (info.size, info.batcher)
        assert len({(message.batcher, message.batch_key) for message in messages}) == 1
        await asyncio.sleep(self.random.choice([0, 0.1, 3]))
        match self.random.randrange(6):
            case 0:
                raise OSError
            case 1:
                return messages[1:]
            case 2:
                messages[0].fail("no")
        return None

    def handle_failed(self, messages: list[Message[int]]) -> None:
        """Notes them."""
        assert all(message.failed for message in messages)
        self.told.update(message.data for message in messages)

    def handle_dead_letters(self, messages: list[Message[int]]) -> None:
        """Notes them."""
        self.dead.update(message.data for message in messages)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32),
    st.tuples(st.integers(1, 4), st.integers(1, 6)),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.sampled_from([None, RateLimit(5), RateLimit(20, 2.0, burst=1)]),
)
def test_every_message_is_acknowledged_once(
    seed: int, layer: tuple[int, int], flags: tuple[bool, bool, bool], limit: RateLimit | None
) -> None:
    """Successful or failed, by its own reference; the failed ones were told before; nothing is held at the end."""
    partitioned, batched, retried = flags
    books, chaos = Books(), Chaos(seed)
    chaos.partitioned = partitioned
    retry = Retry(attempts=3, backoff=Backoff(first=0.3, most=2.0)) if retried else None
    options = Options(
        processors=Processors(*layer, retry=retry),
        batchers=(Batcher(size=3, timeout=0.7, concurrency=2, retry=retry), Batcher("other", size=5)) if batched else (),
        transformer=lambda number: Message(number, acknowledger=Ack(books, number % 2)),
        partition_by=(lambda message: message.data % 3) if partitioned else None,
        key=lambda message: message.data % 3,
        key_rate_limit=limit,
        clock=VirtualClock(),
    )
    run(lambda: chaos.run(range(END // 2), iter(range(END // 2, END)), options=options))
    assert books.ok + books.failed == Counter(range(END))
    assert chaos.told.keys() == books.failed.keys()
    assert all(times == 1 or (times == 2 and number in chaos.parted) for number, times in chaos.told.items())  # parts fail by themselves
    assert chaos.dead <= chaos.told
    assert bool(chaos.dead) <= retried
    if partitioned and not retried and not batched:
        by_partition: dict[tuple[int, bool], list[int]] = defaultdict(list)
        for number in books.order:
            by_partition[number % 6, number < END // 2].append(number)  # by partition, reference and source
        assert all(numbers == sorted(numbers) for numbers in by_partition.values())
    counts = chaos._topology.endings.counts  # type: ignore[union-attr]  # it has run
    assert (counts.received, counts.successful, counts.failed) == (END, books.ok.total(), books.failed.total())
    assert chaos._topology.held == 0  # type: ignore[union-attr]  # it has run


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Any:
    """What raises on purpose is not printed; of the whole module, since hypothesis runs many examples in one test."""
    logging.getLogger("genstage.broadway").disabled = True
    yield
    logging.getLogger("genstage.broadway").disabled = False
