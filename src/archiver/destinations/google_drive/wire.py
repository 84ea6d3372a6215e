"""The shapes of arguments and answers of the Drive API v3, and the entry that a file is meanwhile. Only the fields used."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from archiver.destinations.port import Upload
from archiver.errors import TransientError
from archiver.http.replies import UNREADABLE

__all__ = [
    "FILE_FIELDS",
    "FOLDER",
    "KEY",
    "ROOT",
    "About",
    "DriveFile",
    "DriveName",
    "FileList",
    "Ids",
    "decode",
    "key_of",
    "metadata",
    "multipart",
    "quoted",
    "split",
]

FOLDER = "application/vnd.google-apps.folder"
FILE_FIELDS = "id,name,mimeType,parents,size,md5Checksum,sha256Checksum,headRevisionId,trashed,createdTime,appProperties"
ROOT = "root"
"""What My Drive's root is called where its id is not known."""
KEY = "archiver"
"""The name of the property that says which path a file or a folder of ours is for; only this application sees it."""

_MEDIA_TYPE = re.compile(r"(?!application/vnd\.google-apps)[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}", re.IGNORECASE)
_ANY = "application/octet-stream"


class DriveFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file or a folder, as Google tells it; numbers of 64 bits are texts."""

    id: str
    name: str = ""
    mime_type: str = ""
    parents: list[str] = []
    size: int = -1
    md5: str = msgspec.field(default="", name="md5Checksum")
    sha256: str = msgspec.field(default="", name="sha256Checksum")
    revision: str = msgspec.field(default="", name="headRevisionId")
    trashed: bool = False
    created_time: str = ""
    app_properties: dict[str, str] = {}

    @property
    def key(self) -> str:
        """Of the path that it was made for; empty if we did not make it."""
        return self.app_properties.get(KEY, "")

    def has(self, size: int, md5: str, sha256: str) -> bool:
        """Whether Google has these bytes; its SHA-256 is not told of every file."""
        return self.size == size and self.md5 == md5 and self.sha256 in {"", sha256}


class FileList(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to a search."""

    files: list[DriveFile] = []
    next_page_token: str = ""


class Ids(msgspec.Struct, frozen=True):
    """The answer to ``generateIds``."""

    ids: list[str] = []


class _User(msgspec.Struct, frozen=True, rename="camel"):
    email_address: str = ""
    display_name: str = ""


class _Quota(msgspec.Struct, frozen=True):
    usage: int = 0
    limit: int = 0  # 0: no limit, or one of the whole organisation


class About(msgspec.Struct, frozen=True, rename="camel"):
    """Whose Drive it is."""

    user: _User = _User()
    storage_quota: _Quota = _Quota()


class DriveName(msgspec.Struct, frozen=True):
    """A shared drive."""

    id: str
    name: str = ""


def decode(body: bytes, shape: type[Any]) -> Any:
    """An answer in its shape.

    Raises:
        TransientError: It has another shape.
    """
    try:
        return msgspec.json.decode(body, type=shape, strict=False)
    except UNREADABLE:
        raise TransientError("Google Drive answered something that is not in its reference") from None


def key_of(root: str, path: str) -> str:
    """The key of a path below a root: the same in every process and after every restart."""
    digest = hashlib.sha256(f"{root}\n{path}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def quoted(text: str) -> str:
    """A text in the language of searches."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def split(path: str) -> tuple[str, str]:
    """The folder and the name of a path; the folder of ``/a`` is empty."""
    folder, _, name = path.rpartition("/")
    return folder, name


def metadata(upload: Upload, *, file_id: str, parent: str, key: str) -> bytes:
    """What is said of a new file."""
    item = upload.delivery.item
    said: dict[str, Any] = {
        "id": file_id,
        "name": split(upload.delivery.path)[1],
        "mimeType": item.media_type if _MEDIA_TYPE.fullmatch(item.media_type) else _ANY,
        "parents": [parent],
        "appProperties": {KEY: key},
    }
    with suppress(ValueError, OverflowError, OSError):  # of a date that no calendar has Google takes the moment of the upload
        said["modifiedTime"] = datetime.fromtimestamp(item.occurred_at // 1000, UTC).isoformat().replace("+00:00", "Z")
    return json.dumps(said, separators=(",", ":")).encode()


def multipart(said: bytes, data: bytes) -> tuple[str, list[bytes]]:
    """A body of metadata and bytes (RFC 2387): its type and its pieces. The boundary is random, so that nobody can put it into a file."""
    boundary = secrets.token_hex(16)
    head = f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode() + said
    head += f"\r\n--{boundary}\r\nContent-Type: {_ANY}\r\n\r\n".encode()
    return f"multipart/related; boundary={boundary}", [head, data, f"\r\n--{boundary}--\r\n".encode()]
