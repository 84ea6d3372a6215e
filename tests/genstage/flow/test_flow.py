from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genstage import DefinitionError, Pipeline, ProducerConsumer, from_iterable
from genstage.flow import Flow
from genstage.testing import END, Pause, Probe, ScriptedProducer, run


def result_of(flow: Flow[Any]) -> list[Any]:
    """What comes out of a flow, in virtual time."""
    return run(flow.to_list)


async def slowly(event: int) -> int:
    """A second a call."""
    await asyncio.sleep(1)
    return event


def endless() -> Iterator[int]:
    """All numbers."""
    number = 0
    while True:
        yield number
        number += 1


def test_a_flow_of_its_source_alone() -> None:
    """Everything comes, in order, of iterables and async iterables, empty ones too."""

    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2

    assert result_of(Flow.from_iterable([1, 2, 3])) == [1, 2, 3]
    assert result_of(Flow.from_iterable(numbers())) == [1, 2]
    assert result_of(Flow.from_iterable([])) == []


@given(events=st.lists(st.integers(-50, 50), max_size=300), max_demand=st.sampled_from([1, 2, 10, 1000]))
def test_operators_on_one_event_at_a_time(events: list[int], max_demand: int) -> None:
    """map, filter, flat_map and map_batch are what plain Python has, whatever the demand."""
    flow = (
        Flow.from_iterable(events, max_demand=max_demand)
        .map(lambda x: x + 1)
        .filter(lambda x: x % 3)
        .flat_map(lambda x: [x, -x])
        .map_batch(lambda xs: [x * 2 for x in xs])
    )
    assert result_of(flow) == [y * 2 for x in events if (x + 1) % 3 for y in (x + 1, -(x + 1))]


def test_uniq_gives_the_first_of_each_kind() -> None:
    """By itself, or by a key."""
    assert result_of(Flow.from_iterable([1, 2, 1, 3, 2]).uniq()) == [1, 2, 3]
    assert result_of(Flow.from_iterable(["ab", "ac", "b"]).uniq(lambda word: word[0])) == ["ab", "b"]


def test_scan_and_emit_and_reduce_keep_a_state() -> None:
    """A scan gives every value on the way; emit_and_reduce what its function wants to give."""
    assert result_of(Flow.from_iterable([1, 2, 3]).scan(int, lambda total, x: total + x)) == [1, 3, 6]

    def changes(last: int | None, event: int) -> tuple[list[int], int]:
        return ([] if last == event else [event]), event

    assert result_of(Flow.from_iterable([1, 1, 2, 2, 1]).emit_and_reduce(lambda: None, changes)) == [1, 2, 1]


def test_map_async_keeps_the_order_or_not() -> None:
    """So many calls run at once; ordered results wait for each other."""

    async def reversed_time(event: int) -> int:
        await asyncio.sleep(10 - event)
        return event

    async def scenario(*, ordered: bool) -> tuple[list[int], float]:
        result = await Flow.from_iterable(range(10)).map_async(reversed_time, concurrency=10, ordered=ordered).to_list()
        return result, asyncio.get_running_loop().time()

    assert run(partial(scenario, ordered=True)) == (list(range(10)), 10.0)
    assert run(partial(scenario, ordered=False)) == (list(reversed(range(10))), 10.0)


def test_back_pressure_goes_from_the_end_to_the_source() -> None:
    """Whoever takes slowly is not read for: no more than the demands of the stages between are ever in hand."""
    taken = 0

    def source() -> Iterator[int]:
        nonlocal taken
        for number in endless():
            taken = number + 1
            yield number

    async def scenario() -> None:
        flow = Flow.from_iterable(source(), max_demand=4).map(lambda x: x).map_async(slowly, concurrency=2).map(lambda x: x)
        async with aclosing(aiter(flow)) as events:
            async for event in events:
                await asyncio.sleep(100)
                if event == 20:
                    break

    run(scenario)
    assert 21 <= taken <= 21 + 5 * 4  # four demands, and the results of a call


def test_take_ends_an_endless_flow() -> None:
    """So many events of all partitions, then everything before is cancelled."""
    assert result_of(Flow.from_iterable(endless()).map(lambda x: x * 2).take(3)) == [0, 2, 4]
    assert result_of(Flow.from_iterable(endless()).take(0)) == []
    assert len(result_of(Flow.from_iterable(endless()).partition(lambda x: x).take(10))) == 10
    assert result_of(Flow.from_iterable(endless()).map_async(slowly, concurrency=3).take(2).map(str)) == ["0", "1"]


