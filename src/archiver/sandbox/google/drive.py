"""Files and folders by id. Names need not be unique; an id is taken once for all, also by what was deleted since."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from archiver.sandbox.google.refusals import not_found, refusal

__all__ = ["FOLDER", "Drive", "DriveFile", "Hashes", "hashes_of", "moment"]

FOLDER = "application/vnd.google-apps.folder"
ID_BYTES = 25
_SIGNS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"


class Hashes(msgspec.Struct, frozen=True):
    """What Drive tells of a content, all of it lower-case hex."""

    size: int
    md5: str
    sha1: str
    sha256: str


class DriveFile(msgspec.Struct, kw_only=True):
    """One file or folder.

    Attributes:
        id: Its name for machines.
        name: For people.
        mime_type: Folders have one of their own.
        parents: The folder that it is in; none for a root.
        drive_id: The shared drive that it is in; empty in My Drive.
        app: Which application made it.
        app_properties: Seen by this application only.
        properties: Seen by all.
        created_time: RFC 3339.
        modified_time: As the client said, or when its bytes came.
        trashed: In the bin, or in a folder that is.
        binned: It was put there itself.
        hashes: Of its bytes; None for folders.
        revision: Of its bytes.
        revisions: How many contents it has had.
        version: Grows with each change.
        found_at: From when on a search finds it.
        made_at: When it was made, in seconds since the epoch.
    """

    id: str
    name: str
    mime_type: str
    parents: list[str]
    drive_id: str = ""
    app: str = ""
    app_properties: dict[str, str] = {}
    properties: dict[str, str] = {}
    created_time: str = ""
    modified_time: str = ""
    trashed: bool = False
    binned: bool = False
    hashes: Hashes | None = None
    revision: str = ""
    revisions: int = 0
    version: int = 1
    found_at: float = 0.0
    made_at: float = 0.0

    @property
    def is_folder(self) -> bool:
        """Holds others."""
        return self.mime_type == FOLDER

    def resource(self) -> dict[str, Any]:
        """All that Google tells of it, as far as anybody here asks; numbers of 64 bits are texts."""
        found: dict[str, Any] = {
            "kind": "drive#file",
            "id": self.id,
            "name": self.name,
            "mimeType": self.mime_type,
            "parents": self.parents,
            "trashed": self.trashed,
            "explicitlyTrashed": self.binned,
            "createdTime": self.created_time,
            "modifiedTime": self.modified_time,
            "version": str(self.version),
        }
        if self.drive_id:
            found["driveId"] = self.drive_id
        if self.app_properties:
            found["appProperties"] = self.app_properties
        if self.properties:
            found["properties"] = self.properties
        if self.hashes is not None:
            found |= {
                "size": str(self.hashes.size),
                "md5Checksum": self.hashes.md5,
                "sha1Checksum": self.hashes.sha1,
                "sha256Checksum": self.hashes.sha256,
                "headRevisionId": self.revision,
                "originalFilename": self.name,
            }
        return found


class Drive:
    """My Drive of one user and the shared drives that it is a member of.

    Args:
        now: Seconds since the epoch.
    """

    def __init__(self, now: float) -> None:
        self.root = self.new_id()
        self._promised: set[str] = set()
        self._files: dict[str, DriveFile] = {}
        self._gone: set[str] = set()
        self._children: dict[str, dict[str, DriveFile]] = {}
        self.shared: dict[str, str] = {}
        self._put(
            DriveFile(id=self.root, name="My Drive", mime_type=FOLDER, parents=[], created_time=moment(now), modified_time=moment(now))
        )

    def __iter__(self) -> Iterator[DriveFile]:
        return iter(list(self._files.values()))

    def new_id(self) -> str:
        """An id that nobody has."""
        return "1" + "".join(secrets.choice(_SIGNS) for _ in range(ID_BYTES + 7))

    def promise(self, count: int) -> list[str]:
        """Ids for files that are to be made (``files.generateIds``)."""
        ids = [self.new_id() for _ in range(count)]
        self._promised.update(ids)
        return ids

    def add_shared(self, name: str, now: float) -> str:
        """A shared drive; its id is that of its root."""
        drive_id = "0A" + self.new_id()[:17]
        self.shared[drive_id] = name
        stamp = moment(now)
        self._put(
            DriveFile(id=drive_id, name="Drive", mime_type=FOLDER, parents=[], drive_id=drive_id, created_time=stamp, modified_time=stamp)
        )
        return drive_id

    def find(self, file_id: str) -> DriveFile:
        """A file by its id, or by the alias ``root``.

        Raises:
            Refusal: There is none.
        """
        found = self._files.get(self.root if file_id == "root" else file_id)
        if found is None:
            raise not_found(file_id)
        return found

    def children(self, folder_id: str) -> Iterable[DriveFile]:
        """What is in a folder."""
        return list(self._children.get(folder_id, {}).values())

    def check_new(self, file_id: str, parent: str) -> DriveFile:
        """Whether something may be made under this id in this folder; returns the folder.

        Raises:
            Refusal: The id is taken, was not promised, or the folder is none.
        """
        if file_id in self._files or file_id in self._gone:
            raise refusal(409, "fileIdInUse", "A file already exists with the provided ID.")
        if file_id and file_id not in self._promised:
            raise refusal(400, "invalid", "The provided file ID is not usable.", location=("parameter", "file.id"))
        folder = self.find(parent or "root")
        if not folder.is_folder:
            raise refusal(403, "parentNotAFolder", "The specified parent is not a folder.")
        return folder

    def add(self, file: DriveFile) -> None:
        """Puts a new file in its place."""
        self._promised.discard(file.id)
        self._put(file)

    def move(self, file: DriveFile, parents: list[str]) -> None:
        """Puts a file elsewhere."""
        for parent in file.parents:
            self._children.get(parent, {}).pop(file.id, None)
        file.parents = parents
        self._put(file)

    def remove(self, file: DriveFile) -> None:
        """Deletes for good, with all that is within."""
        for child in self.children(file.id):
            self.remove(child)
        for parent in file.parents:
            self._children.get(parent, {}).pop(file.id, None)
        del self._files[file.id]
        self._gone.add(file.id)

    def path(self, file: DriveFile) -> str:
        """From the root downwards, with slashes: for people and for the ledger."""
        names = [file.name]
        while file.parents:
            file = self._files[file.parents[0]]
            if file.parents:
                names.append(file.name)
        return "/" + "/".join(reversed(names))

    def bin(self, file: DriveFile, *, trashed: bool) -> None:
        """Puts a file into the bin with all that is within, or takes it out."""
        file.binned = trashed
        self._sink(file, trashed=trashed)

    def _sink(self, file: DriveFile, *, trashed: bool) -> None:
        file.trashed = trashed or file.binned
        for child in self.children(file.id):
            self._sink(child, trashed=file.trashed)

    @property
    def used_bytes(self) -> int:
        """Of all contents, also those in the bin."""
        return sum(file.hashes.size for file in self._files.values() if file.hashes is not None)

    def _put(self, file: DriveFile) -> None:
        self._files[file.id] = file
        for parent in file.parents:
            self._children.setdefault(parent, {})[file.id] = file


def moment(seconds: float) -> str:
    """A moment as Google writes it: RFC 3339, UTC, milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def hashes_of(data: bytes) -> Hashes:
    """The digests of bytes that are all there."""
    return Hashes(
        len(data),
        hashlib.md5(data, usedforsecurity=False).hexdigest(),
        hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        hashlib.sha256(data).hexdigest(),
    )
