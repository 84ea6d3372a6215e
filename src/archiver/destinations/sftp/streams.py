"""One big item: read once, written in chunks, resumable at each; what is held of it does not depend on its size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from archiver.destinations.objects.sums import StreamSums
from archiver.destinations.port import CallKind, Context, Upload
from archiver.destinations.sftp.connections import Connections, Link
from archiver.destinations.sftp.files import KEPT_SECONDS, Files, Part, look
from archiver.errors import SourceChangedError, TransientError
from archiver.failpoints import failpoint
from archiver.http.window import Window
from archiver.model import Session

__all__ = ["CHUNK_BYTES", "Streamed"]

CHUNK_BYTES = 8 * 1024 * 1024
"""After so many bytes it is noted where the upload stands."""


class Streamed:
    """Moves one stream into a part.

    Args:
        context: Pace and clock.
        connections: To the server.
        files: On it.
        upload: The stream, and the session to go on with.

    Attributes:
        session: Where it stands; None if nothing can be continued.
        sums: Of everything that was read.
    """

    def __init__(self, context: Context, connections: Connections, files: Files, upload: Upload) -> None:
        self._context = context
        self._connections = connections
        self._files = files
        self._upload = upload
        session = upload.delivery.session
        young = session is not None and context.clock.wall() - session.started_at / 1000 < KEPT_SECONDS
        self.session = session if young else None
        self.sums = StreamSums(CHUNK_BYTES, frozenset())

    async def write(self, link: Link, target: str) -> Part | None:
        """Writes what the server does not have yet.

        Returns:
            The part; None if something has the name already and nothing was written: `sums` tells whether it is the same.

        Raises:
            ArchiverError: Of the source, or of the server; `session` tells where to go on.
        """
        async with self._call(link):
            part = await self._resumed(link)
            if part is None:
                self.session = None
                if await look(link, target) is None:
                    part = await self._files.begin(link, self._context.clock.wall())
                    failpoint("session.started")
        if part is None:
            async for piece in self._stream():
                self.sums.update(piece)
            self._check_declared()
            return None
        try:
            await self._fill(link, part)
        except BaseException as error:
            if isinstance(error, SourceChangedError):
                self.session = None
            if self.session is None:
                await self._files.discard(link, part)
            await part.close()
            raise
        return part

    # -- the way --------------------------------------------------------------------------------------------------------------------

    async def _resumed(self, link: Link) -> Part | None:
        if self.session is None:
            return None
        return await self._files.resume(link, self.session.id, self.session.offset)

    async def _fill(self, link: Link, part: Part) -> None:
        window, saved = Window(), self.session
        # What the server has already is read again as well, since the hash is of the whole.
        async for piece in self._stream():
            self.sums.update(piece)
            if saved is not None and self.sums.size >= saved.offset:
                self._compare(saved)
                saved = None
            if self.sums.size > part.size:
                window.add(piece[max(part.size - self.sums.size, -len(piece)) :])
            while window.size >= CHUNK_BYTES:
                async with self._call(link):
                    await self._files.write(link, part, window.take(CHUNK_BYTES))
                    await part.sync()
                failpoint("chunk.accepted")
                self._save(part)
        if self.sums.size < part.size or saved is not None:
            raise SourceChangedError(f"the source gave {self.sums.size} bytes where more were sent before")
        self._check_declared()
        async with self._call(link):
            await self._files.write(link, part, window.take(window.size))

    def _save(self, part: Part) -> None:
        started_at = int(self._context.clock.wall() * 1000) if self.session is None else self.session.started_at
        name = part.path.rpartition("/")[2]
        self.session = Session(id=name, offset=part.size, started_at=started_at, beginning=self.sums.beginning(part.size))
        if self._upload.save_session is not None:
            self._upload.save_session(self.session)

    def _compare(self, saved: Session) -> None:
        """The server has the bytes that the source gave earlier; if it gives others now, it begins anew."""
        if saved.beginning != self.sums.beginning(saved.offset):
            raise SourceChangedError("the source gives other bytes than those that were sent before")

    def _check_declared(self) -> None:
        declared = self._upload.delivery.item.sha256
        if declared is not None and declared != self.sums.sha256:
            raise SourceChangedError("the source gave bytes of another hash than it declared")

    def _stream(self) -> AsyncIterator[bytes]:
        if self._upload.stream is None:
            raise TransientError("an upload had neither bytes nor a stream")
        return self._upload.stream(0)

    @asynccontextmanager
    async def _call(self, link: Link) -> AsyncIterator[None]:
        async with self._context.pace.call(CallKind.TRANSFER), self._connections.call(link, "write a file"):
            yield
