"""A user with all that is theirs: the drive, the limits, what was asked; and the ledger of all."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from archiver.sandbox.clock import timestamp
from archiver.sandbox.content import ContentStore
from archiver.sandbox.ledger import AccountRecord, Activity, FileRecord, Ledger
from archiver.sandbox.limits import RateSpan
from archiver.sandbox.microsoft.budget import Budget, Limits
from archiver.sandbox.microsoft.drive import Drive

__all__ = ["DEFAULT_QUOTA_BYTES", "Login", "User", "ledger_of"]

DEFAULT_QUOTA_BYTES = 1024**4


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a client needs in order to be this user.

    Attributes:
        name: The user's.
        email: Their address.
        drive_id: Of their own drive.
        client_id: Of the application.
        client_secret: Of the application.
        refresh_token: Of the authorisation.
        access_token: One that holds for an hour.
    """

    name: str
    email: str
    drive_id: str
    client_id: str
    client_secret: str
    refresh_token: str
    access_token: str

    def __repr__(self) -> str:
        return f"Login({self.name!r})"


class User:
    """One account.

    Args:
        name: Unique.
        limits: What it is permitted.
        drive: Its own.
    """

    def __init__(self, name: str, limits: Limits, drive: Drive) -> None:
        self.name = name
        self.email = f"{name}@sandbox.test"
        self.limits = limits
        self.drive = drive
        self.budget = Budget()
        self.activity = Activity(AccountRecord(name=name))

    def record(self) -> AccountRecord:
        """What was asked and stored so far: a copy."""
        sizes = [item.hashes.size for item in self.drive.files() if item.hashes is not None]
        rate = None if self.limits.units is None else self.limits.units / self.limits.window
        counted = msgspec.convert(msgspec.to_builtins(self.activity.record, str_keys=False), AccountRecord)
        span = RateSpan(since=0.0, calls_per_second=rate, burst=0.0)
        return msgspec.structs.replace(counted, files=len(sizes), stored_bytes=sum(sizes), spans=[span])


def ledger_of(users: Iterable[User], drives: Iterable[Drive], contents: ContentStore) -> Ledger:
    """Everything, as it is now; the files of a library are under its name."""
    contents.flush()
    files = []
    for drive in drives:
        for item in drive.files():
            if item.hashes is None:
                continue
            path = drive.path(item)
            files.append(
                FileRecord(
                    account=drive.name,
                    path=path,
                    size=item.hashes.size,
                    sha256=item.hashes.sha256,
                    content_hash=item.hashes.quick_xor,
                    id=item.id,
                    rev=item.c_tag,
                    client_modified=timestamp(item.modified_at),
                    server_modified=timestamp(item.created_at),
                    revisions=item.contents,
                    transfers=drive.transfers.get(path, item.contents),
                    visible_at=item.created_at,
                )
            )
    return Ledger(accounts={user.name: user.record() for user in users}, files=files)
