"""A user with all that is theirs: the tree, the limits, what was asked; and the ledger of all."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from archiver.sandbox.box.limits import Budget, Limits
from archiver.sandbox.box.tree import Tree
from archiver.sandbox.clock import timestamp
from archiver.sandbox.content import ContentStore
from archiver.sandbox.ledger import AccountRecord, Activity, FileRecord, Ledger

__all__ = ["DEFAULT_QUOTA_BYTES", "Login", "User", "ledger_of"]

DEFAULT_QUOTA_BYTES = 1024**4


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a client needs in order to be this user.

    Attributes:
        name: The user's.
        email: Their address.
        client_id: Of the application.
        client_secret: Of the application.
        refresh_token: Of the authorisation; works once.
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
    """

    def __init__(self, name: str, limits: Limits, quota_bytes: int) -> None:
        self.name = name
        self.email = f"{name}@sandbox.test"
        self.limits = limits
        self.tree = Tree(quota_bytes)
        self.budget = Budget()
        self.activity = Activity(AccountRecord(name=name))

    def record(self) -> AccountRecord:
        """What was asked and stored so far: a copy."""
        counted = msgspec.convert(msgspec.to_builtins(self.activity.record, str_keys=False), AccountRecord)
        return msgspec.structs.replace(counted, files=len(list(self.tree.files())), stored_bytes=self.tree.used_bytes)


def ledger_of(users: Iterable[User], contents: ContentStore) -> Ledger:
    """Everything, as it is now."""
    contents.flush()
    users = list(users)
    files = [
        FileRecord(
            account=user.name,
            path=user.tree.path(item),
            size=item.content.size,
            sha256=item.content.sha256,
            content_hash=item.content.sha1,
            id=item.id,
            rev=item.version,
            client_modified=item.modified_at,
            server_modified=timestamp(item.created_at),
            revisions=item.contents,
            transfers=item.contents,
            visible_at=item.created_at,
        )
        for user in users
        for item in user.tree.files()
        if item.content is not None
    ]
    return Ledger(accounts={user.name: user.record() for user in users}, files=files)
