"""The part of the port that connecting a customer needs: invitations, from the link that is sent to the connection that comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from archiver.model import Connection, Customer, Kind, Millis, Role

__all__ = ["ConnectingDatabase", "Invitation", "Step"]


class Step(StrEnum):
    """How far an invitation has come."""

    OFFERED = "offered"
    """The link may be opened."""
    ASKED = "asked"
    """The provider's page was opened; its answer is awaited."""
    LINKED = "linked"
    """The provider has said yes, and the account waits for a person to confirm it."""
    DONE = "done"
    """It has become a connection; the link is worth nothing any more."""


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """One customer's leave to connect one storage, once.

    Attributes:
        id: The database's number.
        customer_id: For whom, and nobody else.
        connection_id: Which connection is to be connected again; None makes a new one.
        role: Source or destination.
        adapter: Which adapter; chosen before, not by whoever has the link.
        options: Its options, as far as they are known.
        secrets: Its secret options and what the linking needs, each sealed as the connection's are.
        kinds: Of a destination: which kinds of items go there; empty for all.
        link_hash: SHA-256 of the link's secret part, in hex.
        state_hash: SHA-256 of what ties the next answer to this attempt, in hex; empty if none is awaited.
        state_until: Until when it is awaited.
        browser_hash: SHA-256 of what the browser was given that asked, in hex.
        redirect_uri: Where the provider's page was told to send its answer.
        account: Whom the linked account belongs to; empty before.
        step: How far it has come.
        created_at: When it was made.
        expires_at: The link's end.
    """

    id: int = 0
    customer_id: int
    connection_id: int | None = None
    role: Role = Role.DESTINATION
    adapter: str
    options: Mapping[str, Any] = {}
    secrets: Mapping[str, bytes] = {}
    kinds: Sequence[Kind] = ()
    link_hash: str
    state_hash: str = ""
    state_until: Millis = 0
    browser_hash: str = ""
    redirect_uri: str = ""
    account: str = ""
    step: Step = Step.OFFERED
    created_at: Millis
    expires_at: Millis

    def __repr__(self) -> str:
        return f"Invitation(id={self.id}, customer_id={self.customer_id}, adapter={self.adapter!r}, step={self.step})"


class ConnectingDatabase(Protocol):
    """Invitations, and what becomes of them. Each method is one transaction."""

    async def find_customer(self, *, name: str = "", customer_id: int = 0) -> Customer | None:
        """One customer, by its name or by its number; give one of the two. One that was removed is not there."""
        ...

    async def add_invitation(self, invitation: Invitation) -> Invitation:
        """Keeps a new one; its ``id`` is ignored."""
        ...

    async def find_invitation(self, *, link_hash: str = "", state_hash: str = "") -> Invitation | None:
        """The one with this link, or the one that awaits the answer with this state; give one of the two."""
        ...

    async def invitations(self, customer_id: int) -> Sequence[Invitation]:
        """A customer's, the newest first; those that are done or have ended, too, until they are cleared away."""
        ...

    async def change_invitation(self, old: Invitation, new: Invitation) -> bool:
        """Keeps ``new`` in the place of ``old``.

        Returns:
            False if what is kept is no longer ``old``: somebody was faster, or it was taken back. Nothing was written then.
        """
        ...

    async def accept(self, invitation: Invitation, connection: Connection, *, now: Millis) -> Connection | None:
        """The invitation is done, and becomes a connection, in one transaction; its own secrets are forgotten.

        Args:
            invitation: As it was read.
            connection: What comes of it. If the invitation is for a connection that is there, that one gets these options, secrets, kinds
                and account and is active again; its lane, its pace and its deliveries stay as they are.
            now: Since when it is active.

        Returns:
            The connection; None if the invitation was no longer as it was read, and nothing was written.
        """
        ...

    async def clear_invitations(self, before: Millis) -> int:
        """Forgets those that ended before this moment; how many."""
        ...
