"""Whether a storage still has what its receipts say: sizes and hashes are asked for, no content is moved.

In: pages of receipts, and destinations that can look (`archiver.destinations.port.Looking`). Out: a `Verification` that names each
difference. A throttled storage is waited for; one that cannot be asked now ends the look at it, and is told.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import msgspec

from archiver.database.port import Database, DeliveryRow
from archiver.destinations.port import Destination, Found, Looking
from archiver.errors import ArchiverError, ThrottledError
from archiver.lifecycle import DeliveryState
from archiver.model import Connection, Customer, LaneId, Receipt, Role
from genstage.clock import Clock

__all__ = ["Difference", "LaneVerified", "Verification", "difference", "verify"]

_PAGE = 1000
_AT_ONCE = 100
_WAITS = 20  # for a storage that throttles, one after the other
_WAIT_SECONDS = 5.0  # if it does not say how long


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is not what its receipt says.

    Attributes:
        delivery: Whose receipt.
        lane: Where it was delivered to.
        path: Where the storage had it.
        what: What is wrong.
    """

    delivery: int
    lane: LaneId
    path: str
    what: str


class LaneVerified(msgspec.Struct, kw_only=True):
    """What was seen of one destination.

    Attributes:
        lane: Which.
        adapter: Of what sort.
        archived: How many receipts there are.
        looked: Of these, how many were looked at.
        same: Of these, how many agree in size and hash.
        size_only: Of these, how many agree in size, and the storage has no hash of its own.
        unseen: Why not all that should be was looked at; empty if it was.
    """

    lane: LaneId
    adapter: str
    archived: int = 0
    looked: int = 0
    same: int = 0
    size_only: int = 0
    unseen: str = ""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer's storages have of what was archived.

    Attributes:
        customer: Whose.
        sample: Which part of the receipts was looked at.
        lanes: By destination.
        differences: Each file that is not what its receipt says.
    """

    customer: str
    sample: float
    lanes: Sequence[LaneVerified]
    differences: Sequence[Difference]

    @property
    def proven(self) -> bool:
        """Whether everything that was to be looked at is what its receipt says."""
        return not self.differences and not any(lane.unseen for lane in self.lanes)


async def verify(  # noqa: PLR0913  what it works with, and how much of it
    database: Database,
    customer: Customer,
    open_destination: Callable[[Connection], Destination],
    *,
    clock: Clock,
    sample: float = 1.0,
    chance: random.Random | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Looks at what a customer's storages have.

    Args:
        database: Where the receipts are.
        customer: Whose.
        open_destination: Makes a destination from its connection.
        clock: Time.
        sample: Which part of the receipts, from 0 to 1; each is chosen by chance.
        chance: Chooses.
        told: Told how many receipts were passed by, looked at or not.
    """
    chance = chance or random.Random()  # noqa: S311  chooses a sample, guards nothing
    lanes: dict[LaneId, LaneVerified] = {}
    open_: dict[LaneId, Destination] = {}
    differences: list[Difference] = []
    try:
        for connection in await database.connections(customer_id=customer.id, role=Role.DESTINATION):
            lane = lanes[connection.id] = LaneVerified(lane=connection.id, adapter=connection.adapter)
            try:
                destination = open_[connection.id] = open_destination(connection)
            except ArchiverError as error:
                lane.unseen = error.message
                continue
            if not isinstance(destination, Looking):
                lane.unseen = f"{connection.adapter} cannot tell what it has without giving it"
        after = passed = 0
        while page := await database.deliveries(customer=customer.name, state=DeliveryState.ARCHIVED, after=after, limit=_PAGE):
            after = page[-1].id
            for row in page:
                if row.lane in lanes:
                    lanes[row.lane].archived += 1
            chosen = [row for row in page if row.receipt is not None and (sample >= 1 or chance.random() < sample)]
            for number, lane in lanes.items():
                rows = [row for row in chosen if row.lane == number]
                if rows and not lane.unseen:
                    differences += await _look(rows, lane, open_[number], clock)
            passed += len(page)
            told(passed)
    finally:
        for destination in open_.values():
            await destination.close()
    return Verification(customer=customer.name, sample=sample, lanes=list(lanes.values()), differences=differences)


async def _look(rows: Sequence[DeliveryRow], lane: LaneVerified, destination: Destination, clock: Clock) -> list[Difference]:
    """Looks at some files of one lane; what cannot be asked ends the look at the lane."""
    differences = []
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        receipts = [row.receipt for row in part if row.receipt is not None]
        try:
            found = await _patiently(destination, receipts, clock)
        except ArchiverError as error:
            lane.unseen = error.message
            break
        for row, receipt, there in zip(part, receipts, found, strict=True):
            lane.looked += 1
            what = difference(receipt, there)
            if what:
                differences.append(Difference(delivery=row.id, lane=lane.lane, path=receipt.path, what=what))
            elif there is not None and _hash(receipt, there):
                lane.same += 1
            else:
                lane.size_only += 1
    return differences


async def _patiently(destination: Destination, receipts: Sequence[Receipt], clock: Clock) -> Sequence[Found | None]:
    assert isinstance(destination, Looking)  # noqa: S101  the caller has asked
    for left in reversed(range(_WAITS)):
        try:
            return await destination.look(receipts)
        except ThrottledError as error:
            if not left:
                raise
            await clock.sleep(_WAIT_SECONDS if error.retry_after is None else error.retry_after)
    raise AssertionError("the last try raises")


def difference(receipt: Receipt, found: Found | None) -> str:
    """What is wrong with a file, by its receipt and what the storage says of it; empty if nothing is. Pure."""
    if found is None:
        return "it is not there any more"
    if found.size is not None and found.size != receipt.size:
        return f"it has {found.size} bytes, and had {receipt.size}"
    known = _hash(receipt, found)
    if known and found.hash != known:
        return "it has other bytes of the same number"
    return ""


def _hash(receipt: Receipt, found: Found) -> str:
    """The hash by which a file can be told; empty if the storage has none that the receipt knows as well."""
    name = found.hash.partition(":")[0]
    return next((known for known in (f"sha256:{receipt.sha256}", receipt.remote_hash) if name and known.startswith(f"{name}:")), "")
