"""The gate by itself, and against random use."""

# ruff: noqa: D102 - rules and invariants are named for what they do

from __future__ import annotations

from collections import Counter, defaultdict
from math import inf
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from genstage.broadway import Message, RateLimit
from genstage.broadway.gate import Entry, Gate, Work


def gate_of(*, chunk: int = 2, limit: RateLimit | None = None, key_limit: RateLimit | None = None) -> Gate:
    return Gate(chunk, limit, key_limit, now=0.0)


def put(gate: Gate, key: Any, *data: Any, now: float = 0.0, partition: Any = None, express: bool = False) -> list[Entry]:
    entries = [Entry(Message(each), partition=partition, express=express) for each in data]
    for entry in entries:
        gate.put(entry, key, serial=partition is not None, now=now)
    return entries


def take(gate: Gate, most: int = 10, now: float = 0.0) -> list[list[Any]]:
    """Takes works and ends them at once."""
    works = gate.take(most, now)
    for work in works:
        gate.close(work, now)
    return [[entry.message.data for entry in work.entries] for work in works]


def test_messages_leave_in_order_in_small_lists() -> None:
    """A work has at most `chunk` messages; no more works are given than are asked for."""
    gate = gate_of()
    put(gate, None, 1, 2, 3)
    assert take(gate, 1) == [[1, 2]]
    assert take(gate) == [[3]]
    assert (gate.load, gate.out, take(gate)) == (0, 0, [])


def test_keys_are_served_in_turn() -> None:
    """One key with much and another with little: the little one does not wait for the much."""
    gate = gate_of(chunk=1)
    put(gate, "much", 1, 2, 3)
    put(gate, "little", 9)
    assert take(gate) == [[1], [9], [2], [3]]


def test_a_key_has_its_own_limit() -> None:
    """Two a second for each key: what is beyond waits for its time, and others do not wait for it."""
    gate = gate_of(key_limit=RateLimit(2))
    put(gate, "a", 1, 2, 3, 4)
    put(gate, "b", 9)
    assert take(gate) == [[1, 2], [9]]
    assert (take(gate), gate.next_time()) == ([], 0.5)
    assert take(gate, now=0.5) == [[3]]
    assert take(gate, now=1.0) == [[4]]


def test_a_limit_holds_for_all_together() -> None:
    """The whole limit is shared by the keys in turn."""
    gate = gate_of(chunk=1, limit=RateLimit(3))
    put(gate, "a", 1, 2)
    put(gate, "b", 8, 9)
    assert take(gate) == [[1], [8], [2]]
    assert gate.next_time() == pytest.approx(1 / 3)
    assert take(gate, now=0.34) == [[9]]


def test_limits_change_while_it_runs() -> None:
    """A key may get a limit of its own, lose it, and the whole as well; what is asked says what holds."""
    gate = gate_of(key_limit=RateLimit(1))
    gate.limit_key("quick", None, 0.0)
    put(gate, "quick", 1, 2)
    put(gate, "slow", 8, 9)
    assert take(gate) == [[1, 2], [8]]
    assert (gate.limit_of("quick"), gate.limit_of("slow"), gate.limit_of()) == (None, RateLimit(1), None)
    gate.limit_key("slow", RateLimit(2), 0.0)
    assert take(gate) == [[9]]
    gate.limit(RateLimit(1), 0.0)
    put(gate, "quick", 3, 4)
    assert take(gate) == [[3]]
    gate.limit(None, 0.0)
    assert take(gate) == [[4]]


def test_a_pause_holds_one_key_until_its_time() -> None:
    """A Retry-After stops one key; the others go on; a longer pause is not shortened; resuming ends it."""
    gate = gate_of()
    put(gate, "a", 1)
    put(gate, "b", 9)
    gate.pause(["a"], 30.0, 0.0)
    gate.pause(["a"], 5.0, 0.0)
    assert (take(gate), gate.next_time()) == ([[9]], 30.0)
    assert take(gate, now=29.0) == []
    assert take(gate, now=30.0) == [[1]]
    put(gate, "a", 2, now=30.0)
    gate.pause(["a"], inf, 30.0)
    assert (take(gate, now=99.0), gate.stuck()) == ([], True)
    gate.resume(["a"], 99.0)
    assert take(gate, now=99.0) == [[2]]


def test_a_pause_of_all_holds_all() -> None:
    """Without keys everything is held, but for test messages; a single key's pause outlives it."""
    gate = gate_of()
    put(gate, "a", 1)
    put(gate, "b", 9)
    gate.pause(["b"], inf, 0.0)
    gate.pause([], 10.0, 0.0)
    put(gate, None, "test", express=True)
    assert (take(gate), gate.next_time()) == ([["test"]], 10.0)
    assert take(gate, now=10.0) == [[1]]
    gate.pause([], inf, 10.0)
    gate.resume([], 10.0)
    assert take(gate, now=10.0) == []


