"""The bytes of small files: many files in one body of `append_batch`, within what a header and a body may hold."""

from __future__ import annotations

from functools import partial

import msgspec

from archiver.destinations.dropbox.api import Api, Request
from archiver.destinations.dropbox.content_hash import body_hash
from archiver.destinations.dropbox.errors import NotThereError, TooLargeError, union_error
from archiver.destinations.dropbox.sessions import SessionPool
from archiver.destinations.dropbox.wire import AppendBatchResult, Entry, StartResult, Success, decode, header_json
from archiver.destinations.port import CallKind
from archiver.errors import ArchiverError, DestinationError, Scope, TransientError, UnavailableError
from archiver.http.body import Body

__all__ = ["Appends"]

_ROUTE = "files/upload_session/append_batch"
_ARG_BYTES = 42_000
"""Of the header; about 300 files. The true limit is not documented: the edge is an envoy, whose default for all headers is 60 KiB."""
_ARG_LEAST = 1_100  # about 8 files: below this, one call per file does as well and has no such header
_BODY_BYTES = 8 * 1024 * 1024
_BODY_LEAST = 1024 * 1024
_ENTRY_BYTES = 137  # of the header per file: a session id of 71 characters, and the rest

_BATCH = msgspec.json.Decoder(AppendBatchResult)
_START = msgspec.json.Decoder(StartResult)


class Appends:
    """Moves the bytes of whole files into closed sessions.

    The caps begin at what is known to work, and are halved for good when Dropbox finds a call too large, down to one call per file.

    Args:
        api: Makes the calls.
        sessions: Gives empty sessions.

    Attributes:
        arg_bytes: How long the header may be; 0 if files go one by one.
        body_bytes: How long the body may be; a single file may be longer.
    """

    def __init__(self, api: Api, sessions: SessionPool) -> None:
        self._api = api
        self._sessions = sessions
        self.arg_bytes = _ARG_BYTES
        self.body_bytes = _BODY_BYTES

    async def send(self, entries: list[Entry]) -> None:
        """Gives each entry the closed session that has its bytes, or the error that it met."""
        begin = 0
        while begin < len(entries):
            some = entries[begin : begin + self._fit(entries, begin)]
            try:
                await (self._append(some) if self.arg_bytes else self._start_each(some))
            except TooLargeError as error:
                if self._shrink(error, alone=len(some) == 1):
                    continue
                _fail(some, error)
            except ArchiverError as error:
                # What concerns the whole lane or the provider concerns the rest too; nothing more is sent.
                rest = entries[begin:] if error.scope is not Scope.ITEM else some
                _fail(rest, error)
                if rest is not some:
                    return
            begin += len(some)

    def _fit(self, entries: list[Entry], begin: int) -> int:
        """How many of the entries from ``begin`` on go into one call."""
        most = min(len(entries) - begin, max(1, self.arg_bytes // _ENTRY_BYTES))
        size = 0
        for count in range(most):
            size += entries[begin + count].size
            if size > self.body_bytes and count:
                return count
        return most

    def _shrink(self, error: TooLargeError, *, alone: bool) -> bool:
        """Halves the cap that was too high.

        Returns:
            Whether another try makes sense.
        """
        if not self.arg_bytes or (alone and not error.header):
            return False
        if error.header:
            self.arg_bytes = self.arg_bytes // 2 if self.arg_bytes // 2 >= _ARG_LEAST else 0
        else:
            self.body_bytes = max(self.body_bytes // 2, _BODY_LEAST)
        return True

    async def _append(self, entries: list[Entry]) -> None:
        sessions = await self._sessions.take(len(entries))
        arg = ",".join(
            f'{{"cursor":{{"session_id":"{session.id}","offset":0}},"length":{entry.size},"close":true}}'
            for session, entry in zip(sessions, entries, strict=True)
        )
        pieces = [entry.upload.data or b"" for entry in entries]
        request = Request(
            route=_ROUTE,
            kind=CallKind.TRANSFER,
            items=len(entries),
            body=partial(Body, pieces),
            arg=f'{{"entries":[{arg}],"content_hash":"{body_hash(pieces)}"}}',
        )
        try:
            result: AppendBatchResult = await self._api.call(request, lambda answer: decode(answer, _BATCH))
        except (DestinationError, TooLargeError, UnavailableError):
            self._sessions.give_back(sessions)  # refused as a whole: they are still empty
            raise
        if len(result.entries) != len(entries):
            raise TransientError("Dropbox answered for another number of files than were sent")
        for entry, session, end in zip(entries, sessions, result.entries, strict=True):
            if isinstance(end, Success):
                entry.session_id = session.id
            else:
                entry.error = union_error(end.failure, _ROUTE)
                if isinstance(entry.error, NotThereError):
                    self._sessions.forget()

    async def _start_each(self, entries: list[Entry]) -> None:
        """The way that always fits: a session per file, begun and closed by one call that has its bytes."""
        for entry in entries:
            request = Request(
                route="files/upload_session/start",
                kind=CallKind.TRANSFER,
                body=partial(Body, [entry.upload.data or b""]),
                arg=header_json({"close": True, "content_hash": entry.content_hash}),
            )
            result: StartResult = await self._api.call(request, lambda answer: decode(answer, _START))
            entry.session_id = result.session_id


def _fail(entries: list[Entry], error: ArchiverError) -> None:
    """What has its bytes there already is not touched."""
    for entry in entries:
        if not entry.session_id and entry.error is None:
            entry.error = error
