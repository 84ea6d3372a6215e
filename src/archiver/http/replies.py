"""What every provider's answers have in common: the beginning of an error's body, Retry-After, and the lack of an answer."""

from __future__ import annotations

import email.utils
import math

import aiohttp
import msgspec

from archiver.errors import ArchiverError, MisconfiguredError, TransientError, UnavailableError

__all__ = ["ERROR_BYTES", "NETWORK_ERRORS", "UNREADABLE", "beginning", "network_error", "retry_after"]

_LONGEST_SECONDS = 30 * 24 * 3600.0  # a number beyond any sense would not even fit where it is kept
ERROR_BYTES = 64 * 1024
"""Of an error's body that are read: it may be an endless HTML page."""

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a body that is no JSON, or not of the shape that is wanted; or is a thousand brackets deep."""

NETWORK_ERRORS = (aiohttp.ClientError, OSError)
"""What aiohttp raises where no (whole) answer came; a TimeoutError is an OSError."""


async def beginning(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of an error's body."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(ERROR_BYTES):
        body += chunk
        if len(body) >= ERROR_BYTES:
            response.close()  # the rest would have to be read before the connection could be used again
            break
    return bytes(body[:ERROR_BYTES])


def network_error(error: Exception, provider: str, route: str, options: str) -> ArchiverError:
    """What it means that no (whole) answer came. The name of the exception is told, not its text: that may hold headers.

    Args:
        error: One of `NETWORK_ERRORS`.
        provider: As people call it.
        route: Which call.
        options: Where its address is set, for the hint: ``the option api_url``.
    """
    name = type(error).__name__
    if isinstance(error, aiohttp.InvalidURL):
        return MisconfiguredError(f"the address of {provider} is not one", hint=f"Check {options}.")
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return UnavailableError(f"{provider} cannot be reached ({name})", hint=f"Check the network, its proxy, and {options}.")
    return TransientError(f"the connection to {provider} broke at {route} ({name})")


def retry_after(header: str, now: float) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date (RFC 9110, 10.2.3).

    Args:
        header: What it says; empty if there is none.
        now: Seconds since the epoch.

    Returns:
        None if it is missing, past or nonsense; never more than 30 days.
    """
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - now
        except (ValueError, OverflowError, OSError):
            return None
    return min(seconds, _LONGEST_SECONDS) if math.isfinite(seconds) and seconds > 0 else None
