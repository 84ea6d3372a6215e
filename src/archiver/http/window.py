"""The bytes of a stream that were read and not sent: pieces in, chunks of the wanted size out, nothing joined."""

from __future__ import annotations

from collections import deque

__all__ = ["Window"]


class Window:
    """Pieces in the order in which they were read.

    Attributes:
        size: How many bytes it holds.
    """

    def __init__(self) -> None:
        self.size = 0
        self._pieces: deque[bytes] = deque()

    def add(self, piece: bytes) -> None:
        """Takes a piece at the end."""
        self._pieces.append(piece)
        self.size += len(piece)

    def take(self, size: int) -> list[bytes]:
        """The first ``size`` bytes, in pieces; there must be so many."""
        self.size -= size
        taken: list[bytes] = []
        while size:
            piece = self._pieces.popleft()
            if len(piece) > size:
                self._pieces.appendleft(piece[size:])
                piece = piece[:size]
            taken.append(piece)
            size -= len(piece)
        return taken
