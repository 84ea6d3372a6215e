"""The nouns of Archiver as frozen values: Customer, Connection, Item, Delivery, Receipt.

Every time is an integer: **milliseconds since the epoch, UTC** (names end in ``_at`` or ``until``). Every size is in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from archiver.lifecycle import DeliveryState

__all__ = [
    "Connection",
    "ConnectionState",
    "Customer",
    "CustomerState",
    "Delivery",
    "Discovery",
    "Item",
    "Kind",
    "LaneId",
    "Millis",
    "Receipt",
    "Role",
    "Session",
]

Millis = int
"""Milliseconds since the epoch, UTC."""
LaneId = int
"""A lane is one customer's one destination: the id of that destination's connection."""


class Kind(StrEnum):
    """What an item is."""

    RECORDING = "recording"
    VOICEMAIL = "voicemail"
    SMS = "sms"
    FAX = "fax"
    CALL_LOG = "call_log"
    MANIFEST = "manifest"
    """A list of files."""
    SIDECAR = "sidecar"
    """What is known of another item; its metadata says ``of`` which kind."""


class CustomerState(StrEnum):
    """Whether a customer is served."""

    ACTIVE = "active"
    PAUSED = "paused"


class Role(StrEnum):
    """Which end of the pipeline a connection is."""

    SOURCE = "source"
    DESTINATION = "destination"


class ConnectionState(StrEnum):
    """Whether a connection works; every state but ``ACTIVE`` parks its lane."""

    ACTIVE = "active"
    RECONNECT_NEEDED = "reconnect_needed"
    """The authorisation no longer works; the customer must connect again."""
    QUOTA_FULL = "quota_full"
    """No space left; probed, resumes by itself."""
    MISCONFIGURED = "misconfigured"
    """Reachable, but it does not permit what we need."""
    PAUSED = "paused"
    """A person paused it."""


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose items are archived.

    Attributes:
        id: The database's number.
        name: Unique, lower case, for commands and paths of this program.
        state: Whether the customer is served.
        weight: The customer's share when room is scarce, relative to others; at least 1.
        epoch: The fencing token: grows each time another worker takes the customer.
        path_template: How paths in the customer's storage are made; see ``archiver.naming``.
        created_at: When the customer was added.
        hold: Why nothing of the customer may be erased; empty if that may be.
        keep_days: For so many days after it became known nothing may be erased.
        erase_days: After so many days it is erased by itself; 0 never.
    """

    id: int
    name: str
    state: CustomerState = CustomerState.ACTIVE
    weight: int = 1
    epoch: int = 0
    path_template: str
    created_at: Millis
    hold: str = ""
    keep_days: int = 0
    erase_days: int = 0


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's source or destination.

    Attributes:
        id: The database's number; of a destination also the ``LaneId``.
        customer_id: Whose it is.
        role: Source or destination.
        adapter: The adapter's name in the registry, such as ``dropbox``.
        options: The adapter's options, without the secret ones.
        secrets: The secret options, each sealed by ``archiver.vault``; never shown.
        state: Whether it works.
        reason: Why it does not, in words for a person.
        state_since: When the state was entered.
        throttled_until: Not before this moment may the lane make a call; survives a restart.
        pace: What the pacer has learnt, as it wrote it; opaque here.
        account: Whom it belongs to, as the provider tells and a person has confirmed: an e-mail address, a path; empty if nobody asked.
        kinds: Of a destination: which kinds of items go there; empty for all.
    """

    id: int
    customer_id: int
    role: Role
    adapter: str
    options: Mapping[str, Any] = {}
    secrets: Mapping[str, bytes] = {}
    state: ConnectionState = ConnectionState.ACTIVE
    reason: str = ""
    state_since: Millis = 0
    throttled_until: Millis = 0
    pace: bytes = b""
    account: str = ""
    kinds: Sequence[Kind] = ()

    def __repr__(self) -> str:
        return f"Connection(id={self.id}, customer_id={self.customer_id}, role={self.role}, adapter={self.adapter!r}, state={self.state})"


class Discovery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a source found: an item that has no number yet.

    ``kind``, ``external_id`` and ``part`` name it within its source; discovering it twice is harmless.

    Attributes:
        kind: What it is.
        external_id: The provider's own id, a string also where the provider uses numbers.
        part: Which part of the thing (leg, attachment); empty if there is only one.
        occurred_at: When the call, message or fax happened.
        purge_at: When the source will delete it; None if it will not, or does not tell.
        locator: Where the source finds the bytes: a relative path, a URL, a row key.
        media_type: Such as ``audio/x-wav``.
        size: In bytes; None if the source cannot tell before reading.
        sha256: Lower-case hex, if the source knows it.
        direction: ``inbound``, ``outbound`` or empty.
        sender: Number or name of the sending side, or empty.
        recipient: Number or name of the receiving side, or empty.
        owner: The extension or line it belongs to, or empty.
        metadata: Anything else the source knows; JSON values.
        lane: The only destination that it goes to; None for all that take its kind.
        budget: Which of the source's budgets reading the bytes is paid from, from 1 to 3; 0 if it costs nothing. See
            ``archiver.sources.port.Paced``.
    """

    kind: Kind
    external_id: str
    part: str = ""
    occurred_at: Millis
    purge_at: Millis | None = None
    locator: str
    media_type: str
    size: int | None = None
    sha256: str | None = None
    direction: str = ""
    sender: str = ""
    recipient: str = ""
    owner: str = ""
    metadata: Mapping[str, Any] = {}
    lane: LaneId | None = None
    budget: int = 0

    def of_kind(self, kind: Kind) -> Discovery:
        """The same as something of another kind."""
        return msgspec.structs.replace(self, kind=kind)


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What must be read to upload one item: the part of a discovery that travels through the pipeline.

    Attributes:
        id: The database's number.
        source_id: The connection that has the bytes.
        kind: What it is.
        external_id: The provider's own id.
        locator: Where the source finds the bytes.
        media_type: Such as ``audio/x-wav``.
        size: In bytes, None if unknown before reading.
        sha256: Lower-case hex, if the source knows it.
        discovered_at: When the source was seen to have it; 0 if that is not known.
        occurred_at: When it happened; becomes the file's modification time where the storage can keep one.
    """

    id: int
    source_id: int
    kind: Kind
    external_id: str
    locator: str
    media_type: str
    size: int | None
    sha256: str | None
    occurred_at: Millis
    discovered_at: Millis = 0


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A chunked upload that was begun: where to go on after a kill.

    Attributes:
        id: The provider's session id.
        offset: Bytes which the storage has confirmed.
        started_at: For providers whose sessions expire.
        beginning: Tells the bytes up to the offset from others, so that what a source has changed meanwhile is not mixed with what it
            gave before; empty if that is not known.
    """

    id: str
    offset: int
    started_at: Millis
    beginning: str = ""


