"""What a user of Broadway writes: the callbacks."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from genstage.broadway.message import BatchInfo, Message

__all__ = ["Handlers"]

Data = TypeVar("Data")


class Handlers(Generic[Data]):
    """The callbacks, each sync or async. What one raises fails the message or the batch that it was called with, and nothing else.

    Define ``handle_message``, and ``handle_batch`` if there are batchers.
    """

    def handle_message(self, message: Message[Data]) -> Any:
        """Handles one message: changes its data, chooses its batcher, or fails it. Returns nothing."""
        raise NotImplementedError

    def prepare_messages(self, messages: list[Message[Data]]) -> Any:
        """Sees a list of messages before ``handle_message`` gets them one by one, to fetch in one call what all of them need.

        Returns:
            Nothing, or the messages; if it leaves some out, all of them fail.
        """

    def handle_batch(self, batcher: str, messages: list[Message[Data]], info: BatchInfo) -> Any:
        """Handles a batch. Messages that it does not fail end well.

        Args:
            batcher: The name of the batcher.
            messages: In their order.
            info: See `BatchInfo`.

        Returns:
            Nothing, or the messages; those that it leaves out fail.
        """
        raise NotImplementedError

    def handle_failed(self, messages: list[Message[Data]]) -> Any:
        """Hook: these messages have failed for good, and are acknowledged as failed afterwards. Their `Message.status` says why.

        It may still change how they are acknowledged (`Message.configure_ack`). Returns nothing.
        """

    def handle_dead_letters(self, messages: list[Message[Data]]) -> Any:
        """Hook: these messages raised, and with their `Retry` there is no further try. ``handle_failed`` gets them afterwards.

        A place to put them aside for people. Returns nothing.
        """
