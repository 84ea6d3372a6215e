"""How many calls of one account may be under way at once; pure: the time is a parameter.

Twilio limits how many calls run at the same time, does not say how many those are, and answers one too many with 429 (code 20429). So the
number is found: it grows while all of it is used and nothing is refused, and loses a quarter by a refusal; then nothing is asked for a
while, which Retry-After tells or, since it need not be there, doubles with each refusal in a row.

Looks and contents spend the same. One place is the looks' alone, so that contents, of which there may be thousands, never keep them out.
"""

from __future__ import annotations

import msgspec

from archiver.sources.port import Room

__all__ = ["MOST", "Budget", "Grant"]

MOST = 40
"""More than that are never under way: other programs of the customer use the account too."""
_FIRST = 4
_FEWEST = 2  # a look and a content
_FIRST_REST = 1.0
_LONGEST_REST = 32.0
_STEADY = 16  # windows of answers, after which one more is tried near the limit: a refusal costs a second of all
_SOON = 0.05  # seconds after which something may have ended


class Grant(msgspec.Struct, frozen=True):
    """Leave to make one call; given back when all of its answer was read.

    Attributes:
        at: When it was given.
    """

    at: float


class Budget:
    """What one account may ask.

    Attributes:
        window: So many calls may be under way.
    """

    def __init__(self) -> None:
        self.window = _FIRST
        self._flying = 0
        self._full = False  # all of the window was used since it last grew
        self._ended = 0
        self._refusals = 0  # in a row
        self._cautious = False  # a limit was met: small steps
        self._cut_at = float("-inf")
        self._held_until = float("-inf")

    def take(self, now: float, *, look: bool) -> Grant | float:
        """Leave to make a call now, or the seconds after which to ask again."""
        wait = self._wait(now)
        if wait > 0:
            return wait
        if self._left(look=look) <= 0:
            self._full = True
            return _SOON
        self._flying += 1
        self._full = self._full or self._left(look=look) <= 0
        return Grant(now)

    def room(self, now: float) -> Room:
        """How many contents may be asked for now."""
        wait = self._wait(now)
        left = 0 if wait > 0 else max(0, self._left(look=False))
        return Room(items=left) if left else Room(items=0, again_in=max(wait, _SOON))

    def ended(self) -> None:
        """A call was answered, or broke: its place is free."""
        self._flying -= 1

    def answered(self) -> None:
        """A call was let in."""
        self._refusals = 0
        self._ended += 1
        if self._full and self._ended >= (_STEADY * self.window if self._cautious else 1):
            self.window = min(MOST, self.window + 1)
            self._full, self._ended = False, 0

    def refused(self, grant: Grant, now: float, retry_after: float | None) -> float:
        """A call was one too many. Refusals of calls that were sent before the window was cut say nothing new.

        Returns:
            Seconds until the next call.
        """
        if grant.at > self._cut_at:
            self._cut_at = now
            self.window = max(_FEWEST, self.window * 3 // 4)
            self._refusals += 1
            self._full, self._ended, self._cautious = False, 0, True
        rest = min(_LONGEST_REST, _FIRST_REST * 2.0 ** min(self._refusals - 1, 9)) if retry_after is None else retry_after
        self._held_until = max(self._held_until, now + rest)
        return self._held_until - now

    def _wait(self, now: float) -> float:
        return self._held_until - now

    def _left(self, *, look: bool) -> int:
        return self.window - self._flying - (0 if look else 1)
