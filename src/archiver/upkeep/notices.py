"""Tells people of connections that need somebody: each once, many in one message, and never more than a message every half minute.

A state is told while it lasts: what is not told yet is read from the states, so nothing piles up, and a channel that is away for a day
tells afterwards what is wrong then.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import msgspec

from archiver.database.port import Channel, Database, Notice
from archiver.errors import ArchiverError
from archiver.model import ConnectionState, Millis, Role
from genstage.clock import Clock

__all__ = ["Channelled", "Message", "Notices", "message_of"]

_log = logging.getLogger(__name__)

_TOGETHER = 100  # connections in one message
_QUIET_SECONDS = 3600.0  # before one that came into the same state again is told of again
_AGAIN_SECONDS = (30.0, 3600.0)  # after a message that did not arrive, doubled each time

_WHAT = {
    ConnectionState.RECONNECT_NEEDED: "must be connected again",
    ConnectionState.QUOTA_FULL: "is full; it goes on by itself once there is room",
    ConnectionState.MISCONFIGURED: "does not let us do what we need",
}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What people are told.

    Attributes:
        subject: In a line.
        text: For people to read.
        notices: The same for machines.
    """

    subject: str
    text: str
    notices: Sequence[Notice]


class Channelled(Protocol):
    """One way on which people are told.

    Attributes:
        channel: Its name.
    """

    channel: Channel

    async def send(self, message: Message) -> None:
        """Sends a message; a minute at most.

        Raises:
            ArchiverError: It did not arrive, as far as is known.
        """
        ...


class Notices:
    """The service.

    Args:
        database: Where states are.
        channels: On which people are told.
        clock: Time.
    """

    interval = 30.0

    def __init__(self, database: Database, channels: Sequence[Channelled], clock: Clock) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock

    async def turn(self) -> None:
        """One message on each channel at most, with everything that is not told yet."""
        for channel in self._channels:
            await self._tell(channel)

    async def _tell(self, channel: Channelled) -> None:
        name, now = channel.channel, self._now()
        untold = await self._database.untold(name, now=now, quiet=int(_QUIET_SECONDS * 1000), limit=_TOGETHER)
        if not untold:
            return
        try:
            await channel.send(message_of(untold))
        except ArchiverError as error:
            first, longest = _AGAIN_SECONDS
            wait = min(longest, first * 2 ** min(max(notice.tries for notice in untold), 10))
            await self._database.note_failed(name, untold, again_at=self._now() + int(wait * 1000))
            _log.warning("people could not be told by %s: %s", name, error.message)
        else:
            await self._database.note_told(name, untold, now=self._now())

    def _now(self) -> Millis:
        return int(self._clock.wall() * 1000)


def message_of(notices: Sequence[Notice]) -> Message:
    """What people are told of these connections. The reason is what an adapter says for people: it has no content and no secret."""
    first = notices[0]
    more = f" and {len(notices) - 1} more" if len(notices) > 1 else ""
    subject = f"Archiver: {first.customer}'s {first.adapter} {_WHAT[first.state].split(';')[0]}{more}"
    return Message(subject=subject, text="\n\n".join(_paragraph(notice) for notice in notices) + "\n", notices=notices)


def _paragraph(notice: Notice) -> str:
    whose = f" ({notice.account})" if notice.account else ""
    lines = [f"{notice.customer}'s {notice.adapter}{whose} {_WHAT[notice.state]}.", notice.reason]
    if notice.state is ConnectionState.RECONNECT_NEEDED:
        role = " --role source" if notice.role is Role.SOURCE else ""
        lines.append(f"archiver connect {notice.customer} {notice.adapter} --again {notice.connection_id}{role}")
    lines.append("Nothing is lost meanwhile: what is to be archived waits.")
    return "\n".join(line for line in lines if line)
