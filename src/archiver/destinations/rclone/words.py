"""What rclone's errors mean. It hands on its storages' own texts without a code, so they are told by their words.

Messages quote none of these texts: they may repeat a key. They name the meaning, a status of HTTP, and the last words if those are plain.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime

from archiver.errors import (
    ArchiverError,
    ConflictError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnavailableError,
)

__all__ = ["NotFoundError", "error_of"]

_TEXT_CHARACTERS = 4096


class NotFoundError(TransientError):
    """There is nothing at a path, or no folder."""


_RATE = re.compile(
    r"\b429\b|too.?many.?requests|too_many_write|rate.?limit|slow.?down|throttl|try again after|server.?busy|request.?limit"
    r"|limit.?exceeded.*per"
)
_ANEW = "Make the section anew with `rclone config`, and give it again."
_MEANINGS: tuple[tuple[re.Pattern[str], type[ArchiverError], str], ...] = (
    (
        re.compile(r"knownhosts|host key"),
        MisconfiguredError,
        "The server's key is not the one that is known; see host_keys in rclone's manual.",
    ),
    (
        re.compile(r"unable to authenticate|authentication fail|logon failure|login incorrect|invalid_grant"),
        ReconnectNeededError,
        _ANEW,
    ),
    (
        re.compile(r"dial (tcp|udp)|connection refused|no such host|network is unreachable|no route to host|x509|tls: |couldn't connect"),
        UnavailableError,
        "Check the network, and the address in the section.",
    ),
    (
        re.compile(
            r"\b401\b|unauthori[sz]ed|invalid_token|expired_access_token|token.{0,20}(expired|revoked|invalid)"
            r"|couldn't fetch token|(fetch|refresh) token"
            r"|invalidaccesskeyid|signaturedoesnotmatch|bad_auth_token|empty token|\b530\b"
        ),
        ReconnectNeededError,
        _ANEW,
    ),
    (
        re.compile(r"\b507\b|insufficient.?(storage|space)|no space left|quota|not enough space|(disk|storage).{0,12}full|storage_limit"),
        QuotaFullError,
        "Make room; the lane goes on by itself.",
    ),
    (
        re.compile(r"is a directory|not a directory|is a file|file exists|already exists"),
        ConflictError,
        "Something else stands where this item, or its folder, belongs; move it away, then retry.",
    ),
    (
        re.compile(r"\b403\b|forbidden|permission denied|access.?denied|not permitted|read.?only|no.?such.?bucket|bucket.*not exist"),
        MisconfiguredError,
        "Check that the account may look, write, move and delete there.",
    ),
    (re.compile(r"\b30[12378] [a-z]"), MisconfiguredError, "It sends us elsewhere; put the address itself into the section."),
    (
        re.compile(r"name.{0,20}too long|invalid (path|name|filename|character)|malformed_path|disallowed_name|\b41[34] [a-z]"),
        RejectedError,
        "The storage does not take this name or size.",
    ),
    (re.compile(r"(object|directory) not found|\b404 not found"), NotFoundError, ""),
    (
        re.compile(r"didn't find backend|couldn't find type|failed to create file system|couldn't decode"),
        MisconfiguredError,
        "rclone does not understand the section; try it with rclone itself.",
    ),
)
_QUOTED = re.compile(r'"[^"]*"')
_STATUS = re.compile(r"\b[345]\d\d\b")
_LAST_WORDS = re.compile(r"(?:^|: )([A-Za-z' ]{3,60})$")
_UNTIL = re.compile(r"try again after (\d{4}-\d\d-\d\dt[0-9:.]+(?:z|[+-]\d\d:\d\d))")
_SECONDS = re.compile(r"retry.?after\D{0,20}(\d{1,6})(?:\.\d+)?\b|trying again in (\d{1,6})(?:\.\d+)?s")


def error_of(call: str, text: str, *, kind: str, hidden: Collection[str], now: float) -> ArchiverError:
    """What an error means.

    Args:
        call: What was asked for: "write a file".
        text: Rclone's words.
        kind: The storage, as rclone calls it.
        hidden: Texts that are not its words, but ours: paths, and the section's values.
        now: Seconds since the epoch.
    """
    words = _without(text[:_TEXT_CHARACTERS], hidden)
    lower = words.lower()
    status, last = _STATUS.search(words), _LAST_WORDS.search(words.strip())
    told = " ".join(part for part in (status[0] if status else "", last[1].strip() if last else "") if part)
    shown = f"{kind} refused to {call}{f': {told}' if told else ''}"
    if _RATE.search(lower):
        return ThrottledError(shown, retry_after=_wait(lower, now))
    for pattern, error, hint in _MEANINGS:
        if pattern.search(lower):
            return error(shown, hint=hint)
    return TransientError(shown)


def _without(text: str, hidden: Collection[str]) -> str:
    """Without what is quoted, and without what is ours: a file may be called "429 Too Many Requests"."""
    text = _QUOTED.sub("", text)
    for word in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(word, "")
    return text


def _wait(lower: str, now: float) -> float | None:
    if found := _UNTIL.search(lower):
        try:
            seconds = datetime.fromisoformat(found[1].upper()).timestamp() - now
        except (ValueError, OverflowError):
            return None
    elif found := _SECONDS.search(lower):
        seconds = float(found[1] or found[2])
    else:
        return None
    return seconds if seconds > 0 else None
