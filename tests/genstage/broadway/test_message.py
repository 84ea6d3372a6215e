from __future__ import annotations

from typing import Any

import pytest

from genstage import DefinitionError
from genstage.broadway import NOOP, Ack, Acknowledger, CallerAcknowledger, Failed, Message, ack_immediately
from genstage.testing import run


class Broken(Acknowledger):
    """Always away."""

    def ack(self, ref: Any, successful: list[Any], failed: list[Any]) -> None:
        """Raises."""
        raise ConnectionError("away")


def test_a_message_begins_well() -> None:
    """Its defaults: nobody acknowledges, the default batcher, key and mode, no metadata."""
    message = Message("data")
    assert (message.batcher, message.batch_key, message.batch_mode, message.status) == ("default", "default", "bulk", "ok")
    assert (message.metadata, message.acknowledger, message.failed, message.attempts) == ({}, NOOP, False, 0)


def test_handlers_change_it_in_place() -> None:
    """Data, batcher, key, mode and failure."""
    message = Message(1)
    message.update_data(lambda data: data + 1)
    message.put_batcher("s3")
    message.put_batch_key("bucket")
    message.put_batch_mode("flush")
    message.fail("too big")
    assert (message.data, message.batcher, message.batch_key, message.batch_mode) == (2, "s3", "bucket", "flush")
    assert (message.failed, message.status) == (True, Failed("too big"))
    with pytest.raises(DefinitionError, match='"bulk" or "flush"'):
        message.put_batch_mode("later")  # type: ignore[arg-type]  # the slip that is tested


def test_its_data_is_not_shown() -> None:
    """What it carries may be secret; its place and status may be seen."""
    message = Message("canary", metadata={"token": "canary"}, acknowledger=Ack(CallerAcknowledger(), "ref", "canary"))
    assert "canary" not in repr(message)
    message.fail("no")
    assert repr(message) == "<Message for 'default', Failed>"


def test_messages_may_be_acknowledged_at_once() -> None:
    """Single ones and many, as they are marked then; later nobody is told again."""

    async def scenario() -> None:
        caller = CallerAcknowledger()
        first, second, third = (Message(number, acknowledger=Ack(caller)) for number in range(3))
        await first.ack_immediately()
        assert (await caller.get()).successful == [first]
        second.fail("no")
        await ack_immediately([second, third])
        acked = await caller.get()
        assert (acked.successful, acked.failed) == ([third], [second])
        assert all(each.acknowledger is NOOP for each in (first, second, third))

    run(scenario)


def test_an_acknowledger_that_raises_tells_who_acknowledges_at_once() -> None:
    """The caller must know; the message is not acknowledged a second time."""
    message = Message(1, acknowledger=Ack(Broken()))
    with pytest.raises(ExceptionGroup, match="acknowledgers raised"):
        run(message.ack_immediately)
    assert message.acknowledger is NOOP
