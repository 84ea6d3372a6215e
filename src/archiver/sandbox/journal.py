"""What lets the sandbox itself be stopped, or killed, and started again: a journal of accounts, authorisations and files.

Every commit is in the journal before it is answered (in the file system's cache: it survives the process, not the machine). What was
asked (calls, refusals, the timeline) is written every few seconds and at the end. Upload sessions are not kept: after a restart they
are ``not_found``, as after seven days.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from archiver.sandbox.grants import Grant
from archiver.sandbox.ledger import AccountRecord, FileRecord
from archiver.sandbox.limits import Limits

__all__ = ["AccountLine", "DeletedLine", "Journal"]

ACTIVITY_SECONDS = 5.0


class AccountLine(msgspec.Struct, frozen=True, kw_only=True, tag="account"):
    """An account as it was added or changed; the last line counts.

    Attributes:
        name: Unique.
        account_id: ``dbid:…``.
        member_id: ``dbmid:…`` within its team, or empty.
        team: Its team, or empty.
        limits: What it is permitted.
        quota_bytes: Its space.
        suspended: Every call is refused.
    """

    name: str
    account_id: str
    member_id: str = ""
    team: str = ""
    limits: Limits
    quota_bytes: int
    suspended: bool = False


class DeletedLine(msgspec.Struct, frozen=True, tag="deleted"):
    """What stood at a path was deleted, with all that was in it."""

    account: str
    path: str


Line = AccountLine | Grant | FileRecord | DeletedLine


class Journal:
    """The journal in a directory.

    Args:
        directory: Holds ``journal.jsonl`` and ``activity.jsonl``.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "journal.jsonl"
        self._activity = directory / "activity.jsonl"
        self._handle: int | None = None
        self._encoder = msgspec.json.Encoder()
        self._activity_at = 0.0

    def read(self) -> Iterator[Line]:
        """Everything that was written, in order; a line that a kill cut off ends it."""
        if not self._path.exists():
            return
        decoder = msgspec.json.Decoder(Line)
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                yield decoder.decode(line)

    def read_activity(self) -> list[AccountRecord]:
        """What had been asked when it was last written."""
        return msgspec.json.Decoder(AccountRecord).decode_lines(self._activity.read_bytes()) if self._activity.exists() else []

    def open(self) -> None:
        """Begins to write, after the last whole line."""
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        data_end = self._path.read_bytes().rfind(b"\n") + 1
        os.ftruncate(self._handle, data_end)

    def write(self, lines: Iterable[Line]) -> None:
        """Appends, in one go."""
        if self._handle is not None:
            os.write(self._handle, self._encoder.encode_lines(list(lines)))

    def write_activity(self, records: Iterable[AccountRecord], now: float, *, at_once: bool = False) -> None:
        """Writes what was asked, if it was not written in the last seconds."""
        if not at_once and now - self._activity_at < ACTIVITY_SECONDS:
            return
        self._activity_at = now
        part = self._activity.with_suffix(".part")
        part.write_bytes(self._encoder.encode_lines(list(records)))
        part.replace(self._activity)

    def close(self) -> None:
        """Ends the writing; harmless when called twice."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
