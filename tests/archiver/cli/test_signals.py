from __future__ import annotations

import asyncio
import os
import signal

import pytest

from archiver.cli.signals import draining


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_signal_drains_and_the_second_exits(number: signal.Signals) -> None:
    """One signal sets ``stop`` and tells people; one more exits with 128 and its number."""
    stop, exited, told = asyncio.Event(), asyncio.Event(), []
    codes: list[int] = []

    def at_once(code: int) -> None:
        codes.append(code)
        exited.set()

    with draining(stop, lambda: told.append("stopping"), at_once=at_once):
        os.kill(os.getpid(), number)
        await stop.wait()
        assert (told, codes) == (["stopping"], [])
        os.kill(os.getpid(), number)
        await exited.wait()
    assert (told, codes) == (["stopping"], [128 + number])


async def test_afterwards_signals_are_as_before() -> None:
    """Outside the block the handlers are gone."""
    with draining(asyncio.Event(), lambda: None):
        pass
    assert not asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
