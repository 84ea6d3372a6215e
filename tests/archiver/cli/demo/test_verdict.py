from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.cli.demo.verdict import percentile, verdict_of
from archiver.database.port import DeliveryRow
from archiver.lifecycle import DeliveryState
from archiver.model import Kind, Receipt
from archiver.sandbox.audit import AuditResult
from archiver.sandbox.ledger import AccountRecord, Ledger, Second
from archiver.sandbox.limits import RateSpan


def row(customer: str, discovered_at: int, archived_at: int | None) -> DeliveryRow:
    """A delivery, archived or still waiting."""
    receipt = None if archived_at is None else Receipt(path="/x", size=1, sha256="", archived_at=archived_at)
    return DeliveryRow(
        id=1,
        customer=customer,
        lane=1,
        kind=Kind.SMS,
        external_id="1",
        path="/x",
        state=DeliveryState.WAITING if receipt is None else DeliveryState.ARCHIVED,
        attempt=0,
        ready_at=0,
        reason="",
        detail="",
        size=1,
        occurred_at=0,
        discovered_at=discovered_at,
        receipt=receipt,
    )


def judged(**changes: int) -> AuditResult:
    """What the judge found."""
    fields = {"items": 3, "archived": 3, "lost": 0, "duplicates": 0, "corrupt": 0, "foreign": 0, "rewritten": 0, "repeated_transfers": 0}
    return AuditResult(**(fields | changes), examples=())


def ledger() -> Ledger:
    """The airline was permitted 2 calls a second for ten seconds, made one a second, and two were refused."""
    airline = AccountRecord(
        name="airline",
        calls={"files/upload": 10},
        refused={"too_many_requests": 2},
        first_call=100.0,
        last_call=130.0,
        spans=[RateSpan(since=50.0, calls_per_second=2, burst=0)],
        timeline={second: Second(calls=1, admitted=1) for second in range(100, 110)},
    )
    return Ledger(accounts={"airline": airline, "bakery": AccountRecord(name="bakery", calls={"files/upload": 3})}, files=[])


def test_the_figures() -> None:
    """Dwell is from discovered to archived, quiet customers apart; the limit's use ends with the airline's backlog."""
    rows = [row("airline", 100_000, 110_000), row("bakery", 100_000, 100_500), row("bakery", 100_000, None)]
    verdict = verdict_of(judged(), ledger(), rows, 12.34)
    assert (verdict.requests, verdict.throttled, verdict.seconds) == (13, 2, 12.3)
    assert (verdict.p95_dwell_airline_s, verdict.p95_dwell_quiet_s) == (10.0, 0.5)
    assert verdict.limit_utilisation == pytest.approx(0.5)
    assert verdict.good


@pytest.mark.parametrize(
    "changes",
    [{"lost": 1}, {"duplicates": 1}, {"corrupt": 1}, {"foreign": 1}, {"rewritten": 1}, {"archived": 2}],
    ids=lambda c: next(iter(c)),
)
def test_anything_wrong_is_not_good(changes: dict[str, int]) -> None:
    """One item lost, twice, damaged, strange or overwritten makes the demo fail."""
    assert not verdict_of(judged(**changes), ledger(), [], 1.0).good


@given(st.lists(st.floats(0, 1000), min_size=1), st.floats(0.01, 1.0))
def test_a_percentile_is_the_smallest_that_suffices(values: list[float], share: float) -> None:
    """At least that share of the values does not exceed it, and it is one of them."""
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_no_values_have_no_percentile() -> None:
    """Where nothing was archived, the dwell is 0."""
    assert percentile([], 0.95) == 0
