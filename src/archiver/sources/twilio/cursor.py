"""How far each list is known: the cursor, as text. A list is the calls, the recordings or the messages of one account."""

from __future__ import annotations

import msgspec

from archiver.model import Millis
from archiver.sources.paging import place_of

__all__ = ["State", "Stream"]

_VERSION = 1


class Stream(msgspec.Struct, array_like=True):
    """One list. All times are milliseconds since the epoch.

    Attributes:
        known: Looks have seen everything that was made before, but for what is late; 0 before the first look.
        looked_at: When the last look or pass began.
        passed_at: When the last complete pass over all of it began; 0 if there was none.
        open_at: When the open pass began; 0 if none is open.
        next: The page with which it goes on; empty at its first.
        unready: When the oldest row was made that was not ready to be fetched; 0 if there is none.
        trouble: Why the last look was in vain; empty if it was not.
    """

    known: Millis = 0
    looked_at: Millis = 0
    passed_at: Millis = 0
    open_at: Millis = 0
    next: str = ""
    unready: Millis = 0
    trouble: str = ""


class State(msgspec.Struct, kw_only=True):
    """Every list.

    Attributes:
        version: Of this form.
        streams: By the account's SID and the kind: ``AC…/recording``.
    """

    version: int = _VERSION
    streams: dict[str, Stream] = {}

    def write(self) -> str:
        """The cursor."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, cursor: str) -> State:
        """Undoes `write`; a cursor of another form begins anew, which finds everything again and harms nobody."""
        state = place_of(cursor, cls)
        return state if state.version == _VERSION else cls()
