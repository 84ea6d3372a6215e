"""One account: what a client needs for it, and all that belongs to it inside the cloud."""

from __future__ import annotations

from typing import Any

import msgspec

from archiver.sandbox.content import ContentStore
from archiver.sandbox.journal import AccountLine
from archiver.sandbox.ledger import AccountRecord, Activity, FileRecord
from archiver.sandbox.limits import CommitLock, Limits, RateMeter
from archiver.sandbox.namespace import FileEntry, Namespace
from archiver.sandbox.sessions import Sessions
from archiver.sandbox.wire import FinishBatchArg

__all__ = ["DEFAULT_QUOTA_BYTES", "Account", "AccountState"]

DEFAULT_QUOTA_BYTES = 2 * 1024**4


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What a client needs in order to call for an account.

    Attributes:
        name: As it is known here.
        account_id: ``dbid:…``.
        access_token: Valid for four hours.
        refresh_token: Valid until it is revoked.
        app_key: The application's.
        app_secret: The application's.
        select_user: For a team's member: the value of ``Dropbox-API-Select-User``; else empty.
    """

    name: str
    account_id: str
    access_token: str
    refresh_token: str
    app_key: str
    app_secret: str
    select_user: str = ""

    def __repr__(self) -> str:
        return f"Account(name={self.name!r}, account_id={self.account_id!r})"


class AccountState:
    """One account with all that belongs to it.

    Args:
        line: What it is and what it is permitted.
        store: Takes its bytes.
        now: Seconds since the epoch.
        record: What it had asked before a restart.
    """

    def __init__(self, line: AccountLine, store: ContentStore, now: float, record: AccountRecord | None) -> None:
        self.line = line
        self.namespace = Namespace(line.quota_bytes)
        self.namespace_id = str(1_000_000_000 + int.from_bytes(line.account_id.encode()[-4:], "big"))
        self.sessions = Sessions(store)
        self.meter = RateMeter(line.limits, now)
        self.lock = CommitLock()
        self.activity = Activity(record or AccountRecord(name=line.name))
        self.jobs: dict[str, tuple[float, FinishBatchArg]] = {}
        self.cursors: dict[str, list[Any]] = {}
        self._spans_before = list(self.activity.record.spans)

    @property
    def name(self) -> str:
        """As it is known here."""
        return self.line.name

    @property
    def limits(self) -> Limits:
        """What it is permitted now."""
        return self.line.limits

    def change(self, line: AccountLine, now: float) -> None:
        """Takes over other limits, quota or state."""
        self.line = line
        self.namespace.quota_bytes = line.quota_bytes
        self.meter.change(line.limits, now)

    def record(self) -> AccountRecord:
        """What it asked and has, as of now."""
        record = self.activity.record
        record.files = len(self.namespace.files)
        record.stored_bytes = self.namespace.used_bytes
        record.spans = [*self._spans_before, *self.meter.spans]
        return record

    def file_record(self, entry: FileEntry) -> FileRecord:
        """A file as the ledger has it."""
        return FileRecord(
            account=self.name,
            path=entry.path_display,
            size=entry.content.size,
            sha256=entry.content.sha256,
            content_hash=entry.content.content_hash,
            id=entry.id,
            rev=entry.rev,
            client_modified=entry.client_modified,
            server_modified=entry.server_modified,
            revisions=entry.revisions,
            transfers=entry.transfers,
            visible_at=entry.visible_at,
        )
