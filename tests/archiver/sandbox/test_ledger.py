"""What the ledger counts, and how it travels."""

from __future__ import annotations

import pytest

from archiver.sandbox.ledger import AccountRecord, Activity, FileRecord, Ledger, Second, decode_ledger, encode_ledger
from archiver.sandbox.limits import RateSpan


def file_record(account: str, path: str) -> FileRecord:
    """A visible object."""
    return FileRecord(
        account=account,
        path=path,
        size=1,
        sha256="s",
        content_hash="c",
        id="id:1",
        rev="1",
        client_modified="2026-11-02T08:00:00Z",
        server_modified="2026-11-02T08:00:00Z",
        revisions=1,
        transfers=1,
    )


def test_a_ledger_survives_its_journey() -> None:
    """As lines of JSON, in pieces."""
    account = AccountRecord(name="airline", calls={"files/upload": 3}, timeline={7: Second(calls=3)}, first_call=7.5)
    files = [file_record("airline", f"/{number}") for number in range(5)] + [file_record("bakery", "/x")]
    pieces = list(encode_ledger([account, *files], lines=2))
    assert len(pieces) == 4
    ledger = decode_ledger(b"".join(pieces))
    assert ledger == Ledger(accounts={"airline": account}, files=files)
    assert len(ledger.files_of("airline")) == 5


def test_a_ledger_that_was_cut_off_is_noticed() -> None:
    """Without its last line it is no ledger."""
    text = b"".join(encode_ledger([AccountRecord(name="airline")]))
    for cut in (text[: text.rindex(b'{"type":"end"')], b""):
        with pytest.raises(ValueError, match="cut off"):
            decode_ledger(cut)


def test_permitted_calls_are_the_integral_of_the_rate() -> None:
    """Over changes of the limit, with the burst at the start."""
    spans = [RateSpan(since=0, calls_per_second=2, burst=5), RateSpan(since=100, calls_per_second=1, burst=3)]
    record = AccountRecord(name="a", spans=spans, first_call=90, last_call=120)
    assert record.permitted() == 10 * 2 + 20 * 1 + 5
    assert record.permitted(100, 110) == 10 + 3
    assert record.permitted(0, 10) == 25
    assert AccountRecord(name="a").permitted() == 0


def test_utilisation_is_what_was_used_of_it() -> None:
    """By whole seconds; without a limit there is nothing to use."""
    timeline = {second: Second(calls=2, admitted=1) for second in range(100, 120)}
    spans = [RateSpan(since=0, calls_per_second=2, burst=0)]
    record = AccountRecord(name="a", spans=spans, first_call=100, last_call=120, timeline=timeline)
    assert record.utilisation() == 20 / 40
    assert record.utilisation(100, 110) == 11 / 20
    assert AccountRecord(name="a").utilisation() == 0
    assert AccountRecord(name="a", spans=[RateSpan(since=0, calls_per_second=None, burst=0)], first_call=1, last_call=2).utilisation() == 0


def test_calls_within_a_retry_after_are_disobedient() -> None:
    """Not those that were on their way, and not those that waited."""
    activity = Activity(AccountRecord(name="a"))
    activity.called("files/upload", 10.0, commits=True)
    activity.refused("too_many_requests", 10.0, 10.0, 15)
    for moment in (10.05, 12.0, 24.9, 25.0, 30.0):
        activity.called("files/upload_session/start", moment, commits=False)
    assert activity.record.disobeyed == {"too_many_requests": 2}
    assert activity.record.refused == {"too_many_requests": 1}


def test_a_refused_commit_asks_for_no_commits_only() -> None:
    """Other calls may be sent while the namespace is busy."""
    activity = Activity(AccountRecord(name="a"))
    activity.refused("too_many_write_operations", 10.0, 10.0, 1)
    activity.called("files/upload_session/append_v2", 10.5, commits=False)
    activity.called("files/upload_session/finish", 10.5, commits=True)
    assert activity.record.disobeyed == {"too_many_write_operations": 1}


def test_a_refusal_without_retry_after_forbids_nothing() -> None:
    """There is nothing to disobey."""
    activity = Activity(AccountRecord(name="a"))
    activity.refused("too_many_requests", 10.0, 10.0, None)
    activity.called("files/upload", 10.5, commits=True)
    assert activity.record.disobeyed == {}


def test_the_timeline_counts_by_the_second() -> None:
    """Calls, admitted and refused ones, bytes and commits."""
    activity = Activity(AccountRecord(name="a"))
    activity.called("files/upload", 10.9, commits=True)
    activity.admitted(10.9)
    activity.received(11.1, 500)
    activity.committed(11.1, 3)
    assert activity.record.timeline == {10: Second(calls=1, admitted=1), 11: Second(uploads=3, received=500)}
    assert (activity.record.first_call, activity.record.last_call) == (10.9, 10.9)


def test_a_commit_holds_the_seconds_that_it_touches() -> None:
    """Each by the part of it that it takes."""
    activity = Activity(AccountRecord(name="airline"))
    activity.held(100.5, 102.25)
    activity.held(102.25, 102.5)
    assert {at: second.held for at, second in activity.record.timeline.items()} == {100: 0.5, 101: 1.0, 102: 0.5}


def test_callers_are_told_apart_by_their_tokens() -> None:
    """Two that call at the same time show; the tokens themselves are not kept."""
    activity = Activity(AccountRecord(name="airline"))
    for token, at in (("first", 1.0), ("first", 1.5), ("second", 1.6), ("first", 1.7), ("first", 3.0)):
        activity.called("files/upload", at, commits=True, token=token)
    rows = [(caller.token, caller.first_call, caller.last_call, caller.calls) for caller in activity.record.callers]
    assert rows == [(0, 1.0, 1.5, 2), (1, 1.6, 1.6, 1), (0, 1.7, 1.7, 1), (0, 3.0, 3.0, 1)]
    assert b"second" not in b"".join(encode_ledger([activity.record]))