def test_a_pause_stops_also_what_was_given_out_and_not_begun() -> None:
    """After a pause the rest of a list does not begin: it goes back, in order, and is not charged."""
    gate = gate_of(chunk=3, key_limit=RateLimit(3))
    put(gate, "a", 1, 2, 3)
    (work,) = gate.take(1, 0.0)
    assert gate.may_go_on(work, 0.0)
    gate.pause(["a"], 1.0, 0.0)
    assert not gate.may_go_on(work, 0.0)
    work.unbegun = work.entries[1:]
    assert gate.close(work, 0.0) == 1
    gate.resume(["a"], 0.0)
    assert (gate.load, take(gate)) == (2, [[2, 3]])


def test_a_partition_has_one_work_at_a_time() -> None:
    """The next messages of a partition wait until the former ones have left; other partitions do not."""
    gate = gate_of(chunk=1)
    put(gate, None, 1, 2, partition="x")
    put(gate, None, 9, partition="y")
    first, other = gate.take(5, 0.0)
    assert [first.entries[0].message.data, other.entries[0].message.data] == [1, 9]
    assert gate.take(5, 0.0) == []
    gate.close(first, 0.0)
    assert take(gate) == [[2]]


def test_a_retry_waits_and_others_overtake_it() -> None:
    """Without partitions only the message itself waits for its next try."""
    gate = gate_of(chunk=3)
    put(gate, None, 1, 2, 3)
    (work,) = gate.take(1, 0.0)
    work.retries = [(work.entries[1], 5.0)]
    assert gate.close(work, 0.0) == 2
    put(gate, None, 4)
    assert take(gate) == [[4]]
    assert (gate.load, gate.next_time(), gate.stuck()) == (1, 5.0, False)
    assert take(gate, now=5.0) == [[2]]


def test_a_retry_holds_its_partition_up() -> None:
    """With partitions those behind it wait, so the order is kept."""
    gate = gate_of(chunk=3)
    put(gate, None, 1, 2, 3, partition="x")
    (work,) = gate.take(1, 0.0)
    work.retries, work.unbegun = [(work.entries[0], 5.0)], work.entries[1:]
    assert gate.close(work, 0.0) == 0
    put(gate, None, 4, partition="x")
    assert take(gate) == []
    assert (take(gate, now=5.0), take(gate, now=5.0)) == ([[1, 2, 3]], [[4]])


def test_a_test_message_is_tried_again_as_well() -> None:
    """It waits outside of the limits."""
    gate = gate_of()
    put(gate, None, 1, express=True)
    (work,) = gate.take(1, 0.0)
    assert gate.may_go_on(work, 0.0)
    work.retries = [(work.entries[0], 2.0)]
    gate.close(work, 0.0)
    assert (take(gate), take(gate, now=2.0), gate.load) == ([], [[1]], 0)


def test_keys_leave_nothing_behind() -> None:
    """Keys come and go by the thousand; when their limit is as if unused, and their pause over, they are forgotten."""
    gate = gate_of(key_limit=RateLimit(2))
    for key in range(2_000):
        put(gate, key, 1)
    gate.pause([1], 7.0, 0.0)
    gate.pause(["unheard"], 3.0, 0.0)
    take(gate, 5_000)
    assert gate.load == 1
    assert take(gate, now=7.0) == [[1]]
    assert len(gate._keys) == 1
    take(gate, now=8.0)
    assert (gate._keys, gate._ring, gate._timers) == ({}, {}, [])


def test_a_message_during_a_keys_last_memory_is_not_held_up() -> None:
    """A key that is only remembered for its limit serves at once what comes meanwhile."""
    gate = gate_of(key_limit=RateLimit(2))
    put(gate, "a", 1)
    assert take(gate) == [[1]]
    put(gate, "a", 2)
    assert take(gate) == [[2]]


def test_an_unusable_key_changes_nothing() -> None:
    """What cannot be hashed raises, and is not in the books."""
    gate = gate_of()
    with pytest.raises(TypeError):
        put(gate, [], 1)
    with pytest.raises(TypeError):
        put(gate, "a", 1, partition=[])
    assert (gate.load, gate._keys) == (0, {})


def test_what_waits_can_be_given_up() -> None:
    """Everything that is not being handled comes out, wherever it waits."""
    gate = gate_of(chunk=1)
    put(gate, "a", 1, 2, 3)
    put(gate, None, 9, express=True)
    _express, work = gate.take(2, 0.0)
    work.retries = [(work.entries[0], 5.0)]
    gate.close(work, 0.0)
    put(gate, None, 10, express=True)
    assert sorted(entry.message.data for entry in gate.abandon()) == [1, 2, 3, 10]
    assert (gate.load, gate.take(5, 99.0)) == (1, [])


