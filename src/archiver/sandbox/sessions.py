"""Upload sessions: offsets, closing, expiry, and the stricter rules of concurrent ones (files.stone, ``UploadSession…``)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from archiver.sandbox.content import ContentStore, Spool
from archiver.sandbox.hashing import BLOCK_BYTES, Content
from archiver.sandbox.refusals import Union, union

__all__ = ["SESSION_SECONDS", "SessionError", "Sessions", "UploadSession"]

SESSION_SECONDS = 7 * 24 * 3600
"""Sessions are forgotten after seven days."""
MAX_FILE_BYTES = 2**41 - 2**22


class SessionError(Exception):
    """An ``UploadSessionLookupError`` or one of its sisters.

    Attributes:
        error: The innermost union, such as ``{".tag": "incorrect_offset", "correct_offset": 5}``.
    """

    def __init__(self, error: Union) -> None:
        super().__init__(error[".tag"])
        self.error = error


class UploadSession:
    """One session.

    Args:
        session_id: Its name.
        concurrent: Pieces may come in any order.
        started_at: For its end after seven days.
        store: Takes the bytes.
    """

    __slots__ = ("_content", "_extents", "_spool", "_store", "closed", "concurrent", "received", "session_id", "size", "started_at")

    def __init__(self, session_id: str, *, concurrent: bool, started_at: float, store: ContentStore) -> None:
        self.session_id = session_id
        self.concurrent = concurrent
        self.started_at = started_at
        self.size = 0
        self.received = 0
        self.closed = False
        self._store = store
        self._spool: Spool | None = None
        self._content: Content | None = None
        self._extents: dict[int, int] = {}

    def append(self, offset: int, data: bytes | memoryview, *, close: bool) -> None:
        """Takes a piece.

        Raises:
            SessionError: Closed, at a wrong offset, too large, or against the rules of concurrent sessions; nothing was taken.
        """
        if self.closed:
            raise SessionError(union("closed"))
        self._check_offset(offset, len(data), close=close)
        if offset + len(data) > MAX_FILE_BYTES:
            raise SessionError(union("too_large"))
        self.received += len(data)
        if close and not self.size and not self.concurrent:
            self._content = self._store.put(data)  # the whole file in one piece: no spool
        elif len(data):
            if self._spool is None:
                self._spool = self._store.spool(in_order=not self.concurrent)
            self._spool.write(offset, data)
        if self.concurrent:
            self._extents[offset] = len(data)
        self.size = max(self.size, offset + len(data))
        self.closed = close

    def finish(self, offset: int, *, batch: bool) -> Content:
        """What the session holds, for a commit at ``offset``. May be asked again: a commit that failed can be repeated.

        Raises:
            SessionError: The offset is wrong, pieces are missing, or it is not closed although it must be.
        """
        if offset != self.size:
            raise SessionError(self._incorrect_offset())
        if not self.closed and (batch or self.concurrent):
            raise SessionError(union("concurrent_session_not_closed" if self.concurrent and not batch else "not_closed"))
        if self.concurrent and not self._complete():
            raise SessionError(union("concurrent_session_missing_data"))
        self.closed = True
        if self._content is None:
            self._content = self._store.put(b"") if self._spool is None else self._store.adopt(self._spool)
            self._spool = None
        return self._content

    def _check_offset(self, offset: int, length: int, *, close: bool) -> None:
        if not self.concurrent:
            if offset != self.size:
                raise SessionError(self._incorrect_offset())
            return
        if offset % BLOCK_BYTES:
            raise SessionError(union("concurrent_session_invalid_offset"))
        if length % BLOCK_BYTES and not close:
            raise SessionError(union("concurrent_session_invalid_data_size"))

    def _incorrect_offset(self) -> Union:
        return union("incorrect_offset", correct_offset=self.size)

    def _complete(self) -> bool:
        end = 0
        for offset in sorted(self._extents):
            if offset != end:
                return False
            end = offset + self._extents[offset]
        return end == self.size


class Sessions:
    """All sessions of one account.

    Args:
        store: Takes the bytes.
    """

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._sessions: dict[str, UploadSession] = {}
        self._prefix = secrets.token_hex(20)
        self._count = 0

    def start(self, now: float, *, concurrent: bool) -> UploadSession:
        """Begins one. Its id has 71 characters, as the real service's."""
        self._count += 1
        session_id = f"pid_upload_session:{self._prefix}{self._count:012x}"
        session = UploadSession(session_id, concurrent=concurrent, started_at=now, store=self._store)
        self._sessions[session_id] = session
        return session

    def find(self, session_id: str, now: float) -> UploadSession:
        """The session with this id.

        Raises:
            SessionError: There is none, or not any more.
        """
        session = self._sessions.get(session_id)
        if session is None:
            raise SessionError(union("not_found"))
        if now - session.started_at > SESSION_SECONDS:
            del self._sessions[session_id]
            raise SessionError(union("not_found"))
        return session

    def forget(self, session_ids: Iterable[str]) -> None:
        """Committed sessions are used up."""
        for session_id in session_ids:
            self._sessions.pop(session_id, None)

    def __len__(self) -> int:
        return len(self._sessions)
