from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from genstage import AnswerError
from genstage.broadway import Batcher, Broadway, Failed, Message, Options, Processors, Raised, RateLimit, Retry, TimeLimitError
from genstage.supervision import Backoff
from genstage.testing import END, Fail, ScriptedProducer, idle, run

MakeOptions = Callable[..., Options]
ONE = Processors(concurrency=1)


def fail_odd(message: Message[int]) -> None:
    if message.data % 2:
        message.fail("odd")


def raise_on(*numbers: int) -> Callable[[Message[int]], None]:
    def handle(message: Message[int]) -> None:
        if message.data in numbers:
            raise ValueError(message.data)

    return handle


async def a_second(_message: Message[Any]) -> None:
    await asyncio.sleep(1)


def test_messages_end_well_and_are_acknowledged(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """Without batchers a message ends with its handler; acknowledgements come in the processor's groups of max - min."""
    broadway = recorder()
    run(lambda: broadway.run(range(12), options=options(processors=ONE)))
    assert ([data for _, data in broadway.handled], ledger.successful) == ([*range(12)], [*range(12)])
    assert [len(ack.successful) for ack in ledger.acks] == [5, 5, 2]
    assert (broadway.failures, {ack.ref for ack in ledger.acks}) == ([], {"all"})


def test_failed_messages_are_told_and_acknowledged_as_failed(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """Who fails a message says why; it goes to handle_failed, then to the acknowledger, together with the good ones of its list."""
    broadway = recorder(fail_odd)
    run(lambda: broadway.run(range(4), options=options(processors=ONE)))
    (ack,) = ledger.acks
    assert ([message.data for message in ack.successful], broadway.failures) == ([0, 2], [1, 3])
    assert [message.status for message in ack.failed] == [Failed("odd"), Failed("odd")]


def test_a_raise_fails_only_its_message(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """The others of the list go on; the status keeps the error with its traceback."""
    broadway = recorder(raise_on(1))
    run(lambda: broadway.run(range(3), options=options(processors=ONE)))
    (ack,) = ledger.acks
    (failed,) = ack.failed
    assert isinstance(failed.status, Raised)
    assert (type(failed.status.error), failed.status.error.__traceback__ is None) == (ValueError, False)
    assert (ledger.successful, broadway.failures) == ([0, 2], [1])


def test_a_bad_return_fails_its_message(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """A handler returns nothing; anything else is a mistake that is told."""
    run(lambda: recorder(lambda message: message.data).run([7], options=options()))
    status = ledger.acks[0].failed[0].status
    assert isinstance(status.error, AnswerError)
    assert "returned int; it changes the message and returns nothing" in str(status.error)


def test_a_handler_may_take_only_so_long(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """Longer is cancelled and has failed; a stray cancellation of what it awaits fails it as well."""

    async def handle(message: Message[int]) -> None:
        if message.data == 2:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future
        await asyncio.sleep(message.data * 10)

    run(lambda: recorder(handle).run([0, 1, 2], options=options(processors=Processors(time_limit=5.0))))
    assert sorted(ledger.failed) == [1, 2]
    late = next(message for ack in ledger.acks for message in ack.failed if message.data == 1)
    assert isinstance(late.status.error, TimeLimitError)


def test_so_many_are_handled_at_once(recorder: Any, options: MakeOptions, endless: Any) -> None:
    """Three processors with lists of one: three at a time; no more than their demand is ever read."""

    async def scenario() -> None:
        broadway = recorder(a_second)
        async with broadway.open(endless, options=options(processors=Processors(concurrency=3, max_demand=2))):
            await asyncio.sleep(10.5)
            assert (broadway.most, endless.given) == (3, 6 + 30)
            await broadway.drain(100)

    run(scenario)


class Preparing(Broadway[Any]):
    """Prepares as it is told."""

    def __init__(self, prepare: Callable[[list[Message[Any]]], Any]) -> None:
        self.prepare = prepare
        self.lists: list[list[Any]] = []

    def prepare_messages(self, messages: list[Message[Any]]) -> Any:
        """As told."""
        self.lists.append([message.data for message in messages])
        return self.prepare(messages)

    def handle_message(self, message: Message[Any]) -> None:
        """Adds one."""
        message.data += 1


def test_messages_are_prepared_together(options: MakeOptions, ledger: Any) -> None:
    """The list is seen first, and may be changed or returned; a message that it fails is not handled."""

    def prepare(messages: list[Message[int]]) -> list[Message[int]]:
        messages[1].fail("not there")
        for message in messages:
            message.data *= 10
        return messages

    broadway = Preparing(prepare)
    run(lambda: broadway.run([1, 2, 3], options=options(processors=ONE)))
    assert (broadway.lists, ledger.successful, ledger.failed) == ([[1, 2, 3]], [11, 31], [20])


def test_forgetting_messages_in_the_preparation_fails_all(options: MakeOptions, ledger: Any) -> None:
    """A list that lacks some is a mistake; as is a raise."""
    run(lambda: Preparing(lambda messages: messages[1:]).run([1, 2], options=options(processors=ONE)))
    assert ledger.failed == [1, 2]
    assert "all the messages" in str(ledger.acks[0].failed[0].status.error)
    run(lambda: Preparing(lambda _messages: 1 / 0).run([3], options=options()))
    assert ledger.failed == [1, 2, 3]


def test_an_unknown_batcher_fails_its_message(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """The others go to theirs."""
    broadway = recorder(lambda message: message.put_batcher("nowhere") if message.data == 1 else None)
    run(lambda: broadway.run(range(3), options=options(batchers=(Batcher(),))))
    assert (sorted(ledger.successful), ledger.failed, broadway.failures) == ([0, 2], [1], [1])
    error = next(ack.failed[0].status.error for ack in ledger.acks if ack.failed)
    assert "no batcher 'nowhere'; declare it" in str(error)


def test_what_raised_is_tried_again(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """After its back-off, while others go on; the try that succeeds ends it; nothing is told before."""
    tries = iter([OSError(), OSError(), None])

    def handle(message: Message[int]) -> None:
        if message.data == 1 and (error := next(tries)) is not None:
            raise error

    retry = Retry(attempts=3, backoff=Backoff(first=1.0, factor=2.0, jitter=0.0))
    broadway = recorder(handle)
    run(lambda: broadway.run(range(3), options=options(processors=Processors(concurrency=1, retry=retry))))
    assert broadway.handled == [(0, 0), (0, 1), (0, 2), (1, 1), (3, 1)]
    assert (ledger.successful, broadway.failures, broadway.dead) == ([0, 2, 1], [], [])
    assert broadway._topology.endings.counts.retried == 2


def test_tries_end_with_a_dead_letter(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """After the last one, or an error that is not worth it: dead letters, handle_failed, acknowledged; a `fail` is none."""

    def handle(message: Message[int]) -> None:
        if message.data == 2:
            message.fail("decided")
        else:
            raise OSError if message.data == 0 else ValueError

    retry = Retry(attempts=2, backoff=Backoff(first=1.0, jitter=0.0), when=lambda error: isinstance(error, OSError))
    broadway = recorder(handle)
    run(lambda: broadway.run(range(3), options=options(processors=Processors(retry=retry))))
    assert broadway.handled == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert (broadway.dead, broadway.failures, ledger.failed) == ([1, 0], [1, 2, 0], [1, 2, 0])
    attempts = {message.data: message.attempts for ack in ledger.acks for message in ack.failed}
    assert attempts == {0: 2, 1: 1, 2: 1}


def test_while_all_fail_nothing_more_is_read(recorder: Any, options: MakeOptions, endless: Any) -> None:
    """What waits for its next try still counts: the source is not read empty into waiting."""

    async def scenario() -> None:
        broadway = recorder(lambda _message: 1 / 0)
        processors = Processors(concurrency=2, max_demand=3, retry=Retry(attempts=100, backoff=Backoff(first=10.0, jitter=0.0)))
        async with broadway.open(endless, options=options(processors=processors)):
            await asyncio.sleep(100)
            assert (endless.given, broadway.stats().held) == (6, 6)
            assert not await broadway.drain(1)

    run(scenario)


def test_partitions_keep_their_order(recorder: Any, options: MakeOptions) -> None:
    """Messages of one partition are handled one after the other, whatever each takes; partitions run beside each other."""
    busy: set[int] = set()

    async def handle(message: Message[int]) -> None:
        partition = message.data % 3
        assert partition not in busy
        busy.add(partition)
        await asyncio.sleep([3, 1, 2][partition] * (1 + message.data % 2))
        busy.remove(partition)

    broadway = recorder(handle)
    run(lambda: broadway.run(range(60), options=options(partition_by=lambda message: message.data % 3)))
    for partition in range(3):
        of_it = [data for _, data in broadway.handled if data % 3 == partition]
        assert of_it == list(range(partition, 60, 3))
    assert broadway.most == 3


def test_a_retry_keeps_the_order_of_its_partition(recorder: Any, options: MakeOptions) -> None:
    """Those behind it wait; another partition does not."""
    tries = iter([OSError(), None])

    def handle(message: Message[int]) -> None:
        if message.data == 0 and (error := next(tries)) is not None:
            raise error

    broadway = recorder(handle)
    retry = Retry(backoff=Backoff(first=5.0, jitter=0.0))
    run(lambda: broadway.run(range(4), options=options(processors=Processors(retry=retry), partition_by=lambda message: message.data % 2)))
    assert broadway.handled == [(0, 0), (0, 1), (0, 3), (5, 0), (5, 2)]


def test_keys_have_their_own_limit(recorder: Any, options: MakeOptions) -> None:
    """Two a second for each customer; one with much does not delay another."""
    broadway = recorder()
    settings = options(key=lambda message: message.data[0], key_rate_limit=RateLimit(2, burst=1))
    run(lambda: broadway.run([("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2)], options=settings))
    assert broadway.handled == [(0, ("a", 1)), (0, ("b", 1)), (0.5, ("a", 2)), (0.5, ("b", 2)), (1, ("a", 3))]


def test_all_together_have_a_limit(recorder: Any, options: MakeOptions, endless: Any) -> None:
    """Ten every five seconds: a full bucket at first, then evenly; the rest of the demand waits."""

    async def scenario() -> None:
        broadway = recorder()
        async with broadway.open(endless, options=options(rate_limit=RateLimit(10, interval=5.0))):
            await asyncio.sleep(20.1)
            assert len(broadway.handled) == 10 + 40
            assert not await broadway.drain(0.1)

    run(scenario)


def test_a_handler_pauses_its_key(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """A 429 of one customer: nothing of it begins before its Retry-After, not even what was already in the list; others go on."""
    broadway: Any = None

    def handle(message: Message[Any]) -> None:
        if message.data == ("a", 1) and not message.attempts:
            broadway.pause("a", seconds=30)
            raise OSError("429")

    broadway = recorder(handle)
    retry = Retry(backoff=Backoff(first=0.1, jitter=0.0))
    settings = options(processors=Processors(concurrency=1, retry=retry), key=lambda message: message.data[0])
    run(lambda: broadway.run([("a", 1), ("a", 2), ("b", 1)], options=settings))
    assert broadway.handled == [(0, ("a", 1)), (0, ("b", 1)), (30, ("a", 1)), (30, ("a", 2))]
    assert len(ledger.successful) == 3


@pytest.mark.parametrize("fault", ["key", "partition_by"])
def test_a_key_that_cannot_be_told_fails_its_message(fault: str, recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """It is not handled; the others are."""
    settings = options(**{fault: lambda message: 1 // message.data})
    broadway = recorder()
    run(lambda: broadway.run([1, 0, 2], options=settings))
    assert ([data for _, data in broadway.handled], ledger.failed, sorted(ledger.successful)) == ([1, 2], [0], [1, 2])


def test_events_become_messages(recorder: Any, options: MakeOptions) -> None:
    """Without a transformer an event is the data of a message; one that is a message is left alone."""
    broadway = recorder()
    own = Message("mine", metadata={"from": "me"})
    run(lambda: broadway.run(["plain", own], options=options(transformer=None)))
    assert [data for _, data in broadway.handled] == ["plain", "mine"]


def test_a_transformer_that_raises_is_a_failure_of_the_intake(recorder: Any, options: MakeOptions) -> None:
    """It is restarted within its limits and goes on with the next events; a second slip too many comes out of the block."""
    broadway = recorder()

    async def scenario() -> None:
        source = ScriptedProducer()
        settings = options(transformer=lambda event: Message(10 // event), processors=Processors(concurrency=1, max_demand=3))
        async with broadway.open(source, options=settings):
            for events in ([1], [0], [2, 0], [5]):
                source.add(*events)
                await idle()
            assert [data for _, data in broadway.handled] == [10, 2]
            source.add(END)

    run(scenario)
    with pytest.raises(AnswerError, match="returned int; it must return a Message"):
        run(lambda: recorder().run([1, 2, 3, 4], options=options(transformer=int, processors=Processors(concurrency=1, max_demand=1))))


def test_a_source_that_fails_is_restarted_and_asked_again(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """Only the source starts anew; the intake opens its subscription again after a while, and messages go on."""
    broadway = recorder()
    source = ScriptedProducer([1, 2, Fail(OSError()), 3, END])
    run(lambda: broadway.run(source, options=options()))
    assert sorted(ledger.successful) == [1, 2, 3]


def test_many_sources_share_the_processors(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """Producers, iterables and async iterables together; the end of all is the end."""

    async def more() -> Any:
        for number in (20, 21):
            yield number

    broadway = recorder()
    run(lambda: broadway.run(ScriptedProducer([10, END]), [1, 2], more(), options=options()))
    assert sorted(ledger.successful) == [1, 2, 10, 20, 21]
