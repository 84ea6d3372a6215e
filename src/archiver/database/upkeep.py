"""The part of the port that the quiet services need: whom somebody must be told of, and whose leave must be renewed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from archiver.model import Connection, ConnectionState, Millis, Role

__all__ = ["Channel", "Notice", "UpkeepDatabase"]


class Channel(StrEnum):
    """A way on which people are told."""

    WEBHOOK = "webhook"
    MAIL = "mail"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that needs somebody, and of whom nobody has been told on a channel.

    Attributes:
        connection_id: Which.
        customer: The customer's name.
        role: Source or destination.
        adapter: Which adapter.
        account: Whom it belongs to, if that is known.
        state: What is wrong.
        reason: Why, for a person.
        since: Since when.
        tries: How often it was tried in vain to tell of it.
    """

    connection_id: int
    customer: str
    role: Role
    adapter: str
    account: str
    state: ConnectionState
    reason: str
    since: Millis
    tries: int = 0


class UpkeepDatabase(Protocol):
    """What must be told and renewed. Each method is one transaction, and none looks at connections that are well."""

    async def untold(self, channel: Channel, *, now: Millis, quiet: Millis, limit: int) -> Sequence[Notice]:
        """Connections that need somebody (not those that a person paused), each of which this channel has not told of.

        That is read from the states themselves: a connection that works again before it was told of is not there, and nothing can be
        lost between a state and its telling.

        Args:
            channel: Which way.
            now: Those that are to be tried again later are left out.
            quiet: One that comes into the same state again is not told of again for so long: it may come and go.
            limit: At most this many, those that wait longest first.
        """
        ...

    async def note_told(self, channel: Channel, notices: Sequence[Notice], *, now: Millis) -> None:
        """People were told of these."""
        ...

    async def note_failed(self, channel: Channel, notices: Sequence[Notice], *, again_at: Millis) -> None:
        """Nobody could be told of these; they are not tried before that moment."""
        ...

    async def claim_renewal(self, connection_id: int, *, seconds: float) -> bool:
        """Makes the caller the one that renews a connection's leave.

        Args:
            connection_id: Which.
            seconds: For so long, unless it is given back before; 0 gives it back.

        Returns:
            False if somebody else is it.
        """
        ...

    async def adapters_in_use(self) -> Sequence[str]:
        """The names of all adapters that any connection has; costs adapters, not connections."""
        ...

    async def stale(self, adapters: Collection[str], *, before: Millis, limit: int) -> Sequence[Connection]:
        """Connections of these adapters whose leave was renewed last before a moment; of paused customers, too.

        Those that need a person to connect them again are left out.
        """
        ...

    async def note_renewed(self, connection_ids: Collection[int], *, at: Millis) -> None:
        """The leave of these was renewed, or is to be looked at as if it had been renewed then."""
        ...
