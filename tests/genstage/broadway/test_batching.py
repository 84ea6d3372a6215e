from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from genstage.broadway import Batcher, BatchInfo, Message
from genstage.broadway.batching import Batch, Batching


def batching_of(size: Any = 3, **settings: Any) -> Batching:
    return Batching(Batcher("s3", size=size, timeout=1.0, **settings))


def put(batching: Batching, *data: Any, key: Any = "default", partition: int | None = None, now: float = 0.0, mode: Any = "bulk") -> None:
    for each in data:
        message = Message(each)
        message.put_batch_key(key)
        message.put_batch_mode(mode)
        batching.put(message, partition, now)


def data_of(batches: list[Batch]) -> list[list[Any]]:
    return [[message.data for message in batch.messages] for batch in batches]


def test_a_batch_is_complete_by_size() -> None:
    """Three are a batch; the fourth waits."""
    batching = batching_of()
    put(batching, 1, 2, 3, 4)
    (batch,) = batching.take(5, 0.0)
    assert batch.info("s3") == BatchInfo("s3", "default", None, 3, "size", 1)
    assert (batching.held, batching.next_time()) == (4, 1.0)


def test_a_batch_is_complete_by_time() -> None:
    """A second after its first message, not its last; and it is another batch for each key."""
    batching = batching_of()
    put(batching, 1)
    put(batching, 2, now=0.9)
    put(batching, 9, key="other", now=0.9)
    assert batching.take(5, 0.99) == []
    (batch,) = batching.take(5, 1.0)
    assert (data_of([batch]), batch.trigger, batching.next_time()) == ([[1, 2]], "timeout", 1.9)
    assert data_of(batching.take(5, 1.9)) == [[9]]


def test_a_batch_need_not_wait() -> None:
    """A message in mode "flush" completes its batch, and so does the end, for all keys."""
    batching = batching_of()
    put(batching, 1)
    put(batching, 2, mode="flush")
    assert [batch.trigger for batch in batching.take(5, 0.0)] == ["flush"]
    put(batching, 3)
    put(batching, 4, key="other")
    batching.flush(0.0)
    assert data_of(batching.take(5, 0.0)) == [[3], [4]]


def by_weight(limit: int) -> Callable[[], Callable[[Message[int]], bool]]:
    """Batches of at least so much weight."""

    def fresh() -> Callable[[Message[int]], bool]:
        total = 0

        def full(message: Message[int]) -> bool:
            nonlocal total
            total += message.data
            return total >= limit

        return full

    return fresh


def test_a_splitter_decides_by_itself() -> None:
    """It keeps what it needs for each batch apart, of each key."""
    batching = batching_of(by_weight(10), max_demand=50)
    put(batching, 4, 7, 10)
    put(batching, 9, key="other")
    put(batching, 1, 1, key="other")
    assert data_of(batching.take(5, 0.0)) == [[4, 7], [10], [9, 1]]


def test_a_splitter_that_raises_has_not_taken_the_message() -> None:
    """Nothing is held of it."""
    batching = batching_of(by_weight(10), max_demand=50)
    with pytest.raises(TypeError):
        put(batching, "heavy")
    assert (batching.held, batching.take(5, 9.0), batching.next_time()) == (0, [], None)


def test_batches_of_a_partition_are_handled_one_after_the_other() -> None:
    """The next one waits for the end of the former; another partition does not."""
    batching = batching_of(1)
    put(batching, 1, 2, partition=0)
    put(batching, 9, partition=1)
    first, other = batching.take(5, 0.0)
    assert data_of([first, other]) == [[1], [9]]
    assert batching.take(5, 0.0) == []
    batching.close(first, None, 0.0)
    assert data_of(batching.take(5, 0.0)) == [[2]]
    assert batching.held == 2


def test_a_batch_is_tried_again_after_a_while() -> None:
    """Without partitions others overtake it; what of it has ended already is not tried."""
    batching = batching_of(2)
    put(batching, 1, 2)
    (batch,) = batching.take(1, 0.0)
    batching.leave(batch, batch.messages[:1])
    batching.close(batch, 5.0, 0.0)
    put(batching, 3, 4)
    assert (data_of(batching.take(5, 0.0)), batching.held, batching.next_time()) == ([[3, 4]], 3, 5.0)
    assert data_of(batching.take(5, 5.0)) == [[2]]


def test_a_retry_holds_its_partition_up() -> None:
    """With partitions the next batch waits for it."""
    batching = batching_of(1)
    put(batching, 1, 2, partition=0)
    (batch,) = batching.take(1, 0.0)
    batching.close(batch, 5.0, 0.0)
    assert batching.take(5, 0.0) == []
    (again,) = batching.take(5, 5.0)
    assert again is batch
    batching.close(batch, None, 5.0)
    assert data_of(batching.take(5, 5.0)) == [[2]]


def test_there_is_room_for_two_batches_a_processor() -> None:
    """By default one is handled while the next gathers; the room is in messages."""
    batching = batching_of(10, concurrency=3)
    put(batching, *range(59))
    assert batching.room == 1
    assert batching_of(max_demand=7).room == 7
