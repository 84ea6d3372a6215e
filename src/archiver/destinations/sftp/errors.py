"""What SSH and SFTP say, translated into Archiver's errors. Messages name the kind of an error, never its text: that may hold a path."""

from __future__ import annotations

import asyncssh

from archiver.errors import (
    ArchiverError,
    ConflictError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    RejectedError,
    TransientError,
    UnavailableError,
)

__all__ = ["SSH_ERRORS", "is_broken", "no_connection", "translate"]

SSH_ERRORS = (asyncssh.Error, OSError)
"""Everything that asyncssh raises for what a server or a network does; a `TimeoutError` is an `OSError`."""

_BROKEN = (asyncssh.DisconnectError, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.ChannelOpenError, OSError)
_FULL = (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded)
_FORBIDDEN = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect, asyncssh.SFTPOpUnsupported)
_NAME = (asyncssh.SFTPInvalidFilename, asyncssh.SFTPInvalidParameter)
_IN_THE_WAY = (
    asyncssh.SFTPFileAlreadyExists,
    asyncssh.SFTPNotADirectory,
    asyncssh.SFTPFileIsADirectory,
    asyncssh.SFTPLinkLoop,
)
# Version 3 of the protocol has no codes for these; most servers, not OpenSSH, tell what their system says.
_FULL_WORDS = ("no space left", "quota exceeded")
_FORBIDDEN_WORDS = ("read-only file system", "operation not permitted")
_ALGORITHMS = (asyncssh.KeyExchangeFailed, asyncssh.ProtocolNotSupported)


def is_broken(error: Exception) -> bool:
    """Whether nothing more can be done over the connection that an error came from."""
    return isinstance(error, _BROKEN)


def translate(error: Exception, call: str) -> ArchiverError:
    """What an error means that came after the log-in.

    Args:
        error: One of `SSH_ERRORS`.
        call: What was being done, for the message: "write a file".
    """
    name = type(error).__name__
    words = error.reason.lower() if isinstance(error, asyncssh.SFTPFailure) else ""
    if isinstance(error, _FULL) or any(word in words for word in _FULL_WORDS):
        return QuotaFullError(f"the SFTP server has no room left ({name})", hint="Free some space; the lane goes on by itself.")
    if isinstance(error, _FORBIDDEN) or any(word in words for word in _FORBIDDEN_WORDS):
        hint = "Check the permissions of the folder, and that the account may write, rename and set times."
        return MisconfiguredError(f"the SFTP server does not permit to {call} ({name})", hint=hint)
    if isinstance(error, _NAME):
        return RejectedError(f"the SFTP server does not take this name ({name})")
    if isinstance(error, _IN_THE_WAY):
        return ConflictError(f"something else stands at the item's path ({name})", hint="Move it away, then retry.")
    if is_broken(error):
        return TransientError(f"the connection to the SFTP server broke as it was to {call} ({name})")
    return TransientError(f"the SFTP server failed to {call} ({name})")


def no_connection(error: Exception) -> ArchiverError:
    """What an error means that came before there was a connection to work with."""
    name = type(error).__name__
    if isinstance(error, asyncssh.PermissionDenied):
        return ReconnectNeededError("the SFTP server does not let us in", hint="Check the user's name, and give the password or key anew.")
    if isinstance(error, _ALGORITHMS):
        return MisconfiguredError(
            f"the SFTP server and we have no algorithm in common ({name})",
            hint="It offers only what is not considered safe any more, or not the kind of key that the option host_key names.",
        )
    if isinstance(error, (asyncssh.SFTPError, asyncssh.ChannelOpenError)):
        return MisconfiguredError(f"the server lets us in, and offers no SFTP ({name})", hint="Let its owner enable SFTP for this account.")
    return UnavailableError(f"the SFTP server cannot be reached ({name})", hint="Check the network, and the options host and port.")
