import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from tempfile import SpooledTemporaryFile
from typing import Any

from archiver.adapter import Option
from archiver.destinations.port import Account, CallKind, Context, Features, Upload
from archiver.errors import ArchiverError, ConflictError, TransientError
from archiver.model import Receipt
from archiver.outcome import Archived, Outcome, outcome_of


class SqliteDestination:  # one SQLite file that holds everything in pieces of a mebibyte; the class is its own adapter
    name, summary, features = "sqlite", "One SQLite file that holds everything.", Features(batch_items=20)
    options = (Option(name="path", help="The file.", type="path", main=True),)

    def __init__(self, options: dict[str, Any], context: Context) -> None:
        self.path, self.pace, self.clock = options["path"], context.pace, context.clock

    @classmethod
    def open(cls, options: dict[str, Any], context: Context) -> "SqliteDestination":
        return cls(options, context)

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        for upload in uploads:
            try:
                with SpooledTemporaryFile(max_size=8 << 20) as spool:
                    spool.write(upload.data or b"")  # a small item
                    if upload.stream is not None:  # a big one
                        async for piece in upload.stream(0):
                            spool.write(piece)
                    async with self.pace.call(CallKind.COMMIT):  # every call waits for the lane's turn
                        outcome: Outcome = Archived(await asyncio.to_thread(self.store, upload.delivery.path, spool))
            except (ArchiverError, sqlite3.Error) as error:
                outcome = outcome_of(error if isinstance(error, ArchiverError) else TransientError("SQLite failed"))
            yield upload, outcome

    def store(self, path: str, spool: SpooledTemporaryFile[bytes]) -> Receipt:
        spool.seek(0)
        sha256, size = hashlib.file_digest(spool, "sha256").hexdigest(), spool.tell()
        spool.seek(0)
        with closing(sqlite3.connect(self.path, timeout=60, isolation_level="IMMEDIATE")) as db, db:  # commits, or takes all back
            db.execute("CREATE TABLE IF NOT EXISTS pieces (path TEXT, number INTEGER, sha256 TEXT, data BLOB, PRIMARY KEY (path, number))")
            new = db.execute("INSERT OR IGNORE INTO pieces VALUES (?, 0, ?, x'')", (path, sha256)).rowcount == 1
            pieces = ((path, spool.tell(), sha256, piece) for piece in iter(lambda: spool.read(1 << 20), b""))
            db.executemany("INSERT OR IGNORE INTO pieces VALUES (?, ?, ?, ?)", pieces)
            if db.execute("SELECT max(sha256), sum(length(data)) FROM pieces WHERE path = ?", (path,)).fetchone() != (sha256, size):
                raise ConflictError("other bytes stand at the item's path")  # they are never overwritten
        return Receipt(path=path, size=size, sha256=sha256, archived_at=int(self.clock.wall() * 1000), recovered=not new)

    async def ping(self) -> Account:
        return Account(name=self.path)

    async def close(self) -> None:
        pass
