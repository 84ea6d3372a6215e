"""The operating system's errors, translated into Archiver's: the one place that reads ``errno``."""

from __future__ import annotations

import errno

from archiver.errors import (
    ArchiverError,
    ConflictError,
    MisconfiguredError,
    QuotaFullError,
    RejectedError,
    TransientError,
    UnavailableError,
)

__all__ = ["NO_LINKS", "translate"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV})
_NAME = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EFBIG})
_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP})
_AWAY = frozenset({errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN, errno.ENODEV, errno.ENXIO})

NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
"""How a filesystem without hard links (FAT, some network shares) answers ``link``."""


def translate(error: OSError) -> ArchiverError:
    """What an error of the system means here. Its text names the error, never the item's path."""
    number = error.errno or 0
    name = errno.errorcode.get(number, type(error).__name__)
    if number in _FULL:
        return QuotaFullError(f"the disk is full ({name})", hint="Free some space; the lane goes on by itself.")
    if number in _FORBIDDEN:
        return MisconfiguredError(f"the folder cannot be written ({name})", hint="Check its owner, its permissions and how it is mounted.")
    if number in _NAME:
        return RejectedError(f"the filesystem does not take this name or size ({name})")
    if number in _IN_THE_WAY:
        return ConflictError(f"something else stands at the item's path ({name})")
    if number in _AWAY:
        return UnavailableError(f"the filesystem does not answer ({name})")
    return TransientError(f"the filesystem failed ({name})")
