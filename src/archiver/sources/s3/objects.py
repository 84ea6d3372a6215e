"""What an object is, by its key, and how a locator names one version of it; pure."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase

import msgspec

from archiver.errors import TransientError
from archiver.model import Discovery, Kind
from archiver.s3.xml import field
from archiver.sources.files.kinds import extension_of, media_type_of
from archiver.sources.s3.settings import S3Settings

__all__ = ["Listed", "Listing", "discovery_of", "listing_of", "locator_of", "place_of"]

_PART_DIGITS = 12  # of the ETag: enough to tell the contents that one key has had from each other


class Listed(msgspec.Struct, frozen=True, gc=False):
    """An object as a list has it.

    Attributes:
        key: Whole, with the prefix.
        etag: What changes with its bytes, without quotes.
        size: In bytes.
        modified: When it was written, in milliseconds since the epoch.
    """

    key: str
    etag: str
    size: int
    modified: int


class Listing(msgspec.Struct, frozen=True):
    """A page of a list.

    Attributes:
        objects: In the order of their keys.
        truncated: There are more behind the last.
    """

    objects: list[Listed]
    truncated: bool


def listing_of(entries: list[bytes], body: bytes) -> Listing:
    """Reads a list.

    Args:
        entries: The elements ``Contents`` of the answer.
        body: The whole answer.

    Raises:
        TransientError: It is no such list.
    """
    try:
        objects = [
            Listed(
                key=field(entry, "Key"),
                etag=field(entry, "ETag").strip('"'),
                size=int(field(entry, "Size")),
                modified=round(datetime.fromisoformat(field(entry, "LastModified")).timestamp() * 1000),
            )
            for entry in entries
        ]
    except ValueError:
        raise TransientError("S3 lists an object without size or date") from None
    return Listing(objects, field(body, "IsTruncated") == "true")


def discovery_of(found: Listed, settings: S3Settings) -> Discovery | None:
    """The discovery of an object; None if nothing tells what kind it is, or it only stands for a folder."""
    path = found.key.removeprefix(settings.prefix)
    if not path or path.endswith("/"):
        return None
    kind = _kind(path, settings)
    if kind is None:
        return None
    return Discovery(
        kind=kind,
        external_id=path,
        part=found.etag[:_PART_DIGITS],
        occurred_at=found.modified,
        locator=locator_of(found.key, found.etag),
        media_type=media_type_of(path),
        size=found.size,
    )


def locator_of(key: str, etag: str) -> str:
    """The name of exactly these bytes: an ETag has no blank."""
    return f"{etag} {key}"


def place_of(locator: str) -> tuple[str, str]:
    """The key and the ETag that a locator stands for; undoes `locator_of`."""
    etag, _, key = locator.partition(" ")
    return key, etag


def _kind(path: str, settings: S3Settings) -> Kind | None:
    for pattern, kind in settings.patterns:
        if fnmatchcase(path, pattern):
            return kind
    return settings.kinds.get(extension_of(path))
