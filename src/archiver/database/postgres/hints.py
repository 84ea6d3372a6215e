"""NOTIFY as a hint between processes: "look again". It may be lost, or come too often; nothing relies on it.

Whoever hears it reads all that could have changed, so it is sent rarely: at once after a quiet time, and then at most twice a second,
whatever happens. It is sent by itself, after the commit of what it tells of: NOTIFY takes a lock at the commit that all who notify share.
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
from archiver.database.postgres.handle import Raw, break_off
from archiver.errors import ArchiverError

__all__ = ["TELL_SECONDS", "Listener"]

TELL_SECONDS = 0.5
"""The shortest time between two hints of one process."""

_CHANNEL = "archiver"
_REST_SECONDS = 60.0
_AGAIN_SECONDS = 1.0


class Listener:
    """A thread that tells other processes, and hears what they tell; made stopped.

    Args:
        address: Where to listen: past a pooler that gives each transaction another connection it hears nothing.
        sender: What this process's own hints say.

    Attributes:
        heard: Moves when another process told something, or may have while nobody listened.
    """

    def __init__(self, address: Address, sender: str) -> None:
        self._address = address
        self._sender = sender
        self._thread: threading.Thread | None = None
        self._bell: socket.socket | None = None  # a byte wakes the thread, the end of the stream ends it
        self._to_tell = False
        self._told_at = float("-inf")
        self._telling: tuple[Raw, float] | None = None  # and since when
        self.heard = 0

    def start(self) -> None:
        """Starts the thread; harmless when called twice."""
        if self._thread is None:
            ear, self._bell = socket.socketpair()
            self._bell.settimeout(0)
            self._thread = threading.Thread(target=self._run, args=(ear,), name="archiver-database-listener", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread after what is to be told; harmless when called twice. Waits for it at most as long as connecting takes."""
        if self._thread is not None and self._bell is not None:
            self._bell.close()
            self._thread.join(_AGAIN_SECONDS)
            self.look_after(_AGAIN_SECONDS)
            self._thread.join()
            self._thread = None

    def look_after(self, patience: float) -> None:
        """Breaks off a telling that hangs for so many seconds, since whoever tells does not hear."""
        telling = self._telling
        if telling is not None and time.monotonic() - telling[1] >= patience:
            break_off(telling[0])

    def tell(self) -> None:
        """Tells the other processes, soon, that something has changed."""
        self._to_tell = True
        if self._bell is not None:
            with contextlib.suppress(OSError):  # full of rings that were not heard yet, or ended
                self._bell.send(b"!")

    def _run(self, ear: socket.socket) -> None:
        with ear:
            first = True
            while True:
                try:
                    with self._address.connect() as raw:
                        raw.execute(f"LISTEN {_CHANNEL}")
                        self.heard += not first
                        first = False
                        if self._listen(raw, ear):
                            return
                except (psycopg.Error, ArchiverError):
                    first = False
                self._telling = None
                if _wait([ear], _AGAIN_SECONDS) and _has_ended(ear):
                    return

    def _listen(self, raw: Raw, ear: socket.socket) -> bool:
        """Listens and tells until the connection is lost, which raises, or the thread is to end, which is True."""
        while True:
            seconds = max(0.0, self._told_at + TELL_SECONDS - time.monotonic()) if self._to_tell else _REST_SECONDS
            ended = ear in _wait([raw, ear], seconds) and _has_ended(ear)
            self.heard += any(notify.payload != self._sender for notify in raw.notifies(timeout=0))
            if self._to_tell and (ended or time.monotonic() - self._told_at >= TELL_SECONDS):
                self._to_tell = False  # first: what is to be told meanwhile is told again
                self._told_at = time.monotonic()
                self._telling = (raw, self._told_at)
                raw.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, self._sender))
                self._telling = None
            if ended:
                return True


def _wait(sources: Sequence[Raw | socket.socket], seconds: float) -> list[Raw | socket.socket]:
    ready, _, _ = select.select(sources, [], [], seconds)
    return ready


def _has_ended(ear: socket.socket) -> bool:
    """Takes what has rung; whether nothing ever will again."""
    return not ear.recv(4096)
