"""The shapes of arguments and answers, as ``files.stone`` has them, and the entry that a file is meanwhile. Only the fields used."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from archiver.destinations.port import Upload
from archiver.errors import ArchiverError, TransientError
from archiver.http.replies import UNREADABLE

__all__ = [
    "AppendBatchResult",
    "Commit",
    "Cursor",
    "Entry",
    "Failure",
    "FileMetadata",
    "FinishArg",
    "FinishBatchArg",
    "FinishBatchResult",
    "FullAccount",
    "Metadata",
    "SpaceUsage",
    "StartBatchResult",
    "StartResult",
    "Success",
    "decode",
    "header_json",
    "timestamp",
]


class Cursor(msgspec.Struct, frozen=True, gc=False):
    """Where a session stands."""

    session_id: str
    offset: int


class Commit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a file becomes visible: never over another one, never under another name, and harmless when repeated."""

    path: str
    mode: str = "add"
    autorename: bool = False
    client_modified: datetime | msgspec.UnsetType = msgspec.UNSET
    mute: bool = True
    strict_conflict: bool = False


class FinishArg(msgspec.Struct, frozen=True, gc=False):
    """One file of ``finish_batch_v2``.

    Its optional ``content_hash`` is left out: files.stone calls it the hash "of the file content uploaded in this call", which is none.
    """

    cursor: Cursor
    commit: Commit


class FinishBatchArg(msgspec.Struct, frozen=True):
    """The argument of ``finish_batch_v2``."""

    entries: list[FinishArg]


class Success(msgspec.Struct, frozen=True, tag_field=".tag", tag="success", gc=False):
    """The metadata of a file that was committed; an append succeeds without any."""

    id: str = ""
    rev: str = ""
    size: int = -1
    content_hash: str = ""
    path_display: str = ""
    path_lower: str = ""


class Failure(msgspec.Struct, frozen=True, tag_field=".tag", tag="failure"):
    """Why one file of a batch failed: an open union, so left as it came."""

    failure: Any = None


class AppendBatchResult(msgspec.Struct, frozen=True):
    """The answer to ``append_batch``."""

    entries: list[Success | Failure]


class FinishBatchResult(msgspec.Struct, frozen=True):
    """The answer to ``finish_batch_v2``."""

    entries: list[Success | Failure]


class StartResult(msgspec.Struct, frozen=True):
    """The answer to ``start``."""

    session_id: str


class StartBatchResult(msgspec.Struct, frozen=True):
    """The answer to ``start_batch``."""

    session_ids: list[str]


class FileMetadata(msgspec.Struct, frozen=True, tag_field=".tag", tag="file"):
    """A file, as ``get_metadata`` tells it."""

    id: str = ""
    rev: str = ""
    size: int = -1
    content_hash: str = ""
    path_display: str = ""


class _Folder(msgspec.Struct, frozen=True, tag_field=".tag", tag="folder"):
    pass


class _Deleted(msgspec.Struct, frozen=True, tag_field=".tag", tag="deleted"):
    pass


Metadata = FileMetadata | _Folder | _Deleted
"""The answer to ``get_metadata``."""


class _Allocation(msgspec.Struct, frozen=True):
    allocated: int = 0
    used: int = 0  # by the whole team


class SpaceUsage(msgspec.Struct, frozen=True):
    """The answer to ``get_space_usage``."""

    used: int
    allocation: _Allocation


class FullAccount(msgspec.Struct, frozen=True):
    """The answer to ``get_current_account``."""

    email: str


class Entry:
    """A file between `put_many` and its receipt.

    Attributes:
        upload: What it is.
        path: Where in the Dropbox.
        size: In bytes.
        sha256: Of its bytes, hex.
        content_hash: Of its bytes.
        session_id: Of the closed session that has its bytes; empty until they are there.
        turns: How many commits collided with others.
        done: How Dropbox says that it is committed.
        error: Why it failed.
    """

    __slots__ = ("content_hash", "done", "error", "path", "session_id", "sha256", "size", "turns", "upload")

    def __init__(self, upload: Upload, path: str, size: int, sha256: str, content_hash: str) -> None:
        self.upload = upload
        self.path = path
        self.size = size
        self.sha256 = sha256
        self.content_hash = content_hash
        self.session_id = ""
        self.turns = 0
        self.done: Success | None = None
        self.error: ArchiverError | None = None

    @property
    def open(self) -> bool:
        """Neither committed nor failed."""
        return self.done is None and self.error is None


def decode(body: bytes, shape: msgspec.json.Decoder[Any]) -> Any:
    """An answer in its shape.

    Raises:
        TransientError: It has another shape.
    """
    try:
        return shape.decode(body)
    except UNREADABLE:
        raise TransientError("Dropbox answered something that is not in its API description") from None


def header_json(value: Any) -> str:
    """JSON for a header: ASCII only, DEL escaped as well (json.dumps lets it through, HTTP does not)."""
    return json.dumps(value, separators=(",", ":")).replace("\x7f", "\\u007f")


def timestamp(milliseconds: int) -> datetime | msgspec.UnsetType:
    """Whole seconds UTC, as ``client_modified`` wants them; unset if there is no such date."""
    try:
        return datetime.fromtimestamp(milliseconds // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return msgspec.UNSET
