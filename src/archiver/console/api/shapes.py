"""What programs send and get. Values of ours go out as they are where nothing of them is secret; the others have a shape of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from archiver.app import LaneProgress
from archiver.database.browsing import CustomerRow
from archiver.database.port import DeliveryRow
from archiver.model import Connection, ConnectionState, Customer, Kind, Millis, Role
from archiver.people import ApiKey, Rank, User

__all__ = [
    "ConnectionShape",
    "CustomerShape",
    "CustomersPage",
    "DeliveriesPage",
    "InvitationShape",
    "KeyMade",
    "KeyShape",
    "KeyWanted",
    "LinkMade",
    "LinkWanted",
    "Moved",
    "NewCustomer",
    "Problem",
    "RankWanted",
    "RetryWanted",
    "UserShape",
]


class Problem(msgspec.Struct):
    """Why something was not done (RFC 9457)."""

    status: int
    title: str
    detail: str


class Moved(msgspec.Struct):
    """How many deliveries wait again."""

    moved: int


class CustomersPage(msgspec.Struct):
    """A page of customers; ``after`` begins the next one, and is empty on the last."""

    customers: Sequence[CustomerRow]
    after: str


class ConnectionShape(msgspec.Struct):
    """A source or destination, without options and secrets."""

    id: int
    role: Role
    adapter: str
    state: ConnectionState
    reason: str
    state_since: Millis
    throttled_until: Millis

    @classmethod
    def of(cls, connection: Connection) -> ConnectionShape:
        """The part that may be seen."""
        return cls(**{name: getattr(connection, name) for name in cls.__struct_fields__})


class CustomerShape(msgspec.Struct):
    """A customer with its lanes as they are now, and its connections."""

    customer: Customer
    lanes: Sequence[LaneProgress]
    connections: Sequence[ConnectionShape]


class NewCustomer(msgspec.Struct, forbid_unknown_fields=True):
    """A customer to be added, without connections."""

    name: str
    weight: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    path_template: str | None = None


class LinkWanted(msgspec.Struct, forbid_unknown_fields=True):
    """A storage that a customer is to connect: which adapter, with which options, for which kinds (all if there are none)."""

    adapter: str
    role: Role = Role.DESTINATION
    options: dict[str, str] = {}
    secrets: dict[str, str] = {}
    kinds: list[Kind] = []
    again: Annotated[int, msgspec.Meta(ge=1, le=1 << 53)] | None = None


class LinkMade(msgspec.Struct):
    """A link that works once; it is shown only now."""

    link: str
    expires_at: Millis | None = None


class DeliveriesPage(msgspec.Struct):
    """A page of deliveries; ``after`` begins the next one, and is 0 on the last."""

    deliveries: Sequence[DeliveryRow]
    after: int


class RetryWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Which rejected and gone deliveries are to be tried again: those to which all that is given applies, and something must be given."""

    customer: str | None = None
    reason: str | None = None
    ids: Annotated[list[Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]], msgspec.Meta(max_length=1000)] | None = None


class UserShape(msgspec.Struct):
    """A user, without what lets them in."""

    name: str
    rank: Rank
    created_at: Millis
    seen_at: Millis

    @classmethod
    def of(cls, user: User) -> UserShape:
        """The part that may be seen."""
        return cls(name=user.name, rank=user.rank, created_at=user.created_at, seen_at=user.seen_at)


class InvitationShape(msgspec.Struct, forbid_unknown_fields=True):
    """Whom a link is to let in: an existing user, or whoever comes, with this rank."""

    rank: Rank = Rank.VIEWER
    user: str = ""


class RankWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Another rank."""

    rank: Rank


class KeyShape(msgspec.Struct):
    """A key, without what opens."""

    id: str
    name: str
    rank: Rank
    created_by: str
    created_at: Millis
    expires_at: Millis
    used_at: Millis

    @classmethod
    def of(cls, key: ApiKey) -> KeyShape:
        """The part that may be seen."""
        return cls(**{name: getattr(key, name) for name in cls.__struct_fields__})


class KeyWanted(msgspec.Struct, forbid_unknown_fields=True):
    """A key to be made."""

    name: str
    rank: Rank = Rank.VIEWER
    days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 365


class KeyMade(msgspec.Struct):
    """A key; it is shown only now."""

    key: str
