"""The figures of the headline benchmark, from ledgers whose figures can be told by hand."""

from __future__ import annotations

import pytest
from benchmarks.archiver_figures import Evidence, figures, spread
from benchmarks.archiver_plot import draw
from benchmarks.archiver_world import AIRLINE, LIMITS, Plan, arrivals, permitted

from archiver.sandbox import AccountRecord, FileRecord, Ledger, Limits
from archiver.sandbox.ledger import Second

PLAN = Plan(seconds=40, warm_up=10, customers=2, item_bytes=1000)
BEGAN = 1000.5


def stored(account: str, sha256: str, visible_at: float, *, revisions: int = 1) -> FileRecord:
    """A visible object."""
    when = "2026-11-02T08:00:00Z"
    return FileRecord(
        account=account,
        path=f"/{sha256}.wav",
        size=1000,
        sha256=sha256,
        content_hash="",
        id="",
        rev="",
        client_modified=when,
        server_modified=when,
        revisions=revisions,
        transfers=1,
        visible_at=visible_at,
    )


def evidence(files: list[FileRecord], *, claims: set[tuple[str, str]] | None = None, refused: int = 0) -> Evidence:
    """A run of an airline with a thousand recordings and of two small customers with one each."""
    timeline = {1003: Second(refused=refused), 1020: Second(held=0.5), 1021: Second(held=1.0)}
    airline = AccountRecord(name="1-airline", calls={"files/upload": 50}, refused={"too_many_requests": refused}, timeline=timeline)
    others = [AccountRecord(name=f"1-customer-{number:02}", calls={"files/upload": 1}) for number in (0, 1)]
    born = {(AIRLINE, f"a{number}"): BEGAN for number in range(1000)}
    born |= {("customer-00", "c0"): BEGAN + 5, ("customer-01", "c1"): BEGAN + 30}
    foreign = AccountRecord(name="2-airline", calls={"files/upload": 999})
    return Evidence(
        name="somebody",
        about="",
        plan=PLAN,
        began=BEGAN,
        limits=LIMITS,
        accounts={AIRLINE: "1-airline", "customer-00": "1-customer-00", "customer-01": "1-customer-01"},
        ledger=Ledger(accounts={account.name: account for account in (airline, *others, foreign)}, files=files),
        born=born,
        claims=claims or set(),
        peak_bytes=3 * 2**20,
    )


def test_the_yardstick_is_what_binds() -> None:
    """Commits of a thousand files where they are slow, calls where those are scarce; 195 a second in the benchmark."""
    assert permitted(LIMITS, 100_000) == pytest.approx(1000 / 5.12)
    assert permitted(Limits(calls_per_second=0.3, commit_seconds=1), 100_000) == pytest.approx(100)
    assert permitted(Limits(calls_per_second=0.3, commit_seconds=1), 500_000) == pytest.approx(0.3 * 1000 / 6)


def test_items_per_second_are_counted_from_commit_to_commit() -> None:
    """After the warm-up; what became visible after the end, or for others, does not count."""
    files = [stored("1-airline", f"a{number}", BEGAN + 8) for number in range(10)]
    files += [stored("1-airline", f"a{number}", BEGAN + 20) for number in range(10, 110)]
    files += [stored("1-airline", f"a{number}", BEGAN + 28) for number in range(110, 210)]
    files += [stored("1-airline", "a210", BEGAN + 41), stored("2-airline", "a300", BEGAN + 30)]
    row = figures(evidence(files))
    assert row.items_per_second == pytest.approx(200 / 20)
    assert row.permitted_share == pytest.approx(10 / (1000 / 5.12))
    assert row.archived == 210
    assert row.calls_per_item == pytest.approx(50 / 210)
    assert (row.uploads[8], row.uploads[20], row.uploads[28], sum(row.uploads)) == (10, 100, 100, 210)
    assert row.held_share == pytest.approx(1.5 / 29)


def test_refusals_are_those_of_everybody() -> None:
    """By second, and as a part of all calls."""
    row = figures(evidence([], refused=13))
    assert (row.refused, row.refused_share, row.throttled[3]) == (13, 0.25, 13)
    assert (row.items_per_second, row.archived) == (0, 0)


def test_dwell_is_from_being_there_to_being_visible() -> None:
    """A recording that never became visible counts with its age."""
    row = figures(evidence([stored("1-customer-00", "c0", BEGAN + 7)]))
    assert (row.dwell_p50, row.dwell_max) == (2, 10)
    assert (row.small_items, row.small_left) == (2, 1)


def test_the_ledger_judges_what_is_claimed() -> None:
    """Lost is what was claimed and is not there; twice and corrupt are what is there and should not be."""
    files = [stored("1-airline", "a1", BEGAN + 1), stored("1-airline", "a1", BEGAN + 2), stored("1-airline", "wrong", BEGAN + 3)]
    files.append(stored("1-airline", "a2", BEGAN + 3, revisions=2))
    row = figures(evidence(files, claims={(AIRLINE, "a1"), (AIRLINE, "a7"), ("customer-00", "c0")}))
    assert (row.lost, row.duplicates, row.corrupt) == (2, 2, 1)


def test_arrivals_are_the_same_for_everybody() -> None:
    """In order, within the time, of every customer."""
    some = arrivals(Plan(seconds=60))
    assert some == arrivals(Plan(seconds=60))
    assert some == sorted(some, key=lambda arrival: arrival.due)
    assert {arrival.customer for arrival in some} == set(Plan(seconds=60).names)
    assert all(1 <= arrival.due < 54 for arrival in some)


def test_a_commit_is_spread_over_what_it_took() -> None:
    """A thousand files at once were uploaded since those before them; what is still on its way is not told."""
    assert spread([0, 10, 0, 0, 6, 2, 0]) == [5, 5, 2, 2, 2, 2]


def test_the_pictures_show_everybody() -> None:
    """Each contestant's name, and nothing from outside."""
    rows = [figures(evidence([stored("1-airline", "a1", BEGAN + 20)], refused=7))]
    for name, picture in draw(rows).items():
        assert name.endswith("-per-second.svg")
        assert ">somebody<" in picture
        assert "prefers-color-scheme: dark" in picture
        assert picture.count("http") == 1, "the name space alone"
