"""What connecting answers: frozen values for whoever shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from archiver.destinations.port import Account
from archiver.model import Connection, Kind, Millis, Role

__all__ = ["Confirmation", "Connected", "Invited", "Offer"]


class Invited(msgspec.Struct, frozen=True, kw_only=True):
    """A link that was made.

    Attributes:
        link: Its secret part, shown once; only its hash is kept.
        customer: For whom.
        adapter: Which storage.
        expires_at: Its end.
    """

    link: str
    customer: str
    adapter: str
    expires_at: Millis

    def __repr__(self) -> str:
        return f"Invited(customer={self.customer!r}, adapter={self.adapter!r})"


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a link is for, to be shown before anybody says yes.

    Attributes:
        customer: The customer's name.
        role: Source or destination.
        adapter: Which adapter.
        title: What people call it.
        way: ``page``: the customer says yes on the provider's page; ``keys``: secrets are entered here.
        scopes: What is asked for, where there is a page.
        secrets: Names of the secret options to enter, where there are keys.
        kinds: Which kinds of items will go there; empty for all.
        again: Whose account it was until now, where a connection is connected again.
        expires_at: The link's end.
    """

    customer: str
    role: Role
    adapter: str
    title: str
    way: Literal["page", "keys"]
    scopes: Sequence[str] = ()
    secrets: Sequence[str] = ()
    kinds: Sequence[Kind] = ()
    again: str = ""
    expires_at: Millis


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """An account that was linked, and waits for a person to say that it is the right one.

    Attributes:
        ticket: Whoever has it and the browser may confirm; secret.
        customer: For whom.
        adapter: Which adapter.
        account: Whose account it is, and how much room it has.
        before: Whose it was until now, where a connection is connected again; empty if that is not known.
    """

    ticket: str
    customer: str
    adapter: str
    account: Account
    before: str = ""

    @property
    def changed(self) -> bool:
        """Another account than before: ask twice."""
        return bool(self.before) and self.before != self.account.name

    def __repr__(self) -> str:
        return f"Confirmation(customer={self.customer!r}, adapter={self.adapter!r})"


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that works.

    Attributes:
        customer: Whose.
        connection: As it is kept.
        tried: A test file was written, read and deleted; False where the storage cannot delete, or for a source.
        again: It was there before, and its lane goes on.
    """

    customer: str
    connection: Connection
    tried: bool
    again: bool = False
