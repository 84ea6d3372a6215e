"""How the source of a message learns what became of it: once for each list that was handled, grouped by acknowledger and reference."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from genstage.broadway.calls import contained
from genstage.errors import DefinitionError

__all__ = ["NOOP", "Ack", "AckFailure", "Acked", "Acknowledger", "CallerAcknowledger", "NoopAcknowledger", "acknowledge"]


class Acknowledger(ABC):
    """What a source implements."""

    @abstractmethod
    def ack(self, ref: Any, successful: list[Any], failed: list[Any]) -> Any:
        """Takes note of messages that have come to their end. Sync or async.

        Called once for all messages of a handled list or batch that have this acknowledger and the same reference. What it raises is
        logged, counted and told to the listener, and hurts nobody else.

        Args:
            ref: What the messages' `Ack` say: a queue, a connection.
            successful: `Message`s whose status is "ok".
            failed: The others. One of both lists may be empty.
        """

    def configure(self, ref: Any, data: Any, options: Mapping[str, Any]) -> Any:  # noqa: ARG002 - for subclasses
        """For `Message.configure_ack`: returns the new data of the `Ack`.

        Raises:
            DefinitionError: By default: this acknowledger has no options.
        """
        raise DefinitionError(f"{type(self).__name__} has nothing to configure; it would have to define configure(ref, data, options)")


@dataclass(frozen=True, slots=True)
class Ack:
    """Who is told how a message ended.

    Attributes:
        acknowledger: Who.
        ref: What messages that are acknowledged in one call have in common.
        data: What the acknowledger needs to know of this message: a receipt handle, a tag.
    """

    acknowledger: Acknowledger
    ref: Hashable = None
    data: Any = field(default=None, repr=False)

    def configured(self, options: Mapping[str, Any]) -> Ack:
        """The same with other options."""
        return replace(self, data=self.acknowledger.configure(self.ref, self.data, options))


class NoopAcknowledger(Acknowledger):
    """Tells nobody."""

    def ack(self, ref: Any, successful: list[Any], failed: list[Any]) -> None:
        """Nothing."""

    def configure(self, ref: Any, data: Any, options: Mapping[str, Any]) -> Any:  # noqa: ARG002 - the port's
        """Nothing, whatever the options: who replaced the acknowledger by this one wants no more."""
        return data


NOOP: Final = Ack(NoopAcknowledger())
"""Tells nobody."""


@dataclass(frozen=True, slots=True)
class Acked:
    """One acknowledgement.

    Attributes:
        ref: The reference of the `Ack`.
        successful: The messages that ended well.
        failed: The others.
    """

    ref: Any
    successful: list[Any]
    failed: list[Any]


class CallerAcknowledger(Acknowledger):
    """Puts what it is told into a queue, for tests and for who pushes messages and wants to know: ``await acknowledger.get()``."""

    def __init__(self) -> None:
        self._acks: asyncio.Queue[Acked] = asyncio.Queue()

    def ack(self, ref: Any, successful: list[Any], failed: list[Any]) -> None:
        """Puts it into the queue."""
        self._acks.put_nowait(Acked(ref, successful, failed))

    async def get(self) -> Acked:
        """The next acknowledgement; waits for it."""
        return await self._acks.get()

    async def get_all(self, count: int) -> Acked:
        """Waits until so many messages have been acknowledged, and gives them together."""
        total = Acked(None, [], [])
        while len(total.successful) + len(total.failed) < count:
            acked = await self.get()
            total.successful.extend(acked.successful)
            total.failed.extend(acked.failed)
        return total


@dataclass(frozen=True, slots=True)
class AckFailure:
    """An acknowledger raised: what the messages' source does not know.

    Attributes:
        ack: The acknowledger and reference.
        error: What it raised.
        count: How many messages that concerns.
    """

    ack: Ack
    error: Exception
    count: int


class _Acknowledged(Protocol):
    @property
    def acknowledger(self) -> Ack: ...


async def acknowledge(successful: Iterable[_Acknowledged], failed: Iterable[_Acknowledged]) -> list[AckFailure]:
    """Tells every acknowledger, once for each reference, in the order of the first message.

    Returns:
        Where that failed; the others have been told all the same.
    """
    groups: dict[tuple[Acknowledger, Hashable], tuple[Ack, Acked]] = {}
    for message in successful:
        if message.acknowledger is not NOOP:
            _group_of(message.acknowledger, groups).successful.append(message)
    for message in failed:
        if message.acknowledger is not NOOP:
            _group_of(message.acknowledger, groups).failed.append(message)
    failures: list[AckFailure] = []
    for (acknowledger, ref), (ack, acked) in groups.items():
        _, error = await contained(acknowledger.ack, ref, acked.successful, acked.failed)
        if error is not None:
            failures.append(AckFailure(ack, error, len(acked.successful) + len(acked.failed)))
    return failures


def _group_of(ack: Ack, groups: dict[tuple[Acknowledger, Hashable], tuple[Ack, Acked]]) -> Acked:
    key = ack.acknowledger, ack.ref
    group = groups.get(key)
    if group is None:
        group = groups[key] = ack, Acked(ack.ref, [], [])
    return group[1]
