"""The cloud without HTTP: accounts, their files, their authorisations, the faults to come, and the ledger over all of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec

from archiver.sandbox.account import DEFAULT_QUOTA_BYTES, Account, AccountState
from archiver.sandbox.clock import SandboxClock
from archiver.sandbox.content import ContentStore
from archiver.sandbox.faults import FaultScript
from archiver.sandbox.grants import ACCESS_TOKEN_SECONDS, App, Grant, Grants
from archiver.sandbox.hashing import Content
from archiver.sandbox.journal import AccountLine, DeletedLine, Journal
from archiver.sandbox.ledger import AccountRecord, FileRecord, Ledger
from archiver.sandbox.limits import Limits
from archiver.sandbox.namespace import FileEntry
from archiver.sandbox.refusals import auth_error, bad_input, invalid_root

__all__ = ["World"]


class World:
    """Everything.

    Args:
        directory: Where contents are kept, and the journal if there is one.
        keep_content: False keeps hashes only.
        journal: Goes on where an earlier world in this directory ended, and writes so that a later one can.
        access_token_seconds: How long an access token lives.
    """

    def __init__(
        self,
        directory: Path,
        *,
        keep_content: bool = True,
        journal: bool = False,
        access_token_seconds: float = ACCESS_TOKEN_SECONDS,
    ) -> None:
        self.clock = SandboxClock()
        self.store = ContentStore(directory / "content", keep=keep_content)
        self.faults = FaultScript()
        self.grants = Grants(App("sandbox-app-key", "sandbox-app-secret"), access_token_seconds=access_token_seconds)
        self.accounts: dict[str, AccountState] = {}
        self.journal = Journal(directory) if journal else None
        if self.journal is not None:
            self._restore(self.journal)
            self.journal.open()

    def add_account(self, name: str, limits: Limits | None = None, *, quota_bytes: int = DEFAULT_QUOTA_BYTES, team: str = "") -> Account:
        """Adds an account with an authorisation.

        Args:
            name: Unique.
            limits: What it is permitted; no limits by default.
            quota_bytes: Its space.
            team: Makes it a member of this team: the team's tokens call for it, with ``select_user``.

        Raises:
            ValueError: There is one of this name.
        """
        if not name or name in self.accounts:
            raise ValueError(f"an account needs a name of its own, not {name!r}")
        line = AccountLine(
            name=name,
            account_id=f"dbid:{secrets.token_urlsafe(26)}",
            member_id=f"dbmid:{secrets.token_urlsafe(26)}" if team else "",
            team=team,
            limits=limits or Limits(),
            quota_bytes=quota_bytes,
        )
        self.accounts[name] = AccountState(line, self.store, self.clock.now(), None)
        grants = self.grants.of(team=team) if team else []
        grant = grants[0] if grants else self.grants.authorise(account="" if team else name, team=team)
        token = self.grants.issue(grant, self.clock.now())
        self._write([line, grant])
        return Account(
            name=name,
            account_id=line.account_id,
            access_token=token,
            refresh_token=grant.refresh_token,
            app_key=self.grants.app.key,
            app_secret=self.grants.app.secret,
            select_user=line.member_id,
        )

    def change_account(
        self,
        name: str,
        *,
        limits: dict[str, Any] | None = None,
        quota_bytes: int | None = None,
        suspended: bool | None = None,
    ) -> AccountLine:
        """Changes what an account is permitted, at once; only what is given.

        Raises:
            KeyError: No such account.
            msgspec.ValidationError: No such limit.
        """
        account = self.accounts[name]
        line = msgspec.structs.replace(
            account.line,
            limits=account.limits.changed(limits or {}),
            quota_bytes=account.line.quota_bytes if quota_bytes is None else quota_bytes,
            suspended=account.line.suspended if suspended is None else suspended,
        )
        account.change(line, self.clock.now())
        self._write([line])
        return line

    def revoke(self, name: str) -> None:
        """The customer has removed the application: every token of the account is dead."""
        for grant in self.grants_of(name):
            self.revoke_grant(grant)

    def revoke_grant(self, grant: Grant) -> None:
        """One authorisation ends for good."""
        grant.revoked = True
        self._write([grant])

    def expire_tokens(self, name: str) -> None:
        """Every access token of the account ends now; refresh tokens live."""
        for grant in self.grants_of(name):
            self.grants.expire(grant)
            self._write([grant])

    def grants_of(self, name: str) -> list[Grant]:
        """The authorisations that may call for an account.

        Raises:
            KeyError: No such account.
        """
        line = self.accounts[name].line
        return self.grants.of(team=line.team) if line.team else self.grants.of(account=name)

    def issue(self, grant: Grant) -> str:
        """A new access token."""
        token = self.grants.issue(grant, self.clock.now())
        self._write([grant])
        return token

    def account_for(self, grant: Grant, route: str, select_user: str, path_root: str) -> AccountState:
        """Whom a call is for.

        Raises:
            Refusal: Nobody, or somebody suspended, or under a root that is not his.
        """
        account = self._selected(grant, route, select_user)
        if account.line.suspended:
            raise auth_error("user_suspended")
        if path_root:
            _check_root(path_root, route, account.namespace_id)
        return account

    def committed(self, account: AccountState, entries: Iterable[FileEntry]) -> None:
        """Writes commits to the journal; called before they are answered."""
        self.store.flush()
        if self.journal is not None:
            self.journal.write([account.file_record(entry) for entry in entries])

    def deleted(self, account: AccountState, path: str) -> None:
        """Writes a deletion to the journal; called before it is answered."""
        if self.journal is not None:
            self.journal.write([DeletedLine(account.name, path)])

    def note_activity(self) -> None:
        """Writes what was asked, now and then."""
        if self.journal is not None:
            self.journal.write_activity((account.record() for account in self.accounts.values()), self.clock.now())

    def ledger_parts(self) -> Iterator[AccountRecord | FileRecord]:
        """The ledger in parts: an account, then its files."""
        for account in list(self.accounts.values()):
            yield account.record()
            for entry in list(account.namespace.files.values()):
                yield account.file_record(entry)

    def ledger(self) -> Ledger:
        """The ledger as it is now: a copy."""
        parts = list(self.ledger_parts())
        return Ledger(
            accounts={part.name: deepcopy(part) for part in parts if isinstance(part, AccountRecord)},
            files=[part for part in parts if isinstance(part, FileRecord)],
        )

    def close(self) -> None:
        """Writes the rest; harmless when called twice."""
        if self.journal is not None:
            self.journal.write_activity((account.record() for account in self.accounts.values()), self.clock.now(), at_once=True)
            self.journal.close()
        self.store.close()

    def _selected(self, grant: Grant, route: str, select_user: str) -> AccountState:
        if grant.account:
            if select_user:
                raise auth_error("invalid_select_user")
            return self.accounts[grant.account]
        if not select_user:
            raise bad_input(route, "This API function operates on a single Dropbox account, but the access token is for an entire team.")
        for account in self.accounts.values():
            if account.line.member_id == select_user and account.line.team == grant.team:
                return account
        raise auth_error("invalid_select_user")

    def _write(self, lines: list[AccountLine | Grant]) -> None:
        if self.journal is not None:
            self.journal.write(lines)

    def _restore(self, journal: Journal) -> None:
        records = {record.name: record for record in journal.read_activity()}
        now = self.clock.now()
        for line in journal.read():
            match line:
                case AccountLine() if line.name in self.accounts:
                    self.accounts[line.name].change(line, now)
                case AccountLine():
                    self.accounts[line.name] = AccountState(line, self.store, now, records.get(line.name))
                case Grant():
                    self.grants.add(line)
                case DeletedLine(account=name, path=path):
                    self.accounts[name].namespace.delete(path, None)
                case FileRecord():
                    content = Content(line.size, line.sha256, line.content_hash)
                    times = (line.client_modified, line.server_modified)
                    counts = (line.revisions, line.transfers)
                    entry = FileEntry(line.path.lower(), line.path, line.id, line.rev, content, *times, *counts, line.visible_at)
                    self.accounts[line.account].namespace.restore(entry)


def _check_root(path_root: str, route: str, namespace_id: str) -> None:
    try:
        root = msgspec.json.decode(path_root, type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise bad_input(route, f'HTTP header "Dropbox-API-Path-Root": {error}') from error
    tag = root.get(".tag", "")
    if tag != "home" and root.get(tag) != namespace_id:
        raise invalid_root(namespace_id)
