"""The shapes of answers. Records stay as they came: what is archived is what RingCentral said, not what we understood of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from archiver.sources import replies

__all__ = ["Extension", "Listed", "Record", "Synced", "decode"]

Record = Mapping[str, Any]


class _Uri(msgspec.Struct):
    uri: str = ""


class _Navigation(msgspec.Struct, rename="camel"):
    next_page: _Uri | None = None


class Listed(msgspec.Struct):
    """A page of a list. How many there are is not told: `next_page` says whether to go on."""

    records: list[dict[str, Any]] = []
    navigation: _Navigation | None = None

    @property
    def next_page(self) -> str:
        """The address of the following page; empty at the end."""
        following = self.navigation.next_page if self.navigation else None
        return following.uri if following else ""


class _SyncInfo(msgspec.Struct, rename="camel"):
    sync_token: str = ""
    older_records_exist: bool | None = None


class Synced(msgspec.Struct, rename="camel"):
    """The answer to a synchronisation."""

    records: list[dict[str, Any]] = []
    sync_info: _SyncInfo = msgspec.field(default_factory=_SyncInfo)


class Extension(msgspec.Struct, rename="camel"):
    """One entry of the list of extensions."""

    id: int | str
    extension_number: str = ""
    name: str = ""
    type: str = ""
    status: str = ""


def decode(body: bytes, shape: Any) -> Any:
    """An answer in its shape.

    Raises:
        TransientError: It is not JSON, or not of that shape.
    """
    return replies.decode("RingCentral", body, shape)