def test_events_of_a_key_stay_together_and_in_order() -> None:
    """A partition sends each key to one branch, in order; what follows is done in each branch."""
    events = [(key, number) for number in range(50) for key in "abcdefg"]

    async def scenario() -> list[list[tuple[str, int]]]:
        flow = Flow.from_iterable(events).partition(lambda event: event[0], stages=3).reduce(list, lambda seen, event: [*seen, event])
        return await flow.to_list()

    branches = run(scenario)
    assert len(branches) == 3
    assert sorted(event for branch in branches for event in branch) == sorted(events)
    homes = [{key for key, _ in branch} for branch in branches]
    assert sum(len(home) for home in homes) == len(set("abcdefg"))
    for branch in branches:
        for letter in "abcdefg":
            numbers = [number for key, number in branch if key == letter]
            assert numbers == sorted(numbers)


def test_partitions_run_at_the_same_time_and_keys_in_order() -> None:
    """map_async with one call at a time in each partition: keys go on beside each other, each in its order."""
    order: list[int] = []

    async def work(event: int) -> int:
        await asyncio.sleep(1)
        order.append(event)
        return event

    async def scenario() -> float:
        await Flow.from_iterable(range(40)).partition(lambda x: x % 4, stages=4).map_async(work, concurrency=1).run()
        return asyncio.get_running_loop().time()

    assert run(scenario) == 10.0
    for key in range(4):
        assert [event for event in order if event % 4 == key] == list(range(key, 40, 4))


@given(words=st.lists(st.text("abc", max_size=2), max_size=100), stages=st.integers(1, 5))
def test_words_are_counted(words: list[str], stages: int) -> None:
    """The example of every such library: by the key, over partitions, each key once."""
    flow = (
        Flow.from_iterable(words).partition(lambda word: word, stages=stages).reduce_by(lambda word: word, int, lambda count, _: count + 1)
    )
    pairs = result_of(flow)
    assert len(pairs) == len(dict(pairs))
    assert dict(pairs) == dict(Counter(words))


def test_group_by_gives_the_events_of_each_key() -> None:
    """In their order; what follows gets pairs."""
    flow = Flow.from_iterable(range(10)).group_by(lambda x: x % 3).map(lambda pair: (pair[0], sum(pair[1])))
    assert result_of(flow) == [(0, 18), (1, 12), (2, 15)]


def test_reduce_gives_one_value_a_partition() -> None:
    """At the end; of nothing the initial value; after departition there is one for all."""
    assert result_of(Flow.from_iterable(range(10)).reduce(int, lambda a, b: a + b)) == [45]
    assert result_of(Flow.from_iterable([]).reduce(int, lambda a, b: a + b)) == [0]
    parts = Flow.from_iterable(range(10)).partition(lambda x: x, stages=3).reduce(int, lambda a, b: a + b)
    assert len(result_of(parts)) == 3
    assert result_of(parts.departition().reduce(int, lambda a, b: a + b)) == [45]


def test_windows_of_a_count() -> None:
    """The chain of the documentation: read, partition, window, reduce; the last window is what is left."""
    flow = (
        Flow.from_iterable(range(250))
        .map_async(slowly, concurrency=32, ordered=False)
        .partition(lambda _: "one", stages=4)
        .window(count=100)
        .reduce(int, lambda count, _: count + 1)
    )
    assert result_of(flow) == [100, 100, 50]


def test_windows_of_a_time() -> None:
    """A window closes so long after its first event, or when it is full."""

    async def scenario() -> list[tuple[float, list[int]]]:
        script = [1, Pause(1), 2, Pause(5), 3, 4, 5, END]
        flow = Flow.from_producer(lambda: ScriptedProducer(script)).batch(3, seconds=4)
        return [(asyncio.get_running_loop().time(), events) async for events in flow]

    assert run(scenario) == [(4.0, [1, 2]), (6.0, [3, 4, 5])]


def test_groups_by_window() -> None:
    """Each window has its own groups."""
    flow = Flow.from_iterable([1, 2, 3, 4, 5]).window(count=3).group_by(lambda x: x % 2)
    assert result_of(flow) == [(1, [1, 3]), (0, [2]), (0, [4]), (1, [5])]


