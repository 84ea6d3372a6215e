from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from genstage import Producer
from genstage.broadway import Ack, Acked, Acknowledger, BatchInfo, Broadway, Message, Options
from genstage.testing import VirtualClock


class Ledger(Acknowledger):
    """Keeps each acknowledgement."""

    def __init__(self) -> None:
        self.acks: list[Acked] = []

    def ack(self, ref: Any, successful: list[Any], failed: list[Any]) -> None:
        """Notes it."""
        self.acks.append(Acked(ref, successful, failed))

    @property
    def successful(self) -> list[Any]:
        """The data of all that ended well, in order."""
        return [message.data for ack in self.acks for message in ack.successful]

    @property
    def failed(self) -> list[Any]:
        """The data of all that failed, in order."""
        return [message.data for ack in self.acks for message in ack.failed]


class Recorder(Broadway[Any]):
    """Does as it is told and keeps what it saw.

    Args:
        on_message: Is called with each message.
        on_batch: Is called with each batch.
    """

    def __init__(self, on_message: Callable[[Message[Any]], Any] | None = None, on_batch: Callable[..., Any] | None = None) -> None:
        self.on_message = on_message
        self.on_batch = on_batch
        self.handled: list[tuple[float, Any]] = []
        self.batches: list[tuple[float, BatchInfo, list[Any]]] = []
        self.failures: list[Any] = []
        self.dead: list[Any] = []
        self.running = 0
        self.most = 0

    async def handle_message(self, message: Message[Any]) -> Any:
        """Notes it, and does what it was told."""
        self.handled.append((asyncio.get_running_loop().time(), message.data))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            result = None if self.on_message is None else self.on_message(message)
            return await result if asyncio.iscoroutine(result) else result
        finally:
            self.running -= 1

    async def handle_batch(self, batcher: str, messages: list[Message[Any]], info: BatchInfo) -> Any:
        """Notes it, and does what it was told."""
        assert batcher == info.batcher
        self.batches.append((asyncio.get_running_loop().time(), info, [message.data for message in messages]))
        result = None if self.on_batch is None else self.on_batch(messages, info)
        return await result if asyncio.iscoroutine(result) else result

    def handle_failed(self, messages: list[Message[Any]]) -> None:
        """Notes them."""
        self.failures += [message.data for message in messages]

    def handle_dead_letters(self, messages: list[Message[Any]]) -> None:
        """Notes them."""
        self.dead += [message.data for message in messages]


class Endless(Producer[int]):
    """Numbers without an end."""

    def __init__(self) -> None:
        self.given = 0

    def handle_demand(self, demand: int) -> list[int]:
        """As many as are wanted."""
        self.given += demand
        return list(range(self.given - demand, self.given))


@pytest.fixture
def ledger() -> Ledger:
    """An acknowledger that keeps what it is told."""
    return Ledger()


@pytest.fixture
def recorder() -> type[Recorder]:
    """A Broadway that does as it is told."""
    return Recorder


@pytest.fixture
def endless() -> Endless:
    """A source without an end."""
    return Endless()


@pytest.fixture
def options(ledger: Ledger) -> Callable[..., Options]:
    """Options in virtual time, whose messages the ledger acknowledges."""

    def make(**settings: Any) -> Options:
        defaults: dict[str, Any] = {"clock": VirtualClock(), "transformer": lambda event: Message(event, acknowledger=Ack(ledger, "all"))}
        return Options(**defaults | settings)

    return make


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """What callbacks raise on purpose is not printed."""
    logging.getLogger("genstage.broadway").disabled = True
    yield
    logging.getLogger("genstage.broadway").disabled = False
