"""How somebody is refused at the door."""

from __future__ import annotations

from archiver.errors import ArchiverError

__all__ = ["RefusedError", "TooOftenError"]


class RefusedError(ArchiverError):
    """Whoever it is may not come in. It is never told whether the name or the password was wrong."""


class TooOftenError(RefusedError):
    """There were too many tries.

    Args:
        retry_after: Seconds until the next one.
    """

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
