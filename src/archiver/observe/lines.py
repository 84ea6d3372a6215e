"""Where log lines go: a stream whose reader may be slow, may stand still, or may have gone. None of that ever stops the work.

In: whole lines, from any thread. Out: the same, in order. As long as the stream takes them they are written at once, by whoever has them.
What a pipe has no room for waits here, up to a bound, and a thread of its own brings it out when there is room; what is beyond the bound
is lost, and counted in a line of its own.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import IO, TextIO

__all__ = ["Lines", "file_of", "is_writable"]

_MOST_BYTES = 4 * 1024 * 1024
_PIECE = select.PIPE_BUF  # a pipe or socket that can be written takes so much without waiting
_CLOSE_SECONDS = 2.0


class Lines:
    """The one way of lines into a stream. One that cannot be written, since a disk is full or a reader has gone, is lost.

    Args:
        stream: Where they go.
        told_lost: Makes the line that says how many were lost.
        most_bytes: As much may wait for a reader.
    """

    def __init__(self, stream: TextIO, told_lost: Callable[[int], str], *, most_bytes: int = _MOST_BYTES) -> None:
        self._stream = stream
        self._told_lost = told_lost
        self._most_bytes = most_bytes
        self._file = file_of(stream)
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()  # pieces of whole lines, or of one long line
        self._held = 0
        self._lost = 0
        self._thread: threading.Thread | None = None  # while something waits

    def msg(self, line: str) -> None:
        """One line, or several with line ends between; never waits."""
        if self._file is None:
            self._write_text(line + "\n")
            return
        data = (line + "\n").encode(errors="backslashreplace")
        with self._lock:
            if self._held + len(data) > self._most_bytes:
                self._lost += data.count(b"\n")
                return
            if self._lost:
                data = (self._told_lost(self._lost) + "\n").encode() + data
                self._lost = 0
            self._waiting.extend(data[start : start + _PIECE] for start in range(0, len(data), _PIECE))
            self._held += len(data)
            if self._thread is None and not self._write_waiting(self._file):
                self._thread = threading.Thread(target=self._bring_out, args=(self._file,), name="archiver-log", daemon=True)
                self._thread.start()

    debug = info = warning = error = critical = msg

    def close(self) -> None:
        """Gives a slow reader a moment for what waits; one that stands still must not hold up the end of the process."""
        thread = self._thread
        if thread is not None:
            thread.join(_CLOSE_SECONDS)

    def _bring_out(self, file: int) -> None:
        while True:
            is_writable(file, None)
            with self._lock:
                if self._write_waiting(file):
                    self._thread = None
                    return

    def _write_waiting(self, file: int) -> bool:
        """Writes as long as the stream takes it; whether nothing waits any more."""
        while self._waiting:
            if not is_writable(file, 0):
                return False
            piece = self._waiting[0]
            try:
                written = os.write(file, piece)
            except OSError:
                written = len(piece)  # lost
            self._held -= written
            if written < len(piece):
                self._waiting[0] = piece[written:]
            else:
                self._waiting.popleft()
        return True

    def _write_text(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            return


def file_of(stream: IO[str]) -> int | None:
    """The number of a stream's file; None if it has none, or is closed."""
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


def is_writable(file: int, seconds: float | None) -> bool:
    """Whether a file takes something within so many seconds, None for however long; of one that is broken writing says so."""
    poll = select.poll()
    poll.register(file, select.POLLOUT)
    return bool(poll.poll(None if seconds is None else seconds * 1000))