class RandomUse(RuleBasedStateMachine):
    """Whatever happens: nothing is lost, doubled, begun while paused or beyond its limit; order is kept where it is promised."""

    limit: RateLimit | None = None
    partitioned = False

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.gate = gate_of(chunk=3, limit=self.limit, key_limit=RateLimit(4, 2.0))
        self.made = 0
        self.works: list[Work] = []
        self.left: list[int] = []
        self.order: dict[Any, list[int]] = defaultdict(list)
        self.begun: Counter[str] = Counter()
        self.paused: dict[str | None, float] = {}

    @rule(key=st.sampled_from("abc"), count=st.integers(1, 6), partition=st.integers(0, 1))
    def put(self, key: str, count: int, partition: int) -> None:
        for _ in range(count):
            entry = Entry(Message((self.made, key, partition)), partition=partition if self.partitioned else None)
            self.gate.put(entry, key, serial=self.partitioned, now=self.now)
            self.made += 1

    @rule(most=st.integers(1, 4))
    def take(self, most: int) -> None:
        works = self.gate.take(most, self.now)
        assert len(works) <= most
        if len(works) < most:  # nobody sleeps with something to do
            assert self.gate.take(1, self.now) == []
        for work in works:
            numbers, keys, partitions = zip(*(entry.message.data for entry in work.entries), strict=True)
            assert len(set(keys)) == 1
            assert 1 <= len(numbers) <= 3
            assert self.paused.get(keys[0], 0) <= self.now
            assert self.paused.get(None, 0) <= self.now
            self.begun[keys[0]] += len(numbers)
            if self.partitioned:
                assert len(set(partitions)) == 1
                running = {entry.message.data[1:] for other in self.works for entry in other.entries}
                assert (keys[0], partitions[0]) not in running
            self.works.append(work)

    @precondition(lambda self: self.works)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        work = self.works.pop(data.draw(st.integers(0, len(self.works) - 1)))
        done = data.draw(st.integers(1, len(work.entries)))
        work.unbegun = work.entries[done:]
        if data.draw(st.booleans()):
            work.retries = [(work.entries[done - 1], self.now + data.draw(st.sampled_from([0.0, 0.5, 3.0])))]
            done -= 1
        key = work.entries[0].message.data[1]
        self.begun[key] -= len(work.unbegun)
        assert self.gate.close(work, self.now) == done
        for entry in work.entries[:done]:
            number, key, partition = entry.message.data
            self.left.append(number)
            self.order[key, partition].append(number)

    @rule(key=st.sampled_from([None, "a", "b"]), seconds=st.sampled_from([0.5, 2.0, inf]))
    def pause(self, key: str | None, seconds: float) -> None:
        self.gate.pause([] if key is None else [key], self.now + seconds, self.now)
        self.paused[key] = max(self.paused.get(key, 0), self.now + seconds)

    @rule(key=st.sampled_from([None, "a", "b"]))
    def resume(self, key: str | None) -> None:
        self.gate.resume([] if key is None else [key], self.now)
        self.paused.pop(key, None)

    @rule()
    def wait(self) -> None:
        when = self.gate.next_time()
        self.now = max(self.now, self.now + 0.7 if when is None else when)

    @invariant()
    def the_books_agree(self) -> None:
        assert self.gate.load == self.made - len(self.left)
        assert self.gate.out == len(self.works)
        assert len(self.left) == len(set(self.left))

    @invariant()
    def limits_hold(self) -> None:
        for begun in self.begun.values():
            assert begun <= 4 + 2 * self.now + 0.01

    def teardown(self) -> None:
        for work in self.works:
            self.left += [entry.message.data[0] for entry in work.entries]
            self.gate.close(work, self.now)
            for entry in work.entries:
                self.order[entry.message.data[1:]].append(entry.message.data[0])
        for keys in ([], ["a"], ["b"]):
            self.gate.resume(keys, self.now)
        for _ in range(2_000):
            works = self.gate.take(100, self.now)
            for work in works:
                self.left += [entry.message.data[0] for entry in work.entries]
                for entry in work.entries:
                    self.order[entry.message.data[1:]].append(entry.message.data[0])
                self.gate.close(work, self.now)
            if not works:
                when = self.gate.next_time()
                if when is None:
                    break
                self.now = max(self.now, when)
        assert sorted(self.left) == list(range(self.made))
        if self.partitioned:
            assert all(numbers == sorted(numbers) for numbers in self.order.values())
        assert (self.gate.load, self.gate._ring, self.gate._timers) == (0, {}, [])
        assert self.gate._keys == {}


class PartitionedUse(RandomUse):
    """The same in order, and with a limit of all together."""

    limit = RateLimit(10, 1.0)
    partitioned = True


@pytest.mark.parametrize("machine", [RandomUse, PartitionedUse], ids=lambda machine: machine.__name__)
def test_nothing_is_lost_doubled_or_begun_too_early(machine: type[RuleBasedStateMachine]) -> None:
    """Random messages, works, retries, pauses and times; at the end everything has left and nothing is remembered."""
    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))
