"""Every error that Archiver raises: one tree, with traits that decide what happens next and a hint for people.

    ArchiverError
    ├── ItemError                    scope item: only this item is concerned
    │   ├── TransientError           5xx, reset, wrong offset: worth another try
    │   │   ├── IntegrityError       bytes, size or hash do not agree: nothing was kept, worth another try
    │   │   └── SourceReadError      the source did not give the bytes this time
    │   ├── RejectedError            the storage will never take it under this name: needs a person
    │   │   └── ConflictError        something that we did not write stands at the item's path
    │   ├── PoisonError              the process died of it, again and again: needs a person
    │   ├── SourceGoneError          the source no longer has it
    │   ├── SourceThrottledError     the source cannot give it yet: it waits for its turn there, no try is charged
    │   │   └── SourceNotReadyError  the source knows it, and does not have its bytes yet
    │   ├── SourceAwayError          the source cannot be reached, or lets nobody in: no try is charged, its items rest
    │   └── SourceChangedError       the source gives other bytes than it declared
    ├── DestinationError             scope destination: the whole lane is concerned, no item is charged
    │   ├── ThrottledError           a 429, with the moment at which it ends
    │   ├── ReconnectNeededError     token revoked or expired for good, user suspended, scope missing
    │   ├── QuotaFullError           no space left, or the monthly transport quota is used up
    │   └── MisconfiguredError       no permission, wrong root, team folder
    ├── InvitationError              scope process: a link for connecting, or its answer, does not hold (any more)
    ├── RefusedError                 scope process: somebody may not come into the console
    │   └── TooOftenError            there were too many tries; the next one is allowed later
    ├── UnavailableError             scope provider: network, DNS, TLS; nobody's item is charged
    └── ProcessError                 scope process: this process cannot go on as it is
        ├── ConfigError              settings that cannot work; exit code 78
        ├── DatabaseHeldError        another process serves this database; exit code 75
        ├── DatabaseUnavailableError the disk is full, the file locked: nothing was written, the same call may be made again
        ├── SchemaError              the database was written by a newer version
        └── FencedError              another worker owns the customer now

The provider's language is translated into this tree in one place per adapter; nothing else reads a provider's words.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

__all__ = [
    "ArchiverError",
    "ConfigError",
    "ConflictError",
    "DatabaseHeldError",
    "DatabaseUnavailableError",
    "DestinationError",
    "FencedError",
    "IntegrityError",
    "InvitationError",
    "ItemError",
    "MisconfiguredError",
    "PoisonError",
    "ProcessError",
    "QuotaFullError",
    "ReconnectNeededError",
    "RefusedError",
    "RejectedError",
    "SchemaError",
    "Scope",
    "SourceAwayError",
    "SourceChangedError",
    "SourceGoneError",
    "SourceNotReadyError",
    "SourceReadError",
    "SourceThrottledError",
    "ThrottleKind",
    "ThrottledError",
    "TooOftenError",
    "TransientError",
    "UnavailableError",
]


class Scope(StrEnum):
    """How far an error reaches."""

    ITEM = "item"
    DESTINATION = "destination"
    PROVIDER = "provider"
    PROCESS = "process"


class ThrottleKind(StrEnum):
    """The two kinds of 429 which Dropbox knows; other providers only have the first."""

    RATE = "rate"
    """Too many requests: the lane's rate is too high."""
    CONTENTION = "contention"
    """Too many write operations: commits of one namespace collide; the rate of calls is not to blame."""


class ArchiverError(Exception):
    """The root of the tree.

    Args:
        message: What happened, without secrets and without personal data.
        hint: What a person can do about it; empty if there is nothing to do.
    """

    scope: ClassVar[Scope] = Scope.PROCESS
    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ItemError(ArchiverError):
    """Concerns one item only."""

    scope = Scope.ITEM


class TransientError(ItemError):
    """Worth another try later; the try is charged to the item."""

    retryable = True


class IntegrityError(TransientError):
    """Bytes, size or hash do not agree. Nothing became visible, or what did was taken back."""


class SourceReadError(TransientError):
    """The source did not give the item's bytes this time: the destination is not to blame."""


class RejectedError(ItemError):
    """The storage will never take the item under this name; a person must look."""


class ConflictError(RejectedError):
    """Something that we did not write stands at the item's path; it is never overwritten."""


class PoisonError(ItemError):
    """The process died several times while this item was being uploaded; it is not tried again by itself."""


class SourceGoneError(ItemError):
    """The source no longer has the item. Believed only at the third look."""

    retryable = True


class SourceThrottledError(ItemError):
    """The source cannot give the item yet: for its rate, or since it is not ready. The item waits for its turn; no try is charged.

    Args:
        retry_after: Seconds until the item's turn.
    """

    retryable = True

    def __init__(self, message: str, *, retry_after: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class SourceNotReadyError(SourceThrottledError):
    """The source knows the item, and does not have its bytes yet. Only this item waits; no try is charged."""


class SourceAwayError(ItemError):
    """The source cannot be reached, or lets nobody in, and neither the item nor its destination is to blame; no try is charged.

    It has an item's scope so that an adapter in which it comes out of a stream does not take it for its own provider's.
    """

    retryable = True


class SourceChangedError(ItemError):
    """The source gives other bytes (size or hash) than it declared."""

    retryable = True


class DestinationError(ArchiverError):
    """Concerns a whole lane; no item is charged for it."""

    scope = Scope.DESTINATION


class ThrottledError(DestinationError):
    """The destination refused a call for its rate.

    Args:
        retry_after: Seconds until the next call is allowed; None if the provider did not tell.
        kind: Which of the two kinds of 429.
    """

    retryable = True

    def __init__(self, message: str, *, retry_after: float | None, kind: ThrottleKind = ThrottleKind.RATE, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        self.kind = kind


class ReconnectNeededError(DestinationError):
    """The authorisation no longer works; the customer must connect the storage again."""


class QuotaFullError(DestinationError):
    """The storage, or its monthly quota of calls, is used up."""


class MisconfiguredError(DestinationError):
    """The storage is reachable, but does not permit what we need."""


class InvitationError(ArchiverError):
    """A link for connecting is unknown, used or has ended; or what came back does not belong to whoever began."""


class RefusedError(ArchiverError):
    """Somebody may not come into the console. It is never told whether the name or the password was wrong."""


class TooOftenError(RefusedError):
    """There were too many tries.

    Args:
        retry_after: Seconds until the next one.
    """

    def __init__(self, message: str, *, retry_after: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class UnavailableError(ArchiverError):
    """The provider cannot be reached: network, DNS, TLS."""

    scope = Scope.PROVIDER
    retryable = True


class ProcessError(ArchiverError):
    """This process cannot go on as it is."""


class ConfigError(ProcessError):
    """Settings that cannot work. Names the key, never its value."""

    exit_code = 78  # EX_CONFIG of sysexits.h


class DatabaseHeldError(ProcessError):
    """Another process serves this database; the message names it."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h


class DatabaseUnavailableError(ProcessError):
    """The database cannot be read or written now (disk full, locked, input or output failed). Nothing was written, not even partly."""

    retryable = True
    exit_code = 75


class SchemaError(ProcessError):
    """The database was written by a newer version of Archiver."""

    exit_code = 78


class FencedError(ProcessError):
    """Another worker owns the customer now; nothing was written."""
