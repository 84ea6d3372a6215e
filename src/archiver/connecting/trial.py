"""The test file of a new connection: written, found again with the same bytes, and deleted."""

from __future__ import annotations

import hashlib
import secrets

from archiver.destinations.port import Destination, Removing, Upload
from archiver.errors import ArchiverError, MisconfiguredError, QuotaFullError, ReconnectNeededError, TransientError, UnavailableError
from archiver.model import ConnectionState, Delivery, Item, Kind, Receipt
from archiver.outcome import Archived, Outcome, Parked, Throttled, Unavailable
from genstage.clock import Clock

__all__ = ["try_out"]

_TEXT = b"Archiver has tried whether it may write here. This file can be deleted.\n"


async def try_out(destination: Destination, clock: Clock) -> bool:
    """Writes a small file, has the storage confirm that it has the same bytes, and deletes it.

    Returns:
        Whether that was done; a storage that cannot delete what we wrote is not written to.

    Raises:
        ArchiverError: A step failed; what was written was deleted all the same, as far as the storage let us.
    """
    if not isinstance(destination, Removing):
        return False
    path = f"/archiver-test-{secrets.token_hex(4)}.txt"
    receipt = await _put(destination, path, clock)
    try:
        # The second time the storage must find there what it was given the first time.
        again = await _put(destination, path, clock)
        if not again.recovered and not (again.remote_id and again.remote_id == receipt.remote_id):
            raise MisconfiguredError("the storage took the test file twice: it does not show what was written to it")
    finally:
        await destination.remove(receipt)
    return True


async def _put(destination: Destination, path: str, clock: Clock) -> Receipt:
    now = int(clock.wall() * 1000)
    digest = hashlib.sha256(_TEXT)
    item = Item(
        id=0,
        source_id=0,
        kind=Kind.SMS,
        external_id=path,
        locator=path,
        media_type="text/plain",
        size=len(_TEXT),
        sha256=digest.hexdigest(),
        occurred_at=now,
    )
    delivery = Delivery(id=0, lane=0, customer_id=0, path=path, priority=0, ready_at=now, attempt=0, session=None, item=item)
    upload = Upload(delivery=delivery, data=_TEXT, sha256=digest.digest())
    async for _, outcome in destination.put_many([upload]):
        if isinstance(outcome, Archived):
            return outcome.receipt
        raise _error_of(outcome)
    raise TransientError("the storage said nothing about the test file")


def _error_of(outcome: Outcome) -> ArchiverError:
    """Why the test file was not taken."""
    match outcome:
        case Parked(state=ConnectionState.RECONNECT_NEEDED, reason=reason):
            return ReconnectNeededError(reason)
        case Parked(state=ConnectionState.QUOTA_FULL, reason=reason):
            return QuotaFullError(reason)
        case Parked(reason=reason):
            return MisconfiguredError(reason)
        case Unavailable(reason=reason):
            return UnavailableError(reason)
        case Throttled():
            return TransientError("the storage is asked too much just now", hint="Try again in a minute.")
        case _:
            detail = getattr(outcome, "detail", "") or type(outcome).__name__
            return TransientError(f"the test file was not taken: {detail}")
