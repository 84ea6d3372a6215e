"""What a file is by its name: its kind, its media type."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archiver.errors import ConfigError
from archiver.model import Kind

__all__ = ["KINDS", "MEDIA_TYPES", "extension_of", "media_type_of", "option_kinds"]

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        ".wav": Kind.RECORDING,
        ".mp3": Kind.RECORDING,
        ".m4a": Kind.RECORDING,
        ".ogg": Kind.RECORDING,
        ".txt": Kind.SMS,
        ".sms": Kind.SMS,
        ".pdf": Kind.FAX,
        ".tif": Kind.FAX,
        ".tiff": Kind.FAX,
    }
)
"""What a file is by its extension, if its sidecar does not tell."""

MEDIA_TYPES: Mapping[str, str] = {
    ".aac": "audio/aac",
    ".amr": "audio/amr",
    ".csv": "text/csv",
    ".eml": "message/rfc822",
    ".flac": "audio/flac",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".opus": "audio/opus",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".sms": "text/plain",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".txt": "text/plain",
    ".wav": "audio/x-wav",
}
"""Media types by extension; Python's own table differs from machine to machine."""


def extension_of(path: str) -> str:
    """The extension in lower case with its dot; empty if there is none."""
    stem, dot, extension = path.rpartition("/")[2].rpartition(".")
    return (dot + extension).lower() if stem else ""


def media_type_of(path: str) -> str:
    """The media type by the extension."""
    extension = extension_of(path)
    return MEDIA_TYPES.get(extension) or f"application/x-{extension.removeprefix('.') or 'bin'}"


def option_kinds(adapter: str, text: str) -> dict[str, Kind]:
    """An option that names extensions and what such files are: ``.amr=recording,.html=sms``.

    Raises:
        ConfigError: It is not like that.
    """
    kinds = {}
    for pair in filter(None, (pair.strip() for pair in text.split(","))):
        extension, _, kind = pair.partition("=")
        extension = extension.strip().lower()
        if kind.strip() not in list(Kind) or not extension.startswith(".") or len(extension) == 1:
            raise ConfigError(f"{adapter}: the option 'kinds' must be like '.amr=recording,.html=sms'", hint=f"Kinds: {', '.join(Kind)}.")
        kinds[extension] = Kind(kind.strip())
    return kinds
