"""The shapes of Graph's answers, and the addresses of items. Only the fields used."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from archiver.errors import TransientError
from archiver.http.replies import UNREADABLE

__all__ = ["Drive", "DriveItem", "Hashes", "Me", "UploadSession", "address", "by_id", "decode", "is_path", "offset_of"]

_PATH_CHARACTERS = 400
"""Of a whole path, folders and name, as both kinds of storage have it (Microsoft's page on restrictions and limitations)."""


class Hashes(msgspec.Struct, frozen=True, rename="camel"):
    """What the storage computed; personal drives tell more of them than business drives and libraries."""

    quick_xor: str = msgspec.field(default="", name="quickXorHash")
    sha256: str = msgspec.field(default="", name="sha256Hash")

    @property
    def preferred(self) -> str:
        """One of them with its name; empty if none is told (yet)."""
        if self.quick_xor:
            return f"quickxor:{self.quick_xor}"
        return f"sha256:{self.sha256.lower()}" if self.sha256 else ""


class _File(msgspec.Struct, frozen=True):
    hashes: Hashes = Hashes()


class _Parent(msgspec.Struct, frozen=True, rename="camel"):
    drive_type: str = ""


class DriveItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file or a folder."""

    id: str
    size: int = -1
    c_tag: str = ""
    file: _File | None = None
    parent_reference: _Parent = _Parent()

    @property
    def hashes(self) -> Hashes:
        """Those of its bytes that are told."""
        return Hashes() if self.file is None else self.file.hashes


class UploadSession(msgspec.Struct, frozen=True, rename="camel"):
    """Where a big file goes, and what of it is missing."""

    upload_url: str = ""
    next_expected_ranges: list[str] = []


class _Identity(msgspec.Struct, frozen=True, rename="camel"):
    email: str = ""
    display_name: str = ""


class _Owner(msgspec.Struct, frozen=True):
    user: _Identity = _Identity()
    group: _Identity = _Identity()


class _Quota(msgspec.Struct, frozen=True):
    total: int = 0
    used: int = 0
    remaining: int | None = None
    state: str = ""


class Drive(msgspec.Struct, frozen=True, rename="camel"):
    """Whose it is, and how full."""

    id: str
    name: str = ""
    drive_type: str = ""
    owner: _Owner = _Owner()
    quota: _Quota | None = None


class Me(msgspec.Struct, frozen=True, rename="camel"):
    """The person who said yes."""

    mail: str | None = None
    user_principal_name: str | None = None


def decode(body: bytes, shape: type[Any]) -> Any:
    """An answer in its shape.

    Raises:
        TransientError: It has another shape.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except UNREADABLE:
        raise TransientError("Microsoft Graph answered something that is not in its reference") from None


def is_path(path: str) -> bool:
    """Whether something can be at a path that begins at the drive's root."""
    parts = path.split("/")
    if parts[0] or len(parts) < 2 or len(path) > _PATH_CHARACTERS or not {"", ".", ".."}.isdisjoint(parts[1:]):
        return False
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def address(drive: str, path: str, action: str = "") -> str:
    """The address of what is at a path: ``/drives/ID/root:/a/b:/content``.

    Args:
        drive: The address of the drive.
        path: From its root.
        action: What is done there; empty for the item itself.
    """
    return f"{drive}/root:{quote(path, safe='/')}:{f'/{action}' if action else ''}"


def by_id(drive: str, item_id: str, action: str = "") -> str:
    """The address of an item by its id."""
    return f"{drive}/items/{quote(item_id, safe='!')}{f'/{action}' if action else ''}"


def offset_of(session: UploadSession) -> int | None:
    """How many bytes of an upload are there; None if that is not told."""
    first = session.next_expected_ranges[0].partition("-")[0] if session.next_expected_ranges else ""
    return int(first) if first.isascii() and first.isdigit() and len(first) < 20 else None
