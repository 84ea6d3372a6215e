from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from genstage import StateError
from genstage.broadway import Batcher, Broadway, Message, Options, Processors, RateLimit
from genstage.testing import END, ScriptedProducer, idle, run

MakeOptions = Callable[..., Options]


class Doubling(Broadway[int]):
    """Doubles, and batches what is above ten."""

    def handle_message(self, message: Message[int]) -> None:
        """Sync is as good."""
        message.data *= 2
        if message.metadata.get("stop"):
            message.fail("stopped")

    def handle_batch(self, batcher: str, messages: list[Message[int]], info: Any) -> None:
        """Marks what it saw."""
        for message in messages:
            message.metadata[batcher] = info.size


def test_one_message_is_tested(options: MakeOptions) -> None:
    """It goes through at once, whatever is limited, paused or slow to batch, and its acknowledgement comes back."""

    async def scenario() -> None:
        async with Doubling().open(options=options(rate_limit=RateLimit(1), batchers=(Batcher(timeout=60.0),))) as broadway:
            broadway.pause()
            for _ in range(3):
                acked = await broadway.test_message(21)
                assert ([each.data for each in acked.successful], acked.failed) == ([42], [])
                assert acked.successful[0].metadata == {"default": 1}
            acked = await broadway.test_message(1, metadata={"stop": True})
            assert (acked.successful, acked.failed[0].status.reason) == ([], "stopped")
            assert asyncio.get_running_loop().time() == 0
            broadway.resume()

    run(scenario)


def test_a_batch_is_tested(options: MakeOptions) -> None:
    """In bulk the messages share their batches, and wait for time or size; in mode "flush" they do not."""

    async def scenario() -> None:
        async with Doubling().open(options=options(batchers=(Batcher(size=3),))) as broadway:
            acked = await broadway.test_batch([1, 2, 3, 4])
            assert sorted(each.data for each in acked.successful) == [2, 4, 6, 8]
            assert asyncio.get_running_loop().time() == 1
            await broadway.test_batch([1, 2], batch_mode="flush")
            assert asyncio.get_running_loop().time() == 1

    run(scenario)


def test_messages_may_be_pushed(recorder: Any, options: MakeOptions) -> None:
    """From anywhere, beside the source or without one; limits hold for them."""

    async def scenario() -> None:
        broadway = recorder()
        async with broadway.open(options=options(rate_limit=RateLimit(1, burst=1))):
            broadway.push_messages([Message(1), Message(2)])
        assert broadway.handled == [(0, 1), (1, 2)]

    run(scenario)


def test_all_is_paused_and_resumed(recorder: Any, options: MakeOptions, endless: Any) -> None:
    """A pause reads no more than the demand that was out, begins nothing, and ends when it is resumed or its time is up."""

    async def scenario() -> None:
        broadway = recorder()
        async with broadway.open(endless, options=options(rate_limit=RateLimit(5, burst=1), processors=Processors(2, 5))):
            await asyncio.sleep(1.1)
            broadway.pause()
            count = len(broadway.handled)
            await asyncio.sleep(100)
            assert (len(broadway.handled), endless.given) == (count, count + 10)
            broadway.resume()
            await asyncio.sleep(1.1)
            assert len(broadway.handled) == count + 6
            broadway.pause(seconds=5)
            await asyncio.sleep(5.9)
            assert len(broadway.handled) == count + 6 + 5
            assert not await broadway.drain(0.1)

    run(scenario)


def test_one_key_is_paused_and_resumed(recorder: Any, options: MakeOptions, ledger: Any) -> None:
    """The others go on."""

    async def scenario() -> None:
        broadway = recorder()
        source = ScriptedProducer()
        async with broadway.open(source, options=options(key=lambda message: message.data[0])):
            broadway.pause("a")
            source.add("a1", "b1", "a2")
            await idle()
            assert ledger.successful == ["b1"]
            broadway.resume("a")
            await idle()
            assert ledger.successful == ["b1", "a1", "a2"]
            source.add(END)

    run(scenario)


def test_limits_are_read_and_changed_while_it_runs(recorder: Any, options: MakeOptions, endless: Any) -> None:
    """Of all together and of each key, at once."""

    async def scenario() -> None:
        broadway = recorder()
        settings = options(rate_limit=RateLimit(10, burst=1), key=lambda message: message.data % 2, key_rate_limit=RateLimit(100))
        async with broadway.open(endless, options=settings):
            assert (broadway.rate_limit(), broadway.rate_limit(0)) == (RateLimit(10, burst=1), RateLimit(100))
            await asyncio.sleep(10.05)
            assert len(broadway.handled) == 101
            broadway.update_rate_limit(RateLimit(2, burst=1))
            await asyncio.sleep(10)
            assert len(broadway.handled) == 121
            broadway.update_rate_limit(RateLimit(100, burst=1))
            broadway.update_rate_limit(RateLimit(1, burst=1), 0, 1)
            assert broadway.rate_limit(1) == RateLimit(1, burst=1)
            before = len(broadway.handled)
            await asyncio.sleep(10)
            assert len(broadway.handled) in (before + 20, before + 22)
            assert not await broadway.drain(0.1)

    run(scenario)


def test_it_says_what_it_holds(recorder: Any, options: MakeOptions) -> None:
    """Counts since the start, what is held now, and its stages with what waits on each edge."""

    async def handle(message: Message[int]) -> None:
        await asyncio.sleep(message.data)

    async def scenario() -> None:
        async with recorder(handle).open(
            [1, 9, 9], options=options(processors=Processors(min_demand=9), batchers=(Batcher(),))
        ) as broadway:
            await asyncio.sleep(5)
            stats = broadway.stats()
            assert (stats.held, stats.received, stats.successful, stats.failed) == (
                2,
                3,
                1,
                0,
            )  # the batch of the first was handled after a second
            names = [stage.name for stage in stats.pipeline.stages]
            assert names == ["batcher default", "batches default", "gate", "processors"]
            assert "processors" in broadway.diagram()
        assert (broadway.stats().held, broadway.stats().successful) == (0, 3)

    run(scenario)


def test_it_is_opened_once_and_used_while_it_runs(recorder: Any, options: MakeOptions) -> None:
    """Each other use says what to do."""
    broadway = recorder()
    with pytest.raises(StateError, match="is not running; open it"):
        broadway.pause()

    async def scenario() -> None:
        await broadway.run([1], options=options())
        with pytest.raises(StateError, match="opened before; make a new instance"):
            await broadway.run([1], options=options())
        with pytest.raises(StateError, match="is ending"):
            await broadway.test_message(1)

    run(scenario)


def test_it_runs_on_the_real_clock_as_well(recorder: Any) -> None:
    """With all defaults, outside of virtual time."""
    broadway = recorder()
    asyncio.run(broadway.run(range(100), options=Options(rate_limit=RateLimit(5000, burst=20), batchers=(Batcher(size=30),))))
    assert sorted(data for _, _, batch in broadway.batches for data in batch) == list(range(100))
