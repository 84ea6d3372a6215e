"""The key of an item: the prefix and the item's path; nothing that a server could read as another key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from archiver.destinations.objects.store import Target
from archiver.destinations.port import Upload
from archiver.errors import ConfigError, RejectedError

__all__ = ["mtime", "option_prefix", "quoted", "target_of"]

_DEFAULT_TYPE = "application/octet-stream"


def option_prefix(adapter: str, options: Mapping[str, Any]) -> str:
    """What stands before every key: empty, or ``calls/2024/``.

    Raises:
        ConfigError: It has parts that a server could take for something else.
    """
    prefix: str = options["prefix"].strip().strip("/")
    if not prefix:
        return ""
    if not _plain(prefix):
        raise ConfigError(f"{adapter}: the option 'prefix' has an empty part, or one of dots", hint="Such as: calls/2024")
    return f"{prefix}/"


def target_of(upload: Upload, prefix: str, key_bytes: int) -> Target:
    """Where an upload goes.

    Raises:
        RejectedError: Its path cannot be a key.
    """
    delivery = upload.delivery
    path = delivery.path
    if not path.startswith("/") or not _plain(path[1:]):
        raise RejectedError("the item's path cannot be the key of an object, or does not begin at the root")
    key = prefix + path[1:]
    if len(key.encode()) > key_bytes:
        raise RejectedError(f"the key would have more than {key_bytes} bytes")
    media_type = delivery.item.media_type
    if not media_type.isascii() or not media_type.isprintable() or not media_type.strip():
        media_type = _DEFAULT_TYPE
    return Target(key=key, media_type=media_type, occurred_at=delivery.item.occurred_at, size=delivery.item.size)


def quoted(key: str) -> str:
    """A key in an address: every byte that RFC 3986 does not call unreserved is escaped, but slashes stay."""
    return quote(key, safe="/-_.~")


def mtime(target: Target) -> str:
    """When it happened, as RFC 3339 has it."""
    moment = datetime.fromtimestamp(target.occurred_at / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(path: str) -> bool:
    """Whether a path has no part that a server could resolve, and can be written as text."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in path and all(part not in {"", ".", ".."} for part in path.split("/"))
