"""NOTIFY as a hint between processes: "look again". It may be lost, or come too often; nothing relies on it.

The notification is sent after the commit, by itself: NOTIFY takes a lock at the commit that all who notify share.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Sequence

import psycopg

from archiver.database.postgres.address import Address
from archiver.database.postgres.handle import Handle, Raw
from archiver.errors import ArchiverError

__all__ = ["HANG_SECONDS", "Listener", "tell"]

HANG_SECONDS = 60.0
"""A statement of ours that takes longer has no connection any more, whatever the operating system believes."""

_CHANNEL = "archiver"
_LOOK_SECONDS = 5.0
_AGAIN_SECONDS = 1.0


def tell(raw: Raw, sender: str) -> None:
    """Tells the other processes that something has changed."""
    # What it tells of is committed: losing the hint must not look as if that had failed.
    with contextlib.suppress(psycopg.OperationalError):
        raw.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, sender))


class Listener:
    """A thread that hears what other processes tell, and breaks off calls that hang; made stopped.

    Args:
        address: Where to listen: past a pooler that gives each transaction another connection it hears nothing.
        sender: What this process's own hints say.
        watched: Connections whose calls must not hang.

    Attributes:
        heard: Moves when another process told something, or may have while nobody listened.
    """

    def __init__(self, address: Address, sender: str, watched: Sequence[Handle]) -> None:
        self._address = address
        self._sender = sender
        self._watched = watched
        self._stopped: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.heard = 0

    def start(self) -> None:
        """Starts the thread; harmless when called twice."""
        if self._thread is None:
            mine, self._stopped = socket.socketpair()
            self._thread = threading.Thread(target=self._run, args=(mine,), name="archiver-database-listener", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread; harmless when called twice. Waits for it at most as long as connecting takes."""
        if self._thread is not None and self._stopped is not None:
            self._stopped.close()
            self._thread.join()
            self._thread = None

    def _run(self, stop: socket.socket) -> None:
        with stop:
            first = True
            while True:
                try:
                    with self._address.connect() as raw:
                        raw.execute(f"LISTEN {_CHANNEL}")
                        self.heard += not first
                        first = False
                        if self._listen(raw, stop):
                            return
                except (psycopg.Error, ArchiverError):
                    first = False
                if _wait([stop], _AGAIN_SECONDS):
                    return
                self._look_after()

    def _listen(self, raw: Raw, stop: socket.socket) -> bool:
        """Listens until the connection is lost; True if the thread is to end."""
        while stop not in _wait([raw, stop], _LOOK_SECONDS):
            self.heard += any(notify.payload != self._sender for notify in raw.notifies(timeout=0))
            self._look_after()
        return True

    def _look_after(self) -> None:
        now = time.monotonic()
        for handle in self._watched:
            began = handle.busy_since
            if began is not None and now - began > HANG_SECONDS:
                handle.break_off()


def _wait(sources: Sequence[Raw | socket.socket], seconds: float) -> list[Raw | socket.socket]:
    ready, _, _ = select.select(sources, [], [], seconds)
    return ready
