"""What is said of a demo afterwards: the judge's counts, and how long items and calls took."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from archiver.app import Archiver
from archiver.database.port import DeliveryRow
from archiver.sandbox.audit import AuditResult
from archiver.sandbox.company import AIRLINE
from archiver.sandbox.ledger import Ledger

__all__ = ["Verdict", "all_deliveries", "percentile", "verdict_of"]

_PAGE = 1000


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one demo.

    Attributes:
        items: How many there were to archive.
        archived: How many are there, once and with the same bytes.
        lost: Not there.
        duplicates: Visible objects beyond the expected ones.
        corrupt: There with other bytes.
        requests: Calls to all the Dropboxes.
        throttled: Calls that were refused with a 429.
        limit_utilisation: The share of the calls permitted to the airline that was used while it had a backlog.
        seconds: How long the pipeline ran.
        p95_dwell_quiet_s: From discovered to archived, for 95 of a hundred items of the quiet customers, in seconds.
        p95_dwell_airline_s: The same for the airline.
    """

    items: int
    archived: int
    lost: int
    duplicates: int
    corrupt: int
    requests: int
    throttled: int
    limit_utilisation: float
    seconds: float
    p95_dwell_quiet_s: float
    p95_dwell_airline_s: float

    @property
    def good(self) -> bool:
        """Everything is there once, with the same bytes."""
        return self.archived == self.items and not (self.lost or self.duplicates or self.corrupt)


async def all_deliveries(archiver: Archiver) -> list[DeliveryRow]:
    """Every delivery there is, page by page."""
    rows: list[DeliveryRow] = []
    while page := await archiver.deliveries(after=rows[-1].id if rows else 0, limit=_PAGE):
        rows += page
    return rows


def verdict_of(result: AuditResult, ledger: Ledger, deliveries: Sequence[DeliveryRow], seconds: float) -> Verdict:
    """Puts the figures together.

    Args:
        result: The judge's.
        ledger: The sandbox's.
        deliveries: All of them, with their receipts.
        seconds: How long the pipeline ran.
    """
    dwell: dict[bool, list[float]] = {True: [], False: []}
    airline_end = 0.0
    for row in deliveries:
        if row.receipt is not None:
            dwell[row.customer == AIRLINE].append((row.receipt.archived_at - row.discovered_at) / 1000)
            if row.customer == AIRLINE:
                airline_end = max(airline_end, row.receipt.archived_at / 1000)
    records = ledger.accounts.values()
    return Verdict(
        items=result.items,
        archived=result.archived,
        lost=result.lost,
        # What nobody expected, or was written twice, is a second copy as far as a customer is concerned.
        duplicates=result.duplicates + result.foreign + result.rewritten,
        corrupt=result.corrupt,
        requests=sum(sum(record.calls.values()) for record in records),
        throttled=sum(sum(record.refused.values()) for record in records),
        limit_utilisation=round(ledger.accounts[AIRLINE].utilisation(end=airline_end or None), 3),
        seconds=round(seconds, 1),
        p95_dwell_quiet_s=round(percentile(dwell[False], 0.95), 3),
        p95_dwell_airline_s=round(percentile(dwell[True], 0.95), 3),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least so many of the values do not exceed; 0 if there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
