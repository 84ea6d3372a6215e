"""Synchronisation: a full one gives the newest records and a token, a further one what changed since the token.

A token is opaque and says when it was given. Changes are told once more if they fell into the last seconds before it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from archiver.sandbox.ringcentral.records import Call, Message
from archiver.sandbox.ringcentral.refusals import invalid

__all__ = ["MOST_ROWS", "OVERLAP_SECONDS", "changed_since", "make_token", "newest", "read_token"]

MOST_ROWS = 250
"""Rows that one synchronisation of the call log can tell."""
OVERLAP_SECONDS = 5.0
TOKEN_DAYS = 30.0

_Record = TypeVar("_Record", Call, Message)


class _Token(msgspec.Struct, frozen=True, array_like=True):
    stream: str
    given_at: float


def make_token(stream: str, now: float) -> str:
    """A token for one stream of records."""
    return base64.urlsafe_b64encode(msgspec.json.encode(_Token(stream, now))).decode()


def read_token(text: str, stream: str, now: float, code: str) -> float:
    """When a token was given.

    Raises:
        Refusal: 400 with ``code``: it is none, belongs to another stream, or is too old.
    """
    try:
        token = msgspec.json.decode(base64.urlsafe_b64decode(text), type=_Token)
    except (binascii.Error, ValueError) as error:
        raise invalid("syncToken", code) from error
    if token.stream != stream or token.given_at < now - TOKEN_DAYS * 86_400:
        raise invalid("syncToken", code)
    return token.given_at


def changed_since(records: Iterable[_Record], since: float) -> list[_Record]:
    """What changed after a moment, and in the seconds before it; the latest change first."""
    return sorted(
        (record for record in records if record.modified_at > since - OVERLAP_SECONDS), key=lambda record: record.modified_at, reverse=True
    )


def newest(records: Sequence[_Record], count: int) -> tuple[list[_Record], bool]:
    """The first so many of records in order, and whether there are more."""
    return list(records[:count]), len(records) > count