class Delivery(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One item on its way to one destination.

    Attributes:
        id: The database's number.
        lane: The destination it goes to.
        customer_id: Whose it is.
        path: Where in the storage it goes, with ``/`` between parts and a leading ``/``; fixed at birth.
        priority: Smaller goes first.
        ready_at: Not before this moment.
        attempt: How many tries were charged to it.
        session: A chunked upload to go on with, or None.
        item: What is delivered.
        state: Where it stands.
    """

    id: int
    lane: LaneId
    customer_id: int
    path: str
    priority: int
    ready_at: Millis
    attempt: int
    session: Session | None
    item: Item
    state: DeliveryState = DeliveryState.WAITING


class Receipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The proof that a storage has an item.

    Attributes:
        path: Where the storage has it, as the storage spells it.
        remote_id: The storage's id of the file, or empty.
        revision: The storage's revision or version, or empty.
        size: Bytes read, sent and confirmed by the storage.
        sha256: Of the bytes that were sent, lower-case hex.
        remote_hash: The storage's own hash, with its name: ``dropbox:…``; empty if it has none.
        archived_at: When the storage confirmed it.
        recovered: It was already there with the same bytes (an answer that was lost, a kill).
    """

    path: str
    remote_id: str = ""
    revision: str = ""
    size: int
    sha256: str
    remote_hash: str = ""
    archived_at: Millis
    recovered: bool = False
