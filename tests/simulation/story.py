"""The story of a seed: everything that happens, in order, as one number that two runs can be compared by, and its last lines for people."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, deque

from simulation.loop import Loop

__all__ = ["BrokenPromiseError", "Story"]

_LAST = 60  # lines that are kept, if not all are


class BrokenPromiseError(AssertionError):
    """Something happened, or did not happen, which Archiver promises.

    Attributes:
        promise: Which of the promises, such as I5.
    """

    def __init__(self, promise: str, text: str) -> None:
        super().__init__(f"{promise}: {text}")
        self.promise = promise


class Story:
    """What happens in one run.

    Args:
        whole: Keep every line, not only the last ones.

    Attributes:
        last: The last lines.
        counts: How often each kind of thing happened.
        broken: The first broken promise.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self.last: deque[str] = deque(maxlen=None if whole else _LAST)
        self.counts: Counter[str] = Counter()
        self.broken: BrokenPromiseError | None = None

    def tell(self, kind: str, text: str) -> None:
        """One thing happened."""
        line = f"{asyncio.get_running_loop().time():12.6f} {kind:<12} {text}"
        self._hash.update(line.encode())
        self.last.append(line)
        self.counts[kind] += 1

    def break_promise(self, promise: str, text: str) -> None:
        """A promise was broken: the run ends here. Only the first one counts; what follows from it tells nothing."""
        if self.broken is None:
            self.tell("BROKEN", f"{promise}: {text}")
            self.broken = BrokenPromiseError(promise, text)
            loop = asyncio.get_running_loop()
            assert isinstance(loop, Loop)
            loop.fail(self.broken)

    def hold(self, promise: str, holds: bool, text: str) -> None:
        """A promise must hold now."""
        if not holds:
            self.break_promise(promise, text)

    @property
    def digest(self) -> str:
        """One number for everything that happened so far."""
        return self._hash.hexdigest()
