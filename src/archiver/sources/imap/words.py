"""What a mail server's refusals mean, and what a broken line means. Its free text is never repeated: it may name people.

Only the code in square brackets (RFC 5530) is believed and shown.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import Final

from archiver.errors import (
    ArchiverError,
    MisconfiguredError,
    ReconnectNeededError,
    SourceThrottledError,
    TransientError,
    UnavailableError,
)

__all__ = ["NETWORK_ERRORS", "broken", "login_refusal", "refusal", "unopened"]

NETWORK_ERRORS: Final = (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError)
"""What a line that breaks raises, that of TLS among them."""

_CODE = re.compile(rb"\[([A-Za-z-]{2,32})[\] ]")
_BUSY: Final = frozenset({"LIMIT", "OVERQUOTA", "THROTTLED", "INUSE"})
_NOT_NOW: Final = frozenset({"UNAVAILABLE", "SERVERBUG", "CONTACTADMIN"})
_BUSY_SECONDS = 300.0


def _code(text: bytes) -> str:
    found = _CODE.match(text.strip())
    return found[1].decode().upper() if found else ""


def refusal(command: str, text: bytes) -> ArchiverError:
    """What NO, BAD or BYE mean.

    Args:
        command: What was asked, as people call it.
        text: What follows the word.
    """
    code = _code(text)
    shown = f"the mail server refused {command}" + (f" ({code})" if code else "")
    if code in _BUSY:
        return SourceThrottledError(shown, retry_after=_BUSY_SECONDS)
    if code in _NOT_NOW:
        return UnavailableError(shown)
    return TransientError(shown)


def login_refusal(text: bytes) -> ArchiverError:
    """What NO means to a log-in: without a code, that the mailbox is not opened by what was given."""
    error = refusal("the log-in", text)
    code = _code(text)
    if code == "PRIVACYREQUIRED":
        return MisconfiguredError(error.message, hint="It wants TLS: set the option security to tls or starttls.")
    if type(error) is not TransientError:
        return error
    hint = "Give the password anew; Google, Microsoft and others want one for this application only, or a refresh token."
    return ReconnectNeededError(error.message, hint=hint)


def unopened(text: bytes) -> ArchiverError:
    """What NO means to a folder that should be opened."""
    error = refusal("a folder", text)
    if type(error) is not TransientError:
        return error
    hint = "Is it spelled as the server spells it, with everything before it, such as INBOX.Fax or INBOX/Fax?"
    return MisconfiguredError(f"a folder of the option 'folders' cannot be opened{_in_brackets(text)}", hint=hint)


def _in_brackets(text: bytes) -> str:
    code = _code(text)
    return f" ({code})" if code else ""


def broken(error: BaseException, host: str) -> ArchiverError:
    """What a line that broke means: nobody's item is charged."""
    match error:
        case ssl.SSLCertVerificationError():
            hint = "Is its name the one in its certificate? For a private authority set the option ca_file."
            return UnavailableError(f"the certificate of {host} is not to be trusted", hint=hint)
        case ssl.SSLError():
            return UnavailableError(f"no TLS with {host}", hint="Does its port want tls, or starttls?")
        case TimeoutError():
            return UnavailableError(f"{host} does not answer")
        case EOFError():  # asyncio's IncompleteReadError is one
            return UnavailableError(f"{host} has hung up")
        case _:
            return UnavailableError(f"{host} cannot be reached: {type(error).__name__}")
