"""Google's language: its reasons, translated. Nothing else here reads a provider's words."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from archiver.destinations.objects.calls import Answer
from archiver.destinations.objects.errors import Dialect, InTheWayError, Meaning, NotThereError
from archiver.errors import IntegrityError, MisconfiguredError, QuotaFullError, ReconnectNeededError, RejectedError, TransientError
from archiver.http.replies import UNREADABLE

__all__ = ["DIALECT", "OF_OBJECT", "OF_UPLOAD", "ExpiredError", "code_of"]


class ExpiredError(ReconnectNeededError):
    """The access token does not hold (any more): a new one may."""


OF_OBJECT: Mapping[int, str] = {404: "noSuchObject"}
"""What a 404 means where an object was asked for."""
OF_UPLOAD: Mapping[int, str] = {404: "noSuchUpload", 410: "noSuchUpload", 499: "noSuchUpload"}
"""What these mean where a resumable upload was asked for."""

_KEYS = "Give the key of a service account that holds."
_PERMISSION = "docs/object-storage.md lists the permissions that are needed."
_MOVE_AWAY = "Something else stands where this item belongs; move it away, then retry."

_MEANINGS: dict[str, Meaning] = {
    "conditionNotMet": (InTheWayError, _MOVE_AWAY),
    "noSuchObject": (NotThereError, ""),
    "noSuchUpload": (NotThereError, ""),
    "md5Mismatch": (IntegrityError, ""),
    "backendError": (TransientError, ""),
    "internalError": (TransientError, ""),
    "authError": (ExpiredError, _KEYS),
    "required": (ReconnectNeededError, _KEYS),
    "forbidden": (MisconfiguredError, _PERMISSION),
    "insufficientPermissions": (MisconfiguredError, _PERMISSION),
    "accountDisabled": (MisconfiguredError, "The project, or its billing, is disabled; its owner can enable it."),
    "notFound": (MisconfiguredError, "Make the bucket, or check the option bucket."),
    "quotaExceeded": (QuotaFullError, "Raise the project's quota; the lane goes on by itself."),
    "uploadTooLarge": (RejectedError, ""),
    "tooLong": (RejectedError, ""),
}

DIALECT = Dialect(
    provider="Google Cloud Storage",
    options="the options bucket and endpoint",
    throttles=frozenset({"rateLimitExceeded", "userRateLimitExceeded", "SlowDown", "slowDown"}),
    meanings=_MEANINGS,
)


class _Entry(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""


class _Error(msgspec.Struct, frozen=True):
    errors: list[_Entry] = []


class _Refusal(msgspec.Struct, frozen=True):
    error: _Error


_REFUSAL = msgspec.json.Decoder(_Refusal)


def code_of(answer: Answer) -> str:
    """Google's word for a refusal; resumable uploads often answer with plain text."""
    try:
        entries = _REFUSAL.decode(answer.body).error.errors
    except UNREADABLE:
        entries = []
    entry = entries[0] if entries else _Entry()
    if answer.status == 400 and "MD5" in entry.message:
        return "md5Mismatch"  # the reason is only "invalid", as of any parameter
    return entry.reason or {401: "authError", 412: "conditionNotMet"}.get(answer.status, "")
