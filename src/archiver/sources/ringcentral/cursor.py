"""How far each stream of records has come: the cursor, as text. It says which streams are not complete, and why.

A stream is the call log, or the message store of one extension. All times are milliseconds since the epoch.
"""

from __future__ import annotations

import msgspec

from archiver.model import Millis
from archiver.sources.paging import place_of

__all__ = ["Export", "State", "Stream"]

_VERSION = 1


class Stream(msgspec.Struct, array_like=True):
    """One stream.

    Attributes:
        token: What the next synchronisation is asked with; empty before the first.
        looked_at: When it was last looked at; everything that changed before is known, if there is no trouble and no pass is open.
        full_at: When the last complete pass over all of it began; 0 if there was none.
        open_at: Up to where an open pass has come; 0 if none is open.
        open_end: Up to where it goes: the moment at which it began.
        step: Length of the next slice of a pass.
        slice_end: What of the slice at ``open_at`` is still to be read ends here; 0 if the slice has not begun.
        trouble: Why the last look was in vain; empty if it was not. A stream in trouble is never complete.
    """

    token: str = ""
    looked_at: Millis = 0
    full_at: Millis = 0
    open_at: Millis = 0
    open_end: Millis = 0
    step: Millis = 0
    slice_end: Millis = 0
    trouble: str = ""

    @property
    def whole(self) -> bool:
        """Whether everything that it had when it was last looked at is known."""
        return self.full_at > 0 and not self.open_at and not self.trouble


class Export(msgspec.Struct, array_like=True):
    """The export of all message stores, which tells everything before each store was looked at.

    Attributes:
        task: What RingCentral calls it; empty before one was asked for.
        asked_at: When it was asked for.
        looked_at: When it was last looked after.
        over: How it ended; empty while it has not. It is asked for once.
    """

    task: str = ""
    asked_at: Millis = 0
    looked_at: Millis = 0
    over: str = ""


class State(msgspec.Struct, kw_only=True):
    """Every stream.

    Attributes:
        version: Of this form.
        calls: The call log.
        stores: The message stores, by the extension's id.
        media_type: What this account's recordings are; empty until one was asked.
        export: Of the message stores.
    """

    version: int = _VERSION
    calls: Stream = msgspec.field(default_factory=Stream)
    stores: dict[str, Stream] = msgspec.field(default_factory=dict)
    media_type: str = ""
    export: Export = msgspec.field(default_factory=Export)

    def write(self) -> str:
        """The cursor."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, cursor: str) -> State:
        """Undoes `write`; a cursor of another form begins anew, which finds everything again and harms nobody."""
        state = place_of(cursor, cls)
        return state if state.version == _VERSION else cls()