def test_event_time_is_a_key() -> None:
    """Windows by the events' own time are groups by that time."""
    events = [(0, "a"), (70, "b"), (10, "c"), (65, "d")]
    flow = Flow.from_iterable(events).group_by(lambda event: event[0] // 60 * 60)
    assert result_of(flow) == [(0, [(0, "a"), (10, "c")]), (60, [(70, "b"), (65, "d")])]


@pytest.mark.parametrize("stages", [1, 4])
def test_take_sort_gives_the_first_in_order(stages: int) -> None:
    """The smallest or greatest of all partitions, also where there are many more events."""
    numbers = [number * 7919 % 10007 for number in range(2000)]
    flow = Flow.from_iterable(numbers).partition(lambda x: x, stages=stages)
    assert result_of(flow.take_sort(5)) == sorted(numbers)[:5]
    assert result_of(flow.take_sort(5, reverse=True)) == sorted(numbers, reverse=True)[:5]
    assert [x % 100 for x in result_of(flow.take_sort(3, key=lambda x: x % 100))] == [0, 0, 0]


def test_flows_are_merged() -> None:
    """Events of all come as they are there; operators of each were done before."""
    flow = Flow.merge(Flow.from_iterable(range(3)).map(lambda x: x * 10), Flow.from_iterable("ab"))
    assert sorted(map(str, result_of(flow))) == ["0", "10", "20", "a", "b"]
    branched = Flow.merge(Flow.from_iterable(range(9)).partition(lambda x: x), Flow.from_iterable(range(9))).map(lambda x: x + 1)
    assert sorted(result_of(branched)) == sorted([*range(1, 10), *range(1, 10)])


def test_two_flows_are_joined_by_a_key() -> None:
    """What Flow calls a bounded join: merge what is told apart, and group by the key."""
    names = Flow.from_iterable([(1, "airline"), (2, "baker")]).map(lambda pair: (pair[0], "name", pair[1]))
    calls = Flow.from_iterable([(2, 30), (1, 10), (2, 5)]).map(lambda pair: (pair[0], "call", pair[1]))

    def joined(pair: tuple[int, list[tuple[int, str, Any]]]) -> list[tuple[str, int]]:
        owners = [value for _, kind, value in pair[1] if kind == "name"]
        return [(owner, value) for owner in owners for _, kind, value in pair[1] if kind == "call"]

    flow = Flow.merge(names, calls).partition(lambda row: row[0]).group_by(lambda row: row[0]).flat_map(joined)
    assert sorted(result_of(flow)) == [("airline", 10), ("baker", 5), ("baker", 30)]


def test_a_throttle_paces_a_flow() -> None:
    """Ten events at two a second take four and a half seconds."""

    async def scenario() -> float:
        await Flow.from_iterable(range(10)).throttle(2).run()
        return asyncio.get_running_loop().time()

    assert run(scenario) == 4.5


class Repeat(ProducerConsumer[int, int]):
    """Each twice."""

    def handle_events(self, events: list[int]) -> list[int]:
        """Twice as many."""
        return [event for event in events for _ in range(2)]


def test_a_flow_goes_through_a_stage_of_ones_own() -> None:
    """Before it and behind it are operators; each run makes a new one."""
    flow = Flow.from_iterable([1, 2]).map(lambda x: x * 10).through(Repeat).map(str)
    assert result_of(flow) == ["10", "10", "20", "20"]
    assert result_of(flow) == ["10", "10", "20", "20"]


def test_a_flow_is_a_part_of_a_pipeline() -> None:
    """It begins with stages that run, and its own stages are subscribed to."""

    async def scenario() -> list[int]:
        async with Pipeline() as pipeline:
            producer = pipeline.start(from_iterable(range(20)))
            probe = pipeline.start(Probe())
            for stage in Flow.from_stages(producer).partition(lambda x: x, stages=2).start(pipeline):
                probe.subscribe(stage)
        return sorted(probe.received)

    assert run(scenario) == list(range(20))


def test_a_flow_counts_what_comes_out() -> None:
    """run() drives it to the end and keeps nothing."""
    assert run(Flow.from_iterable(range(2500)).filter(lambda x: x % 2).run) == 1250


def fail_at(limit: int) -> Callable[[int], int]:
    """A function that raises for one event."""

    def function(event: int) -> int:
        if event == limit:
            raise ValueError(f"no {event}")
        return event

    return function


async def fail_later(event: int) -> int:
    """Raises for one event, a second later."""
    await asyncio.sleep(1)
    return fail_at(3)(event)


@pytest.mark.parametrize(
    "flow",
    [
        Flow.from_iterable(range(10)).map(fail_at(3)),
        Flow.from_iterable(range(10)).map_async(fail_later, concurrency=2),
        Flow.from_iterable(range(10)).map_async(fail_later, ordered=False),
        Flow.from_iterable(range(10)).partition(fail_at(3)),
        Flow.from_iterable(range(10)).reduce(int, lambda total, x: total + fail_at(3)(x)),
        Flow.from_iterable(range(10)).reduce(int, lambda _, x: x).map(lambda x: fail_at(9)(x) + fail_at(3)(3)),
        Flow.from_producer(lambda: from_iterable(fail_at(3)(number) for number in range(10))),
        Flow.from_producer(lambda: ScriptedProducer([3, Pause(100)])).batch(seconds=3).map(lambda events: fail_at(3)(events[0])),
    ],
    ids=["map", "map_async", "unordered", "partition", "reduce", "end", "source", "timed"],
)
@pytest.mark.parametrize("way", [Flow.run, Flow.to_list])
def test_an_error_comes_out_as_it_is(flow: Flow[int], way: Callable[[Flow[int]], Coroutine[Any, Any, Any]]) -> None:
    """Of whatever part of a flow, whichever way it is run; nothing hangs."""
    with pytest.raises(ValueError, match=r"no [39]"):
        run(way, flow)


def test_an_error_waits_for_whoever_iterates() -> None:
    """A failure does not cancel what the loop's body does; it is raised where the next event would have come."""
    done: list[float] = []

    async def scenario() -> None:
        async for _ in Flow.from_producer(lambda: ScriptedProducer([1, Pause(1), 2, END])).map_async(slowly).map(fail_at(2)):
            await asyncio.sleep(60)
            done.append(asyncio.get_running_loop().time())

    with pytest.raises(ValueError, match="no 2"):
        run(scenario)
    assert done == [61.0]


def test_leaving_a_loop_early_cancels_everything() -> None:
    """The functions that run are cancelled, and the source is closed."""
    log: list[str] = []

    async def source() -> AsyncIterator[int]:
        try:
            for number in endless():
                yield number
                await asyncio.sleep(1)
        finally:
            log.append("closed")

    async def work(event: int) -> int:
        try:
            await asyncio.sleep(1000 if event else 0)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        return event

    async def scenario() -> set[str]:
        async with aclosing(aiter(Flow.from_iterable(source()).map_async(work, concurrency=4))) as events:
            async for _ in events:
                await asyncio.sleep(1.5)
                break
        return {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    assert run(scenario) == set()
    assert sorted(log) == ["cancelled", "closed"]


def test_a_cancelled_run_leaves_nothing_behind() -> None:
    """Cancelling whoever waits for a flow cancels its stages."""

    async def scenario() -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await Flow.from_iterable(endless()).map_async(slowly).run()
        return len(asyncio.all_tasks())

    assert run(scenario) == 1


def test_a_flow_is_only_a_description() -> None:
    """Nothing runs before it is run; it may be run again, and each operator leaves the former flow as it was."""
    calls: list[int] = []

    def note(event: int) -> int:
        calls.append(event)
        return event

    base = Flow.from_iterable([1, 2])
    noted = base.map(note)
    assert calls == []
    assert result_of(noted) == result_of(noted) == [1, 2]
    assert calls == [1, 2, 1, 2]
    assert result_of(base.map(str)) == ["1", "2"]


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda flow: flow.map_async(slowly, concurrency=0), "concurrency is 0"),
        (lambda flow: flow.partition(str, stages=0), "stages is 0"),
        (lambda flow: flow.take(-1), "cannot take -1"),
        (lambda flow: flow.throttle(0), "rate is 0"),
        (lambda flow: flow.throttle(1, burst=0), "burst is 0"),
        (lambda flow: flow.window(), "count, seconds, or both"),
        (lambda flow: flow.batch(0), "count is 0"),
    ],
    ids=["map_async", "partition", "take", "throttle", "burst", "window", "batch"],
)
def test_what_cannot_work_is_refused_at_once(make: Callable[[Flow[int]], object], fault: str) -> None:
    """When the flow is written, not when it runs."""
    with pytest.raises(DefinitionError, match=fault):
        make(Flow.from_iterable([1]))


def test_a_source_that_is_none_is_refused_when_the_flow_runs() -> None:
    """The error of the source comes out of the run."""
    with pytest.raises(DefinitionError, match="int is neither"):
        run(Flow.from_iterable(3).run)  # type: ignore[arg-type]
