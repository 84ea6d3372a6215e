"""What goes through a Broadway: a message, its status, and what is told of a batch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from genstage.broadway.acknowledger import NOOP, Ack, acknowledge
from genstage.errors import DefinitionError, StateError

__all__ = ["DEFAULT", "BatchInfo", "BatchMode", "Failed", "Message", "Parts", "Raised", "Status", "Trigger", "ack_immediately"]

Data = TypeVar("Data")

BatchMode = Literal["bulk", "flush"]
Trigger = Literal["size", "timeout", "flush"]

DEFAULT: Final = "default"
"""The batcher and the batch key of a message that names none."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The status of a message that its handler failed, or that could not go on."""

    reason: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """The status of a message whose handler raised; the traceback is the error's."""

    error: BaseException


Status = Literal["ok"] | Failed | Raised


class Message(Generic[Data]):
    """One message. Handlers change it in place.

    Args:
        data: What it is about.
        metadata: What came with it.
        acknowledger: Who is told how it ended; nobody by default.

    Attributes:
        data: May be replaced by handlers.
        metadata: See above.
        acknowledger: See above.
        batcher: The name of the batcher that it goes to; see `put_batcher`.
        others: The names of further batchers that it goes to as well.
        parts: For a part of a message that went to several batchers: what becomes of all of them; None for others.
        batch_key: Only messages of one key share a batch; see `put_batch_key`.
        batch_mode: See `put_batch_mode`.
        status: "ok", `Failed` or `Raised`.
        attempts: How often it was handled and failed, with a `Retry`.
    """

    __slots__ = ("acknowledger", "attempts", "batch_key", "batch_mode", "batcher", "data", "metadata", "others", "parts", "status")

    def __init__(self, data: Data, *, metadata: Any = None, acknowledger: Ack = NOOP) -> None:
        self.data = data
        self.metadata: Any = {} if metadata is None else metadata
        self.acknowledger = acknowledger
        self.batcher: str = DEFAULT
        self.others: tuple[str, ...] = ()
        self.parts: Parts | None = None
        self.batch_key: Hashable = DEFAULT
        self.batch_mode: BatchMode = "bulk"
        self.status: Status = "ok"
        self.attempts = 0

    def __repr__(self) -> str:
        return f"<Message for {self.batcher!r}, {self.status if self.status == 'ok' else type(self.status).__name__}>"  # data may be secret

    @property
    def failed(self) -> bool:
        """Whether it has failed."""
        return self.status != "ok"

    def update_data(self, function: Callable[[Data], Any]) -> None:
        """Replaces the data by what a function makes of it."""
        self.data = function(self.data)

    def put_batcher(self, batcher: str, *others: str) -> None:
        """Sends it to the batcher of that name, after `Broadway.handle_message`; one that does not exist fails it.

        With several names each batcher gets a part: a message of its own, with the same data. The parts fail, are tried again and go to
        `Broadway.handle_failed` by themselves. The message is acknowledged once, when the last part has ended: as successful if all did.
        """
        self.batcher = batcher
        self.others = tuple(name for name in dict.fromkeys(others) if name != batcher)

    def put_batch_key(self, key: Hashable) -> None:
        """Lets it share a batch only with messages of the same key."""
        self.batch_key = key

    def put_batch_mode(self, mode: BatchMode) -> None:
        """Says whether its batch waits for others ("bulk") or is handled as soon as this message is in it ("flush")."""
        if mode not in ("bulk", "flush"):
            raise DefinitionError(f'the batch mode is {mode!r}; give "bulk" or "flush"')
        self.batch_mode = mode

    def fail(self, reason: Any) -> None:
        """Marks it as failed. It is not tried again, goes to `Broadway.handle_failed`, and is acknowledged as failed."""
        self.status = Failed(reason)

    def configure_ack(self, **options: Any) -> None:
        """Changes how it will be acknowledged, where its acknowledger can be configured.

        Raises:
            DefinitionError: It cannot.
        """
        whole = self if self.parts is None else self.parts.whole
        whole.acknowledger = whole.acknowledger.configured(options)

    async def ack_immediately(self) -> None:
        """Acknowledges it now, as it is marked now; what happens to it later is told to nobody.

        Raises:
            StateError: It is only a part of a message that went to several batchers.
        """
        await ack_immediately([self])


class Parts:
    """A message that goes to several batchers, until the last of them is through with it.

    Args:
        whole: The message that came.
    """

    __slots__ = ("_left", "_status", "whole")

    def __init__(self, whole: Message[Any]) -> None:
        self.whole = whole
        self._left = 0
        self._status: Status = "ok"

    def made(self) -> list[Message[Any]]:
        """A message for each batcher."""
        whole = self.whole
        made = []
        for batcher in (whole.batcher, *whole.others):
            part: Message[Any] = Message(whole.data, metadata=whole.metadata)
            part.batcher, part.batch_key, part.batch_mode = batcher, whole.batch_key, whole.batch_mode
            part.parts = self
            made.append(part)
        self._left = len(made)
        return made

    def end(self, part: Message[Any]) -> Message[Any] | None:
        """A part has ended; returns the whole with its status if that was the last one. The first failure is the whole's."""
        self._left -= 1
        if part.failed and self._status == "ok":
            self._status = part.status
        if self._left:
            return None
        self.whole.status = self._status
        return self.whole


async def ack_immediately(messages: Iterable[Message[Any]]) -> None:
    """Acknowledges messages now, as they are marked now, in one call for each acknowledger and reference.

    Raises:
        ExceptionGroup: Acknowledgers raised.
        StateError: One is only a part of a message that went to several batchers. None has been acknowledged.
    """
    listed = list(messages)
    if any(message.parts is not None for message in listed):
        raise StateError("a message that went to several batchers is acknowledged when all of them are through, not before")
    failures = await acknowledge([each for each in listed if not each.failed], [each for each in listed if each.failed])
    for message in listed:
        message.acknowledger = NOOP
    if failures:
        raise ExceptionGroup("acknowledgers raised", [failure.error for failure in failures])


@dataclass(frozen=True, slots=True)
class BatchInfo:
    """What is told of a batch.

    Attributes:
        batcher: The name of the batcher.
        key: The batch key that its messages have in common.
        partition: With ``partition_by``, the number of its partition; else None.
        size: How many messages it has.
        trigger: Why it is handled now: it was full ("size"), its time was up ("timeout"), or it was not to wait ("flush": a message in
            mode "flush", or the drain).
        attempt: 1, and with a `Retry` one more for each time that it was tried before.
    """

    batcher: str
    key: Hashable
    partition: int | None
    size: int
    trigger: Trigger
    attempt: int = 1
