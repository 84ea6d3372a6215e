"""The shapes of Box's answers, the bodies of uploads, and paths. Only the fields used."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from typing import Any

import msgspec

from archiver.errors import TransientError
from archiver.http.replies import UNREADABLE

__all__ = [
    "FIELDS",
    "BoxFile",
    "Files",
    "Folder",
    "Multipart",
    "Part",
    "PartDone",
    "Parts",
    "UploadSession",
    "User",
    "ancestors",
    "decode",
    "digest_of",
    "is_path",
]

FIELDS = "?fields=id,type,name,size,sha1,etag,file_version,path_collection"
_NAME_CHARACTERS = 255


class _Named(msgspec.Struct, frozen=True):
    id: str
    name: str = ""


class _Path(msgspec.Struct, frozen=True):
    entries: list[_Named] = []


class BoxFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file."""

    id: str
    name: str = ""
    size: int = -1
    sha1: str = ""
    etag: str | None = None
    file_version: _Named | None = None
    path_collection: _Path = _Path()

    @property
    def version(self) -> str:
        """Of its bytes; other than the tag it stays when the file is moved."""
        return "" if self.file_version is None else self.file_version.id

    def path_below(self, folder_id: str) -> str | None:
        """Where it is, from a folder on; None if it is not in there."""
        ids = [folder.id for folder in self.path_collection.entries]
        if folder_id not in ids:
            return None
        names = [folder.name for folder in self.path_collection.entries[ids.index(folder_id) + 1 :]]
        return "".join(f"/{name}" for name in [*names, self.name])


class Files(msgspec.Struct, frozen=True):
    """What an upload made: one file."""

    entries: list[BoxFile] = []


class Folder(msgspec.Struct, frozen=True):
    """A folder."""

    id: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a big file that Box has."""

    part_id: str
    offset: int
    size: int
    sha1: str = ""


class Parts(msgspec.Struct, frozen=True):
    """A page of them."""

    entries: list[Part] = []
    total_count: int = 0


class PartDone(msgspec.Struct, frozen=True):
    """The answer to a part."""

    part: Part


class UploadSession(msgspec.Struct, frozen=True):
    """Where a big file is gathered, and how large its parts must be."""

    id: str
    part_size: int


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Whose account it is, and how full."""

    id: str
    login: str = ""
    name: str = ""
    space_amount: int = 0
    space_used: int = 0


class Multipart:
    """The body of an upload in one call: what is said of the file, then its bytes.

    Args:
        name: The file's.
        folder_id: Where it belongs.
        pieces: Its bytes.
    """

    def __init__(self, name: str, folder_id: str, pieces: list[bytes]) -> None:
        boundary = secrets.token_hex(24)
        said = msgspec.json.encode({"name": name, "parent": {"id": folder_id}})
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="attributes"\r\nContent-Type: application/json\r\n\r\n'.encode()
        file = f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n'.encode()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self.pieces = [head + said + file + b"Content-Type: application/octet-stream\r\n\r\n", *pieces, f"\r\n--{boundary}--\r\n".encode()]


def decode(body: bytes, shape: type[Any]) -> Any:
    """An answer in its shape.

    Raises:
        TransientError: It has another shape.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except UNREADABLE:
        raise TransientError("Box answered something that is not in its reference") from None


def is_path(path: str) -> bool:
    """Whether something can be at a path that begins at the root: each name as Box takes it."""
    parts = path.split("/")
    if parts[0] or len(parts) < 2:
        return False
    return all(_is_name(part) for part in parts[1:])


def _is_name(name: str) -> bool:
    if name in {"", ".", ".."} or len(name) > _NAME_CHARACTERS or "\\" in name or name != name.strip(" "):
        return False
    return not any(character < " " or "\ud800" <= character <= "\udfff" for character in name)


def ancestors(path: str) -> Iterator[str]:
    """``/a``, ``/a/b``, … up to the path itself."""
    found = ""
    for part in path.strip("/").split("/"):
        found += f"/{part}"
        yield found


def digest_of(sha1: bytes) -> str:
    """A SHA-1 as the header ``Digest`` has it."""
    return f"sha={base64.b64encode(sha1).decode()}"
