"""S3's language: its codes, translated, and the few fields of its XML that are read. Nothing else here reads a provider's words."""

from __future__ import annotations

import html
import re

import msgspec

from archiver.destinations.objects.calls import Answer
from archiver.destinations.objects.errors import Dialect, InTheWayError, Meaning, NotThereError
from archiver.errors import (
    IntegrityError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    RejectedError,
    TransientError,
)
from archiver.s3.xml import field

__all__ = ["DIALECT", "ListedPart", "NotConditionalError", "code_of", "complete_xml", "parts_of"]


class NotConditionalError(TransientError):
    """The store does not know conditions: it says so, and has written nothing."""


_KEYS = "Give the access key and the secret key of this destination anew."
_PERMISSION = "The keys lack a permission; docs/object-storage.md has the policy that is needed."
_REGION = "Check the options bucket, region and endpoint."
_CLOCK = "This machine's clock is wrong by more than a quarter of an hour."
_MOVE_AWAY = "Something else stands where this item belongs; move it away, then retry."

_MEANINGS: dict[str, Meaning] = {
    "PreconditionFailed": (InTheWayError, _MOVE_AWAY),
    "ConditionalRequestConflict": (TransientError, ""),
    "OperationAborted": (TransientError, ""),
    "RequestTimeout": (TransientError, ""),
    "NotImplemented": (NotConditionalError, ""),
    "NoSuchKey": (NotThereError, ""),
    "NotFound": (NotThereError, ""),
    "NoSuchUpload": (NotThereError, ""),
    "InvalidPart": (NotThereError, ""),
    "InvalidPartOrder": (NotThereError, ""),
    "BadDigest": (IntegrityError, ""),
    "InvalidDigest": (IntegrityError, ""),
    "IncompleteBody": (IntegrityError, ""),
    "XAmzContentSHA256Mismatch": (IntegrityError, ""),
    "XAmzContentChecksumMismatch": (IntegrityError, ""),
    "InvalidAccessKeyId": (ReconnectNeededError, _KEYS),
    "SignatureDoesNotMatch": (ReconnectNeededError, _KEYS),
    "ExpiredToken": (ReconnectNeededError, _KEYS),
    "InvalidToken": (ReconnectNeededError, _KEYS),
    "TokenRefreshRequired": (ReconnectNeededError, _KEYS),
    "InvalidSecurity": (ReconnectNeededError, _KEYS),
    "NotSignedUp": (ReconnectNeededError, _KEYS),
    "AccessDenied": (MisconfiguredError, _PERMISSION),
    "AllAccessDisabled": (MisconfiguredError, _PERMISSION),
    "RequestTimeTooSkewed": (MisconfiguredError, _CLOCK),
    "NoSuchBucket": (MisconfiguredError, "Make the bucket, or check the option bucket."),
    "InvalidBucketName": (MisconfiguredError, "Check the option bucket."),
    "PermanentRedirect": (MisconfiguredError, _REGION),
    "TemporaryRedirect": (TransientError, ""),
    "AuthorizationHeaderMalformed": (MisconfiguredError, _REGION),
    "InvalidRequest": (MisconfiguredError, "Was the bucket made with Object Lock, if a retention is set? Does it allow the encryption?"),
    "InvalidStorageClass": (MisconfiguredError, "Check the option storage_class."),
    "KeyTooLongError": (RejectedError, ""),
    "InvalidURI": (RejectedError, ""),
    "XMinioInvalidObjectName": (RejectedError, ""),
    "EntityTooLarge": (RejectedError, ""),
    "QuotaExceeded": (QuotaFullError, "Make room, or raise the quota; the lane goes on by itself."),
    "XMinioAdminBucketQuotaExceeded": (QuotaFullError, "Raise the bucket's quota; the lane goes on by itself."),
    "XMinioStorageFull": (QuotaFullError, "Make room; the lane goes on by itself."),
    "InsufficientStorage": (QuotaFullError, "Make room; the lane goes on by itself."),
    "TooManyBuckets": (MisconfiguredError, ""),
}

_BY_STATUS = {301: "PermanentRedirect", 404: "NotFound", 412: "PreconditionFailed", 501: "NotImplemented", 503: "SlowDown"}

DIALECT = Dialect(
    provider="S3",
    options="the options endpoint and region",
    throttles=frozenset(
        {
            "SlowDown",
            "SlowDownRead",
            "SlowDownWrite",
            "Throttling",
            "ThrottlingException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "TooManyRequests",
            "TooManyRequestsException",
            "BandwidthLimitExceeded",
        }
    ),
    meanings=_MEANINGS,
)


class ListedPart(msgspec.Struct, frozen=True):
    """A part that the store has, as it lists it."""

    number: int
    size: int
    etag: str


def code_of(answer: Answer) -> str:
    """S3's word for a refusal. The answer of a HEAD has no body: its 404 speaks of the object, and its 503 is nearly always of the rate."""
    if b"<Error" in answer.body:
        return field(answer.body, "Code")
    return _BY_STATUS.get(answer.status, "") if not answer.body else ""


def parts_of(body: bytes) -> tuple[list[ListedPart], str]:
    """What a list of parts tells, and where the next one begins; empty if this was the last.

    Raises:
        IntegrityError: It is not such a list.
    """
    found = re.findall(rb"<Part>(.*?)</Part>", body, re.DOTALL)
    try:
        parts = [ListedPart(int(field(part, "PartNumber")), int(field(part, "Size")), field(part, "ETag")) for part in found]
    except ValueError:
        raise IntegrityError("S3 lists parts without number or size") from None
    return parts, field(body, "NextPartNumberMarker") if field(body, "IsTruncated") == "true" else ""


def complete_xml(parts: list[tuple[str, str]]) -> bytes:
    """The list of parts that make the object: of each its ETag, and its checksum or nothing."""
    rows = []
    for number, (etag, checksum) in enumerate(parts, start=1):
        told = f"<ChecksumSHA256>{checksum}</ChecksumSHA256>" if checksum else ""
        rows.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{html.escape(etag)}</ETag>{told}</Part>")
    return f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{"".join(rows)}</CompleteMultipartUpload>'.encode()
