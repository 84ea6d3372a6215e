"""How messages come to their end: dead letters, ``handle_failed``, acknowledgement, in this order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from genstage.broadway.acknowledger import acknowledge
from genstage.broadway.calls import contained
from genstage.broadway.events import AckFailed, Acknowledged, CallFailed, DeadLettered
from genstage.broadway.handlers import Handlers
from genstage.broadway.message import Message
from genstage.telemetry import Listener

__all__ = ["Counts", "Endings"]

_log = logging.getLogger("genstage.broadway")

Messages = list[Message[Any]]


@dataclass(slots=True)
class Counts:
    """Messages since the start.

    Attributes:
        received: That came from sources, or were pushed.
        successful: That have ended well.
        failed: That have failed for good.
        retried: Further tries.
        dead: Of the failed ones, those whose tries were used up.
        unacknowledged: Of those that have ended, those whose acknowledger raised.
    """

    received: int = 0
    successful: int = 0
    failed: int = 0
    retried: int = 0
    dead: int = 0
    unacknowledged: int = 0


class Endings:
    """Brings messages to their end.

    Args:
        handlers: The user's callbacks.
        listener: Is told; None: nobody listens.
        time: Seconds of the clock.
    """

    def __init__(self, handlers: Handlers[Any], listener: Listener | None, time: Callable[[], float]) -> None:
        self.counts = Counts()
        self.listener = listener
        self.time = time
        self._handlers = handlers
        kind = type(handlers)
        self._tells_failed = kind.handle_failed is not Handlers.handle_failed
        self._tells_dead = kind.handle_dead_letters is not Handlers.handle_dead_letters

    async def end(self, stage: str, successful: Messages, failed: Messages, dead: Messages) -> None:
        """Ends messages.

        Args:
            stage: Where they were handled.
            successful: Those that have ended well.
            failed: Those that have failed for good.
            dead: Of these, those whose tries are used up.

        Parts of a message that went to several batchers are told to the hooks as they are; the whole is counted and acknowledged with
        the last of them.
        """
        if dead:
            self.counts.dead += len(dead)
            if self.listener is not None:
                self.listener(DeadLettered(self.time(), stage, len(dead)))
            if self._tells_dead:
                await self._call(stage, "handle_dead_letters", self._handlers.handle_dead_letters, dead)
        if failed and self._tells_failed:
            await self._call(stage, "handle_failed", self._handlers.handle_failed, failed)
        successful, failed = _wholes([*successful, *failed])
        self.counts.successful += len(successful)
        self.counts.failed += len(failed)
        for failure in await acknowledge(successful, failed):
            self.counts.unacknowledged += failure.count
            ack = failure.ack
            _log.error(
                "%s raised for the reference %r: its source does not know what became of %d messages",
                type(ack.acknowledger).__name__,
                ack.ref,
                failure.count,
                exc_info=failure.error,
            )
            if self.listener is not None:
                self.listener(AckFailed(self.time(), stage, ack.ref, failure.error, failure.count))
        if self.listener is not None and (successful or failed):
            self.listener(Acknowledged(self.time(), stage, len(successful), len(failed)))

    def failed(self, stage: str, callback: str, error: BaseException, count: int) -> None:
        """Tells of a callback that raised."""
        _log.error("%s raised in %s; that fails %d messages", callback, stage, count, exc_info=error)
        if self.listener is not None:
            self.listener(CallFailed(self.time(), stage, callback, error, count))

    async def _call(self, stage: str, name: str, hook: Callable[[Messages], Any], messages: Messages) -> None:
        _, error = await contained(hook, messages[:])
        if error is not None:
            self.failed(stage, name, error, len(messages))


def _wholes(ended: Messages) -> tuple[Messages, Messages]:
    """The messages that have ended with these messages and parts: those that ended well, and those that failed."""
    successful: Messages = []
    failed: Messages = []
    for message in ended:
        whole = message if message.parts is None else message.parts.end(message)
        if whole is not None:
            (failed if whole.failed else successful).append(whole)
    return successful, failed
