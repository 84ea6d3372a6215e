from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from genstage import DefinitionError, StateError
from genstage.broadway import Batcher, Broadway, Message, Options, Processors, RateLimit
from genstage.broadway.events import Processed
from genstage.testing import END, Pause, ScriptedProducer, idle, run

MakeOptions = Callable[..., Options]


async def a_second(_message: Message[Any]) -> None:
    await asyncio.sleep(1)


def test_the_end_of_the_source_is_the_end(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """The block waits for everything, also for batches that are not complete, which are flushed."""
    broadway = recorder(a_second)
    run(lambda: broadway.run(ScriptedProducer([1, Pause(60), 2, END]), options=options(batchers=(Batcher(timeout=300.0),))))
    assert [(time, info.trigger, data) for time, info, data in broadway.batches] == [(61, "flush", [1, 2])]
    assert ledger.successful == [1, 2]


def test_a_drain_reads_no_more_and_finishes_what_came(recorder: Any, options: MakeOptions, endless: Any, ledger: Any) -> None:
    """Everything that was read is handled and acknowledged; the drain says that it was."""

    async def scenario() -> None:
        broadway = recorder(a_second)
        async with broadway.open(endless, options=options(processors=Processors(concurrency=2, max_demand=5), batchers=(Batcher(size=7),))):
            await asyncio.sleep(3.5)
            read = endless.given
            assert await broadway.drain()
            assert endless.given == read
            assert sorted(ledger.successful) == list(range(read))
            assert broadway.stats().held == 0
            assert broadway.batches[-1][1].trigger == "flush"
            with pytest.raises(StateError, match="is ending"):
                broadway.push_messages([Message(1)])

    run(scenario)


def test_what_the_source_holds_is_taken_in_as_well(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """Events that it had produced beyond the demand are not forgotten by the drain."""

    class Pushing(ScriptedProducer):
        def handle_demand(self, demand: int) -> list[Any]:  # type: ignore[override]  # sync is as good
            return []

    async def scenario() -> None:
        source = Pushing()
        async with recorder().open(source, options=options(processors=Processors(concurrency=1, max_demand=2))) as broadway:
            source.push([1, 2, 3, 4, 5])
            assert await broadway.drain()

    run(scenario)
    assert ledger.successful == [1, 2, 3, 4, 5]


def test_a_deadline_cuts_off_what_is_left(recorder: Any, options: MakeOptions, endless: Any, ledger: Any) -> None:
    """Handlers are cancelled; what has not ended is not acknowledged, and the drain says so."""

    async def scenario() -> None:
        broadway = recorder(a_second)
        async with broadway.open(endless, options=options(processors=Processors(concurrency=2, max_demand=5))):
            await idle()
            assert not await broadway.drain(2.5)
            assert asyncio.get_running_loop().time() == 2.5
        assert (len(ledger.successful), ledger.failed, broadway.running) == (0, [], 0)

    run(scenario)


def test_a_drain_keeps_to_the_limits(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """What is limited is finished at its pace; what is paused for a time is waited for."""

    async def scenario() -> None:
        broadway = recorder()
        settings = options(rate_limit=RateLimit(1), key=lambda message: message.data % 2)
        async with broadway.open(range(4), options=settings):
            broadway.pause(1, seconds=10)
            await idle()
            assert await broadway.drain(60)
        assert broadway.handled == [(0, 0), (1, 2), (10, 1), (11, 3)]

    run(scenario)
    assert len(ledger.successful) == 4


def test_what_is_paused_without_an_end_is_not_waited_for(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """A drain does not use its deadline up for it; it is not acknowledged."""

    async def scenario() -> None:
        broadway = recorder()
        async with broadway.open(range(3), options=options(key=lambda message: message.data % 2)):
            broadway.pause(1)
            await idle()
            assert not await broadway.drain(60)
            assert asyncio.get_running_loop().time() == 0
        assert ledger.successful == [0, 2]

    run(scenario)


def test_a_callback_cannot_wait_for_its_own_end(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """It is told so, as its own failure."""
    broadway: Any = None

    async def handle(_message: Message[Any]) -> None:
        await broadway.drain()

    broadway = recorder(handle)
    run(lambda: broadway.run([1], options=options()))
    assert "wait for that very callback" in str(ledger.acks[0].failed[0].status.error)


def test_a_source_that_fails_for_good_comes_out_of_the_block(recorder: Any, options: MakeOptions) -> None:
    """Everything is stopped, and the error is the source's own."""

    def broken() -> Any:
        yield 1
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        run(lambda: recorder(a_second).run(broken(), options=options()))


def test_an_error_of_the_listener_comes_out_of_the_block(recorder: Any, options: MakeOptions) -> None:
    """It is no callback's failure: nothing goes on as if it had been told."""

    def listener(event: Any) -> None:
        if isinstance(event, Processed):
            raise KeyError("listener")

    with pytest.raises(KeyError, match="listener"):
        run(lambda: recorder().run([1], options=options(listener=listener)))


def test_a_cancelled_block_is_cancelled(recorder: Any, options: MakeOptions, endless: Any, ledger: Any) -> None:
    """Handlers are cancelled with it; nothing is acknowledged that has not ended."""

    async def scenario() -> None:
        broadway = recorder(a_second)
        task = asyncio.get_running_loop().create_task(broadway.run(endless, options=options()))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (broadway.running, ledger.acks) == (0, [])

    run(scenario)


def test_classes_that_cannot_work_are_refused(options: MakeOptions) -> None:
    """Without a handler for messages, or for the batches that it declares."""

    class Nothing(Broadway[Any]):
        pass

    class NoBatches(Broadway[Any]):
        def handle_message(self, message: Message[Any]) -> None:
            pass

    with pytest.raises(DefinitionError, match="define handle_message"):
        run(lambda: Nothing().run([], options=options()))
    with pytest.raises(DefinitionError, match="define handle_batch"):
        run(lambda: NoBatches().run([], options=options(batchers=(Batcher(),))))
