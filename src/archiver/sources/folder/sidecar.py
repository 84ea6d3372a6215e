"""What is known about a file: from its sidecar ``<file name>.json``, from its name and its date; pure.

A sidecar is a JSON object with any of the fields of `Sidecar`; what it lacks comes from the file itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import msgspec

from archiver.model import Discovery, Kind, Millis
from archiver.sources.files.kinds import media_type_of

__all__ = ["SIDECAR_SUFFIX", "MalformedSidecarError", "Sidecar", "describe", "locator_of", "parse_sidecar", "path_of"]

SIDECAR_SUFFIX = ".json"

_ESCAPED = "%:"


class MalformedSidecarError(ValueError):
    """A sidecar that is no JSON object of the documented fields; says what is wrong without showing a value."""


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a sidecar; each as in `archiver.model.Discovery`, and each optional. Others are ignored.

    Attributes:
        kind: ``recording``, ``voicemail``, ``sms``, ``fax`` or ``call_log``.
        external_id: Text or number; without it the file's path below the root is its id.
        part: Text or number.
        occurred_at: ISO 8601 (UTC if it has no zone) or milliseconds since the epoch; without it the file's modification time.
        purge_at: As ``occurred_at``.
        media_type: Without it, by the extension.
        sha256: 64 hexadecimal digits.
        direction: ``inbound`` or ``outbound``.
        sender: Number or name.
        recipient: Number or name.
        owner: The extension or line.
        metadata: An object of anything else.
    """

    kind: Kind | None = None
    external_id: str | int | None = None
    part: str | int = ""
    occurred_at: str | int | None = None
    purge_at: str | int | None = None
    media_type: str | None = None
    sha256: str | None = None
    direction: str = ""
    sender: str = ""
    recipient: str = ""
    owner: str = ""
    metadata: Mapping[str, Any] = {}


_decoder = msgspec.json.Decoder(Sidecar)


def parse_sidecar(data: bytes) -> Sidecar:
    """Reads a sidecar.

    Raises:
        MalformedSidecarError: It is no JSON object, or a field has a value that it cannot have.
    """
    try:
        sidecar = _decoder.decode(data)
        _millis(sidecar.occurred_at)
        _millis(sidecar.purge_at)
    except msgspec.ValidationError as error:
        raise MalformedSidecarError(str(error)) from None
    except ValueError:
        raise MalformedSidecarError("it is no JSON object with ISO 8601 times") from None
    if sidecar.external_id == "":
        raise MalformedSidecarError("its external_id is empty")
    if sidecar.sha256 is not None and (len(sidecar.sha256) != 64 or not all(digit in "0123456789abcdefABCDEF" for digit in sidecar.sha256)):
        raise MalformedSidecarError("its sha256 is not 64 hexadecimal digits")
    return sidecar


def _millis(value: str | int | None) -> Millis | None:
    if not isinstance(value, str):
        return value
    moment = datetime.fromisoformat(value)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def describe(path: str, *, size: int, mtime_ns: int, kind: Kind | None, sidecar: Sidecar) -> Discovery | None:
    """Makes the discovery of a file.

    Args:
        path: Below the root, with ``/`` between its parts.
        size: In bytes.
        mtime_ns: Its modification time.
        kind: What it is by its extension.
        sidecar: What is known about it.

    Returns:
        None if nothing tells what kind it is.
    """
    kind = sidecar.kind or kind
    if kind is None:
        return None
    occurred_at = _millis(sidecar.occurred_at)
    locator = locator_of(path)
    return Discovery(
        kind=kind,
        external_id=locator if sidecar.external_id is None else str(sidecar.external_id),
        part=str(sidecar.part),
        occurred_at=mtime_ns // 1_000_000 if occurred_at is None else occurred_at,
        purge_at=_millis(sidecar.purge_at),
        locator=locator,
        media_type=sidecar.media_type or media_type_of(path),
        size=size,
        sha256=sidecar.sha256.lower() if sidecar.sha256 else None,
        direction=sidecar.direction,
        sender=sidecar.sender,
        recipient=sidecar.recipient,
        owner=sidecar.owner,
        metadata=sidecar.metadata,
    )


def locator_of(path: str) -> str:
    """A path as a locator: itself, or percent-encoded after ``%:`` if it is no Unicode text, as old file names may be."""
    if path.startswith(_ESCAPED) or not _is_text(path):
        return _ESCAPED + quote(os.fsencode(path))
    return path


def path_of(locator: str) -> str:
    """The path that a locator stands for; undoes `locator_of`."""
    return os.fsdecode(unquote_to_bytes(locator.removeprefix(_ESCAPED))) if locator.startswith(_ESCAPED) else locator


def _is_text(path: str) -> bool:
    if path.isascii():
        return True
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
