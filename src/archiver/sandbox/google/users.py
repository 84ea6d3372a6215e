"""A user with all that is theirs: the drive, the limits, what was asked, uploads that have begun."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from archiver.sandbox.content import ContentStore
from archiver.sandbox.google.drive import Drive, DriveFile
from archiver.sandbox.google.grants import CLIENT_ID, SCOPE, Grant
from archiver.sandbox.google.quota import Limits, Meter
from archiver.sandbox.ledger import AccountRecord, Activity, FileRecord, Ledger
from archiver.sandbox.limits import RateSpan

__all__ = ["DEFAULT_QUOTA_BYTES", "Login", "User", "ledger_of"]

DEFAULT_QUOTA_BYTES = 15 * 1024**4


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a client needs in order to be this user.

    Attributes:
        name: The user's.
        email: Their address.
        client_id: Of the application.
        client_secret: Of the application.
        refresh_token: Of the authorisation.
        access_token: One that holds for an hour.
    """

    name: str
    email: str
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
        quota_bytes: Its space.
        now: Seconds since the epoch.
    """

    def __init__(self, name: str, limits: Limits, quota_bytes: int, now: float) -> None:
        self.name = name
        self.email = f"{name}@sandbox.test"
        self.limits = limits
        self.quota_bytes = quota_bytes
        self.drive = Drive(now)
        self.meter = Meter(now)
        self.transfers: dict[str, int] = {}
        self.activity = Activity(AccountRecord(name=name))

    def sees(self, grant: Grant, file: DriveFile) -> bool:
        """Whether an application may know of a file: with ``drive.file`` only of those that it made."""
        return grant.scopes != {SCOPE} or file.app == CLIENT_ID

    def visible(self) -> Iterator[DriveFile]:
        """Every file, but no folders, that is not in the bin."""
        for file in self.drive:
            if not file.is_folder and not file.trashed:
                yield file

    def record(self) -> AccountRecord:
        """What was asked and stored so far: a copy."""
        files = [file.hashes.size for file in self.visible() if file.hashes is not None]
        span = RateSpan(since=0.0, calls_per_second=self.limits.writes_per_second, burst=self.limits.write_burst)
        counted = msgspec.convert(msgspec.to_builtins(self.activity.record, str_keys=False), AccountRecord)
        return msgspec.structs.replace(counted, files=len(files), stored_bytes=sum(files), spans=[span])


def ledger_of(users: Iterator[User], contents: ContentStore) -> Ledger:
    """Everything, as it is now; the contents are found by their SHA-256."""
    contents.flush()
    accounts: dict[str, AccountRecord] = {}
    files: list[FileRecord] = []
    for user in users:
        accounts[user.name] = user.record()
        for file in user.visible():
            if file.hashes is not None:
                path = user.drive.path(file)
                files.append(
                    FileRecord(
                        account=user.name,
                        path=path,
                        size=file.hashes.size,
                        sha256=file.hashes.sha256,
                        content_hash=file.hashes.md5,
                        id=file.id,
                        rev=file.revision,
                        client_modified=file.modified_time,
                        server_modified=file.created_time,
                        revisions=file.revisions,
                        transfers=user.transfers.get(path, file.revisions),
                        visible_at=file.made_at,
                    )
                )
    return Ledger(accounts=accounts, files=files)
