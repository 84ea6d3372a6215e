"""One account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.sandbox.account import Account, AccountState
from archiver.sandbox.content import ContentStore
from archiver.sandbox.journal import AccountLine
from archiver.sandbox.ledger import AccountRecord
from archiver.sandbox.limits import Limits, RateSpan
from archiver.sandbox.wire import Commit

NOW = 1793606400.25
LINE = AccountLine(name="airline", account_id="dbid:airline", limits=Limits(calls_per_second=2, burst=3), quota_bytes=100)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ContentStore]:
    """Keeps bytes."""
    store = ContentStore(tmp_path)
    yield store
    store.close()


def test_a_representation_shows_no_secret() -> None:
    """Only the name and the id."""
    account = Account(name="a", account_id="dbid:a", access_token="canary", refresh_token="canary", app_key="k", app_secret="canary")
    assert repr(account) == "Account(name='a', account_id='dbid:a')"


def test_a_record_is_as_of_now(store: ContentStore) -> None:
    """Files, bytes and the rates that were permitted, also before a restart."""
    before = AccountRecord(name="airline", spans=[RateSpan(since=0, calls_per_second=1, burst=1)], calls={"files/upload": 7})
    account = AccountState(LINE, store, 100, before)
    account.namespace.commit(Commit(path="/a"), store.put(b"sound"), NOW)
    record = account.record()
    assert (record.files, record.stored_bytes, record.calls) == (1, 5, {"files/upload": 7})
    assert [(span.since, span.calls_per_second) for span in record.spans] == [(0, 1), (100, 2)]
    assert [(span.since, span.calls_per_second) for span in account.record().spans] == [(0, 1), (100, 2)]


def test_changes_reach_everything(store: ContentStore) -> None:
    """The quota its files, the limits its meter."""
    account = AccountState(LINE, store, 0, None)
    account.change(AccountLine(name="airline", account_id="dbid:airline", limits=Limits(calls_per_second=0.1, burst=0), quota_bytes=1), 10)
    assert account.namespace.quota_bytes == 1
    assert not account.meter.admit(11)
    assert account.limits.burst == 0


def test_a_file_is_shown_as_the_ledger_has_it(store: ContentStore) -> None:
    """With what it holds and how often it travelled."""
    account = AccountState(LINE, store, 0, None)
    entry = account.namespace.commit(Commit(path="/A.wav"), store.put(b"sound"), NOW)
    record = account.file_record(entry)
    assert (record.account, record.path, record.size, record.revisions, record.transfers) == ("airline", "/A.wav", 5, 1, 1)
    assert (record.server_modified, record.visible_at) == ("2026-11-02T08:00:00Z", NOW)
    assert record.content_hash == entry.content.content_hash
