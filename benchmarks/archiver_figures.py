"""What ``benchmarks.archiver`` makes of a run: figures from the sandbox's ledger, and the two lines for the pictures. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from archiver.cli.demo.verdict import percentile
from archiver.sandbox import FileRecord, Ledger, Limits
from archiver.sandbox.audit import Expected, audit
from archiver.sandbox.ledger import Second
from benchmarks.archiver_world import AIRLINE, Claim, Plan, permitted

__all__ = ["Evidence", "Figures", "figures", "spread"]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known after a run.

    Attributes:
        name: The contestant's.
        about: How it was set.
        plan: What the run was like.
        began: When, in seconds since the epoch.
        limits: Of every account.
        accounts: Customer → the account's name in the ledger.
        ledger: The sandbox's; other contestants' accounts may be in it.
        born: Customer and SHA-256 → since when it is there to be archived, of all recordings.
        claims: What the contestant says it has archived.
        peak_bytes: Most memory of all its processes at one moment.
    """

    name: str
    about: str
    plan: Plan
    began: float
    limits: Limits
    accounts: Mapping[str, str]
    ledger: Ledger
    born: Mapping[Claim, float]
    claims: set[Claim]
    peak_bytes: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One contestant's row.

    Attributes:
        name: The contestant's.
        about: How it was set.
        archived: Of the airline's, in the whole time.
        items_per_second: Of the airline, after the warm-up.
        permitted_share: Of what `benchmarks.archiver_world.permitted` says.
        held_share: The part of the time in which the airline's commits had its namespace to themselves.
        calls_per_second: Of the airline, over the whole time.
        calls_per_item: Of the airline, over the whole time.
        refused: 429s of all customers.
        refused_share: Of all calls.
        small_items: Recordings that small customers had.
        dwell_p50: Seconds from a small customer's recording being there to its being visible in the Dropbox; half are quicker.
        dwell_p95: As above, for 95 of a hundred.
        dwell_max: The longest; what never became visible counts with its age at the end.
        small_left: Recordings of small customers that were never visible.
        peak_mib: Most memory of all its processes at one moment.
        lost: Said to be archived, and not there with these bytes.
        duplicates: Visible objects beyond one per recording, and those that were written twice.
        corrupt: Visible with other bytes.
        uploads: The airline's, by second of the run.
        throttled: The airline's 429s, by second of the run.
    """

    name: str
    about: str
    archived: int
    items_per_second: float
    permitted_share: float
    held_share: float
    calls_per_second: float
    calls_per_item: float
    refused: int
    refused_share: float
    small_items: int
    dwell_p50: float
    dwell_p95: float
    dwell_max: float
    small_left: int
    peak_mib: float
    lost: int
    duplicates: int
    corrupt: int
    uploads: Sequence[int]
    throttled: Sequence[int]


def figures(run: Evidence) -> Figures:
    """Judges a run by the ledger."""
    customers = {account: customer for customer, account in run.accounts.items()}
    files = [record for record in run.ledger.files if record.account in customers]
    mine = Ledger(accounts={name: run.ledger.accounts[name] for name in customers}, files=files)
    airline = mine.accounts[run.accounts[AIRLINE]]
    end = run.began + run.plan.seconds
    seen = sorted(record.visible_at for record in files if record.account == airline.name and record.visible_at < end)
    calls = sum(sum(record.calls.values()) for record in mine.accounts.values())
    refused = sum(sum(record.refused.values()) for record in mine.accounts.values())
    rate = _rate(seen, run.began + run.plan.warm_up)
    dwell, left = _dwell(run, customers, files)
    there = {(customers[record.account], record.sha256) for record in files}
    expected = [
        Expected(account=run.accounts[customer], external_id=sha256, path=Path(), size=run.plan.item_bytes, sha256=sha256)
        for customer, sha256 in run.born
    ]
    found = audit(mine, expected)
    airline_calls = sum(airline.calls.values())
    return Figures(
        name=run.name,
        about=run.about,
        archived=len(seen),
        items_per_second=rate,
        permitted_share=rate / permitted(run.limits, run.plan.item_bytes),
        held_share=_held(airline.timeline, run),
        calls_per_second=airline_calls / run.plan.seconds,
        calls_per_item=airline_calls / len(seen) if seen else float("inf"),
        refused=refused,
        refused_share=refused / calls if calls else 0.0,
        small_items=len(dwell),
        dwell_p50=percentile(dwell, 0.5),
        dwell_p95=percentile(dwell, 0.95),
        dwell_max=percentile(dwell, 1.0),
        small_left=left,
        peak_mib=run.peak_bytes / 2**20,
        lost=len(run.claims - there),
        duplicates=found.duplicates + found.rewritten,
        corrupt=found.foreign + found.corrupt,  # names carry no hash, so a wrong content is one that nobody expected
        uploads=_by_second(seen, run),
        throttled=_throttled(airline.timeline, run),
    )


def spread(values: Sequence[float]) -> list[float]:
    """The values, each shared out evenly over the time since the one before it.

    A thousand files become visible at once, but they were uploaded since the last commit: this is the rate between the two, without a
    peak or a hole. What comes after the last one is left out: nothing is known of it yet.
    """
    made: list[float] = []
    for at, value in enumerate(values):
        if value:
            made += [value / (at + 1 - len(made))] * (at + 1 - len(made))
    return made


def _rate(seen: Sequence[float], since: float) -> float:
    """Files per second from the last commit before a moment to the very last one.

    From commit to commit, since a thousand files become visible at once: what a window by the clock cuts off would be chance.
    """
    start = max((at for at in seen if at <= since), default=since)
    count = sum(at > start for at in seen)
    return count / (seen[-1] - start) if count else 0.0


def _dwell(run: Evidence, customers: Mapping[str, str], files: Iterable[FileRecord]) -> tuple[list[float], int]:
    """How long each recording of a small customer took, and how many never became visible."""
    visible = {(customers[record.account], record.sha256): record.visible_at for record in files}
    end = run.began + run.plan.seconds
    born = {claim: at for claim, at in run.born.items() if claim[0] != AIRLINE}
    return [visible.get(claim, end) - at for claim, at in born.items()], sum(claim not in visible for claim in born)


def _by_second(moments: Iterable[float], run: Evidence) -> list[int]:
    counts = [0] * int(run.plan.seconds)
    for at in moments:
        second = int(at - run.began)
        if 0 <= second < len(counts):
            counts[second] += 1
    return counts


def _throttled(timeline: Mapping[int, Second], run: Evidence) -> list[int]:
    begin = int(run.began)
    return [timeline.get(begin + at, Second()).refused for at in range(int(run.plan.seconds))]


def _held(timeline: Mapping[int, Second], run: Evidence) -> float:
    """The part of the time after the warm-up in which commits held the namespace."""
    seconds = range(math.ceil(run.began + run.plan.warm_up), int(run.began + run.plan.seconds))
    return sum(timeline.get(second, Second()).held for second in seconds) / max(1, len(seconds))
