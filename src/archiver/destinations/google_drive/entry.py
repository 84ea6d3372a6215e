"""A file between `put_many` and its receipt: where it goes, and what it has been made under."""

from __future__ import annotations

import hashlib

import msgspec

from archiver.destinations.google_drive.chunks import Transfer, kept_id
from archiver.destinations.google_drive.looking import Place
from archiver.destinations.google_drive.wire import ROOT, key_of, split
from archiver.destinations.port import Upload

__all__ = ["Entry", "Root", "entry_of"]


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything goes.

    Attributes:
        path: What stands before each delivery's path: empty, or ``/Folder``.
        folder: The id of the folder that it is below; empty for the root.
        shared_drive: The id of a shared drive; empty for My Drive.
    """

    path: str = ""
    folder: str = ""
    shared_drive: str = ""

    @property
    def id(self) -> str:
        """Of the folder that all paths begin in."""
        return self.folder or self.shared_drive or ROOT


class Entry(msgspec.Struct, kw_only=True, gc=False):
    """A file between `put_many` and its receipt.

    Attributes:
        upload: What it is.
        folder: The path of its folder.
        name: Its name there.
        key: Of its whole path.
        parent: The folder's id.
        file_id: What it is made under, once that was used.
        size: In bytes; of a stream once it was read.
        sha256: As above, hex.
        md5: As above, hex.
    """

    upload: Upload
    folder: str
    name: str
    key: str
    parent: str = ""
    file_id: str = ""
    size: int = 0
    sha256: str = ""
    md5: str = ""

    @property
    def place(self) -> Place:
        """Where it would be."""
        return self.parent, self.name, self.key

    def hashed(self, transfer: Transfer) -> None:
        """Takes what a stream turned out to be."""
        self.size, self.sha256, self.md5 = transfer.size, transfer.sha256, transfer.md5


def entry_of(upload: Upload, root: Root) -> Entry | None:
    """What is to be put; None if its path cannot be written as text, or does not begin at the root."""
    path = root.path + upload.delivery.path
    try:
        path.encode()
    except UnicodeEncodeError:
        return None
    folder, name = split(path)
    if not upload.delivery.path.startswith("/") or not name or "//" in path:
        return None
    entry = Entry(upload=upload, folder=folder, name=name, key=key_of(root.id, path), file_id=kept_id(upload.delivery.session))
    if upload.data is not None:
        entry.size, entry.sha256 = len(upload.data), upload.sha256.hex()
        entry.md5 = hashlib.md5(upload.data, usedforsecurity=False).hexdigest()
    return entry
