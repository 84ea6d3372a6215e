from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from genstage import AnswerError, StateError
from genstage.broadway import Ack, Acknowledger, Batcher, BroadwayStats, Failed, Message, Options, Processors, Raised, Retry, TimeLimitError
from genstage.supervision import Backoff
from genstage.testing import END, Pause, ScriptedProducer, run

MakeOptions = Callable[..., Options]
ONE = Processors(concurrency=1)


def by_kind(message: Message[Any]) -> None:
    message.put_batcher("odd" if message.data % 2 else "even")


def test_batches_are_made_by_size_and_by_time(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """Each batcher by itself; what is left is handled when its time is up."""
    broadway = recorder(by_kind)
    source = ScriptedProducer([*range(9), Pause(10), END])
    run(
        lambda: broadway.run(
            source, options=options(processors=ONE, batchers=(Batcher("odd", size=2), Batcher("even", size=3, timeout=2.0)))
        )
    )
    seen = [(time, info.batcher, data, info.trigger) for time, info, data in broadway.batches]
    assert sorted(seen) == [
        (0, "even", [0, 2, 4], "size"),
        (0, "odd", [1, 3], "size"),
        (0, "odd", [5, 7], "size"),
        (2, "even", [6, 8], "timeout"),
    ]
    assert sorted(ledger.successful) == list(range(9))


def test_only_messages_of_one_key_share_a_batch(recorder: Any, options: MakeOptions) -> None:
    """Their batches fill and wait separately."""
    broadway = recorder(lambda message: message.put_batch_key(message.data % 2))
    run(lambda: broadway.run(range(7), options=options(processors=ONE, batchers=(Batcher(size=3),))))
    assert [(info.key, data, info.trigger) for _, info, data in broadway.batches] == [
        (0, [0, 2, 4], "size"),
        (1, [1, 3, 5], "size"),
        (0, [6], "flush"),
    ]


def test_a_message_may_flush_its_batch(recorder: Any, options: MakeOptions) -> None:
    """Its batch waits for nobody any more."""
    broadway = recorder(lambda message: message.put_batch_mode("flush") if message.data == 1 else None)
    run(lambda: broadway.run(range(4), options=options(processors=ONE, batchers=(Batcher(),))))
    assert [data for _, _, data in broadway.batches] == [[0, 1], [2, 3]]


def test_failed_messages_do_not_reach_a_batcher(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """They end where they failed."""
    broadway = recorder(lambda message: message.fail("no") if message.data == 1 else None)
    run(lambda: broadway.run(range(3), options=options(batchers=(Batcher(),))))
    assert ([data for _, _, data in broadway.batches], ledger.failed) == ([[0, 2]], [1])


def test_a_batch_is_acknowledged_in_one_call(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """Good and failed ones together, after handle_failed."""
    broadway = recorder(on_batch=lambda messages, _info: messages[1].fail("too big"))
    run(lambda: broadway.run(range(3), options=options(batchers=(Batcher(),))))
    (ack,) = ledger.acks
    assert ([message.data for message in ack.successful], [message.status for message in ack.failed]) == ([0, 2], [Failed("too big")])
    assert broadway.failures == [1]


def test_a_raise_fails_the_whole_batch(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """All of it, and no other batch; what the handler had failed itself keeps its reason."""

    def handle(messages: list[Message[Any]], _info: Any) -> None:
        if messages[0].data == 0:
            messages[1].fail("mine")
            raise ConnectionError

    broadway = recorder(on_batch=handle)
    run(lambda: broadway.run(range(4), options=options(processors=ONE, batchers=(Batcher(size=2),))))
    assert (ledger.failed, ledger.successful, broadway.failures) == ([0, 1], [2, 3], [0, 1])
    first, second = ledger.acks[0].failed
    assert (isinstance(first.status, Raised), second.status) == (True, Failed("mine"))


@pytest.mark.parametrize("result", [lambda messages: messages[1:], lambda _messages: "done"])
def test_forgotten_messages_fail(result: Any, recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """A handler that returns messages must return all; the others would never be acknowledged (in Broadway they are not)."""
    broadway = recorder(on_batch=lambda messages, _info: result(messages))
    run(lambda: broadway.run(range(2), options=options(batchers=(Batcher(),))))
    assert ledger.failed[0] == 0
    status = ledger.acks[0].failed[0].status
    assert isinstance(status.error, AnswerError)
    assert "of 2 messages; return nothing, or all of them" in str(status.error)


def test_returning_all_is_fine(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """In any order."""
    broadway = recorder(on_batch=lambda messages, _info: messages[::-1])
    run(lambda: broadway.run(range(3), options=options(batchers=(Batcher(),))))
    assert ledger.successful == [0, 1, 2]


def test_a_batch_may_take_only_so_long(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """Longer is cancelled and has failed."""

    async def handle(_messages: Any, _info: Any) -> None:
        await asyncio.sleep(10)

    run(lambda: recorder(on_batch=handle).run([1], options=options(batchers=(Batcher(time_limit=2.0),))))
    assert isinstance(ledger.acks[0].failed[0].status.error, TimeLimitError)


def test_so_many_batches_are_handled_at_once(recorder: Any, options: MakeOptions) -> None:
    """Two at a time; what is more waits, and finds its batch complete by size when its turn comes."""
    running = [0, 0]

    async def handle(_messages: Any, _info: Any) -> None:
        running[0] += 1
        running[1] = max(running)
        await asyncio.sleep(1)
        running[0] -= 1

    broadway = recorder(on_batch=handle)
    run(lambda: broadway.run(range(50), options=options(batchers=(Batcher(size=5, concurrency=2),))))
    assert (running, len(broadway.batches), broadway.batches[-1][0]) == ([0, 2], 10, 4)


def test_a_slow_batcher_slows_the_source(recorder: Any, options: MakeOptions, endless: Any) -> None:
    """No more is read than the batcher holds and the processors have in hand."""

    async def handle(_messages: Any, _info: Any) -> None:
        await asyncio.sleep(100)

    async def scenario() -> None:
        broadway = recorder(on_batch=handle)
        processors = Processors(concurrency=2, max_demand=4)
        async with broadway.open(endless, options=options(processors=processors, batchers=(Batcher(size=5),))):
            await asyncio.sleep(50)
            assert endless.given == 10 + 8
            await asyncio.sleep(100)
            assert 18 < endless.given <= 15 + 8  # demand returns by the processor's list
            assert not await broadway.drain(1)

    run(scenario)


def test_batches_of_a_partition_keep_their_order(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """One after the other in each partition, through processors and batchers, with batch keys."""

    async def handle(messages: list[Message[Any]], info: Any) -> None:
        assert {message.data % 2 for message in messages} == {info.partition}
        await asyncio.sleep(1 + messages[0].data % 3)

    settings = options(batchers=(Batcher(size=3, concurrency=2, timeout=0.5),), partition_by=lambda message: message.data % 2)
    run(lambda: recorder(lambda message: message.put_batch_key(message.data % 4), handle).run(range(60), options=settings))
    for key in range(4):
        of_it = [data for data in ledger.successful if data % 4 == key]
        assert of_it == list(range(key, 60, 4))


def test_a_batch_is_tried_again(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """After its back-off, without what the handler has failed itself; in the end its messages are dead letters."""

    def handle(messages: list[Message[Any]], info: Any) -> None:
        if info.attempt == 1:
            messages[0].fail("no")
        raise ConnectionError

    retry = Retry(attempts=3, backoff=Backoff(first=1.0, factor=2.0, jitter=0.0))
    broadway = recorder(on_batch=handle)
    run(lambda: broadway.run(range(3), options=options(batchers=(Batcher(retry=retry),))))
    assert [(time, info.attempt, data) for time, info, data in broadway.batches] == [(0, 1, [0, 1, 2]), (1, 2, [1, 2]), (3, 3, [1, 2])]
    assert (ledger.failed, broadway.dead, broadway.failures) == ([0, 1, 2], [1, 2], [0, 1, 2])


def test_a_batch_of_which_nothing_is_left_is_not_tried_again(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """All were failed by the handler before it raised."""

    def handle(messages: list[Message[Any]], _info: Any) -> None:
        for message in messages:
            message.fail("no")
        raise ConnectionError

    broadway = recorder(on_batch=handle)
    run(lambda: broadway.run([1], options=options(batchers=(Batcher(retry=Retry()),))))
    assert (len(broadway.batches), ledger.failed, broadway.dead) == (1, [1], [])


def test_a_splitter_decides_when_a_batch_is_complete(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """By weight, say; a message at which it raises fails alone."""

    def fresh() -> Callable[[Message[Any]], bool]:
        total = 0

        def full(message: Message[Any]) -> bool:
            nonlocal total
            total += message.data
            return total >= 10

        return full

    broadway = recorder()
    run(lambda: broadway.run([4, 7, "heavy", 12, 1], options=options(processors=ONE, batchers=(Batcher(size=fresh, max_demand=9),))))
    assert [data for _, _, data in broadway.batches] == [[4, 7], [12], [1]]
    assert (ledger.failed, broadway.failures) == (["heavy"], ["heavy"])


def to_both(message: Message[Any]) -> None:
    message.put_batcher("store", "index", "store")


BOTH = (Batcher("store", size=2), Batcher("index", size=3, timeout=5))


def test_a_message_goes_to_several_batchers_and_is_acknowledged_once(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """When the last of them is through with it; each has batches of its own size."""
    moments: list[tuple[float, str, list[Any]]] = []

    def on_batch(_: list[Message[Any]], info: Any) -> None:
        moments.append((asyncio.get_running_loop().time(), info.batcher, sorted(ledger.successful)))

    broadway = recorder(to_both, on_batch)

    async def scenario() -> BroadwayStats:
        await broadway.run(ScriptedProducer([1, 2, 3, 4, Pause(10), END]), options=options(processors=ONE, batchers=BOTH))
        return broadway.stats()  # type: ignore[no-any-return]  # a recorder is a Broadway

    stats = run(scenario)
    assert sorted((info.batcher, data) for _, info, data in broadway.batches) == [
        ("index", [1, 2, 3]),
        ("index", [4]),
        ("store", [1, 2]),
        ("store", [3, 4]),
    ]
    assert (5, "index", [1, 2, 3]) in moments  # the fourth is stored, and not yet told
    assert sorted(ledger.successful) == [1, 2, 3, 4]
    assert (stats.successful, stats.failed, stats.held) == (4, 0, 0)


def test_one_part_that_fails_fails_the_message(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """The other is handled all the same; a retry concerns only its own batcher."""
    tries: list[str] = []

    def on_batch(messages: list[Message[Any]], info: Any) -> None:
        tries.append(info.batcher)
        if info.batcher == "index" and (messages[0].data == 2 or info.attempt == 1):
            raise OSError("no index")

    again = Retry(attempts=2, backoff=Backoff(first=1, jitter=0))
    batchers = (Batcher("store", size=1), Batcher("index", size=1, retry=again))
    broadway = recorder(to_both, on_batch)

    async def scenario() -> BroadwayStats:
        await broadway.run([1, 2], options=options(processors=ONE, batchers=batchers))
        return broadway.stats()  # type: ignore[no-any-return]  # a recorder is a Broadway

    stats = run(scenario)
    assert (ledger.successful, ledger.failed, broadway.failures, broadway.dead) == ([1], [2], [2], [2])
    assert (tries.count("store"), tries.count("index")) == (2, 4)
    (failed,) = [message for ack in ledger.acks for message in ack.failed]
    assert isinstance(failed.status, Raised)
    assert failed.batcher == "store"
    assert (stats.successful, stats.failed, stats.dead) == (1, 1, 1)


def test_a_part_is_not_acknowledged_by_itself(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """Neither at once by a handler, nor if one of its batchers does not exist."""

    async def on_batch(messages: list[Message[Any]], info: Any) -> None:
        if info.batcher == "index":
            await messages[0].ack_immediately()

    run(lambda: recorder(to_both, on_batch).run([1], options=options(processors=ONE, batchers=BOTH)))
    (failed,) = [message for ack in ledger.acks for message in ack.failed]
    assert isinstance(failed.status.error, StateError)
    ledger.acks.clear()
    broadway = recorder(lambda message: message.put_batcher("store", "nowhere"))
    run(lambda: broadway.run([1], options=options(processors=ONE, batchers=BOTH)))
    assert (ledger.failed, broadway.batches) == ([1], [])


def test_a_part_configures_the_acknowledgement_of_the_whole(recorder: Any, options: MakeOptions) -> None:
    """Whichever batcher does it."""
    told: list[Any] = []

    class Configurable(Acknowledger):
        def ack(self, ref: Any, successful: list[Any], failed: list[Any]) -> None:
            told.extend(message.acknowledger.data for message in successful)

        def configure(self, ref: Any, data: Any, options: Any) -> Any:
            return options["tag"]

    def on_batch(messages: list[Message[Any]], info: Any) -> None:
        if info.batcher == "index":
            messages[0].configure_ack(tag="indexed")

    settings = options(transformer=lambda event: Message(event, acknowledger=Ack(Configurable())), processors=ONE, batchers=BOTH)
    run(lambda: recorder(to_both, on_batch).run([1], options=settings))
    assert told == ["indexed"]
