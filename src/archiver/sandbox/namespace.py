"""One account's tree of files and folders, and the rules by which a commit changes it (files.stone, ``WriteMode``, ``CommitInfo``)."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator
from itertools import count

import msgspec

from archiver.sandbox.clock import timestamp
from archiver.sandbox.hashing import Content
from archiver.sandbox.refusals import Union, union
from archiver.sandbox.wire import Commit

__all__ = ["FileEntry", "Namespace", "WriteRefusedError"]

# Names that Dropbox refuses for every account (read in rclone's backend/dropbox/dropbox.go, `ignoredFiles`).
DISALLOWED_NAMES = frozenset({"desktop.ini", "thumbs.db", ".ds_store", "icon\r", ".dropbox", ".dropbox.attr"})
MAX_NAME_CHARACTERS = 255
# Most paths by far: nothing in them needs a closer look.
_PLAIN_PATH = re.compile(r"(?:/(?!desktop\.ini|thumbs\.db)[a-z0-9_\-+#~=@,()][a-z0-9_\-+#~=@,() .]*(?<! ))+", re.IGNORECASE)


class FileEntry(msgspec.Struct, gc=False):
    """One visible file.

    Attributes:
        path_lower: Its place, lower case: paths differ by more than case.
        path_display: As it was written first.
        id: Stays the same over revisions.
        rev: Of this revision.
        content: What it holds.
        client_modified: As the client said.
        server_modified: When this revision became visible.
        revisions: How many revisions became visible at this path.
        transfers: How many uploads were committed to this path, also those that changed nothing.
        visible_at: When this revision became visible, in seconds since the epoch.
    """

    path_lower: str
    path_display: str
    id: str
    rev: str
    content: Content
    client_modified: str
    server_modified: str
    revisions: int = 1
    transfers: int = 1
    visible_at: float = 0

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path_display.rpartition("/")[2]


class WriteRefusedError(Exception):
    """A ``WriteError``: nothing was written.

    Attributes:
        error: The union, such as ``{".tag": "conflict", "conflict": {".tag": "file"}}``.
    """

    def __init__(self, error: Union) -> None:
        super().__init__(error[".tag"])
        self.error = error


class Namespace:
    """The tree.

    Args:
        quota_bytes: More than so many bytes are refused.
    """

    def __init__(self, quota_bytes: int) -> None:
        self.quota_bytes = quota_bytes
        self.used_bytes = 0
        self.files: dict[str, FileEntry] = {}
        self._by_id: dict[str, FileEntry] = {}
        self.folders: dict[str, str] = {}
        self._revs = count(secrets.randbelow(1 << 20) << 32)

    def commit(self, commit: Commit, content: Content, now: float) -> FileEntry:
        """Makes a content visible at a path.

        Returns:
            The file as it is now; unchanged if the same content was there already.

        Raises:
            WriteRefusedError: The path, the name, the mode or the quota forbid it.
        """
        path = self._resolve(commit.path)
        lower = path.lower()
        existing = self.files.get(lower)
        if existing is not None and existing.content == content and not commit.strict_conflict:
            existing.transfers += 1
            return existing
        self._check_parents(lower)
        conflict = self._conflict(lower, existing, commit)
        if conflict is not None:
            if not commit.autorename:
                raise WriteRefusedError(union("conflict", conflict))
            path, lower = self._free_name(path, conflicted_copy=commit.update_rev is not None)
            existing = None
        used = self.used_bytes + content.size - (existing.content.size if existing else 0)
        if used > self.quota_bytes:
            raise WriteRefusedError(union("insufficient_space"))
        self.used_bytes = used
        server_modified = timestamp(now)
        entry = self._write(path, lower, existing, content, (commit.client_modified or server_modified, server_modified))
        entry.visible_at = now
        return entry

    def delete(self, path: str, parent_rev: str | None) -> FileEntry | str | None:
        """Takes away a file, or a folder with all that is in it.

        Args:
            path: Or an ``id:…``.
            parent_rev: Only this revision of a file.

        Returns:
            What it was; None if there is nothing.

        Raises:
            WriteRefusedError: It is another revision by now, or no file.
        """
        found = self.find(path)
        if parent_rev is not None and found is not None and (isinstance(found, str) or found.rev != parent_rev):
            raise WriteRefusedError(union("conflict", "folder" if isinstance(found, str) else "file"))
        lower = "" if found is None else (found if isinstance(found, str) else found.path_display).lower()
        for entry in [entry for place, entry in self.files.items() if lower and (place == lower or place.startswith(lower + "/"))]:
            del self.files[entry.path_lower], self._by_id[entry.id]
            self.used_bytes -= entry.content.size
        for place in [place for place in self.folders if lower and (place == lower or place.startswith(lower + "/"))]:
            del self.folders[place]
        return found

    def restore(self, entry: FileEntry) -> None:
        """Puts back a file as a journal has it, without any check."""
        old = self.files.get(entry.path_lower)
        self.used_bytes += entry.content.size - (old.content.size if old else 0)
        self._make_parents(entry.path_display, entry.path_lower)
        self.files[entry.path_lower] = self._by_id[entry.id] = entry
        self._revs = count(max(int(entry.rev, 16) + 1, next(self._revs)))

    def find(self, path: str) -> FileEntry | str | None:
        """What is at a path, an ``id:…`` or a ``rev:…``: a file, a folder's display path, or nothing."""
        if path.startswith("id:"):
            return self._by_id.get(path)
        if path.startswith("rev:"):
            return next((entry for entry in self.files.values() if entry.rev == path[4:]), None)
        lower = _normal(path).lower()
        return self.files.get(lower) or self.folders.get(lower)

    def listing(self, folder: str, *, recursive: bool) -> Iterator[FileEntry | str]:
        """What a folder holds, in the order of the paths: files, and folders as their display paths."""
        prefix = "" if folder in {"", "/"} else _normal(folder).lower().rstrip("/")
        entries: list[tuple[str, FileEntry | str]] = [*self.folders.items(), *self.files.items()]
        for lower, entry in sorted(entries, key=lambda pair: pair[0]):
            inside = lower.startswith(prefix + "/")
            if inside and (recursive or "/" not in lower[len(prefix) + 1 :]):
                yield entry

    def _resolve(self, path: str) -> str:
        if path.startswith("id:"):
            entry = self._by_id.get(path)
            if entry is None:
                raise WriteRefusedError({".tag": "malformed_path", "malformed_path": "no file has this id"})
            return entry.path_display
        if _PLAIN_PATH.fullmatch(path) and len(path) <= MAX_NAME_CHARACTERS:
            return path
        path = _normal(path)
        for name in path[1:].split("/"):
            if not name or name in {".", ".."} or len(name) > MAX_NAME_CHARACTERS or name[-1] == " " or "\\" in name or "\x7f" in name:
                raise WriteRefusedError({".tag": "malformed_path", "malformed_path": None})
            if name.lower() in DISALLOWED_NAMES:
                raise WriteRefusedError(union("disallowed_name"))
        return path

    def _check_parents(self, lower: str) -> None:
        end = lower.rfind("/")
        while end > 0 and (parent := lower[:end]) not in self.folders:
            if parent in self.files:
                raise WriteRefusedError(union("conflict", "file_ancestor"))
            end = lower.rfind("/", 0, end)

    def _make_parents(self, path: str, lower: str) -> None:
        end = lower.rfind("/")
        while end > 0 and lower[:end] not in self.folders:
            self.folders[lower[:end]] = path[:end]
            end = lower.rfind("/", 0, end)

    def _conflict(self, lower: str, existing: FileEntry | None, commit: Commit) -> str | None:
        if lower in self.folders:
            return "folder"
        rev = commit.update_rev
        if existing is None:
            return "file" if rev is not None and commit.strict_conflict else None
        if rev is not None:
            return None if existing.rev == rev else "file"
        return None if commit.overwrites and not commit.strict_conflict else "file"

    def _free_name(self, path: str, *, conflicted_copy: bool) -> tuple[str, str]:
        folder, _, name = path.rpartition("/")
        stem, dot, extension = name.rpartition(".")
        if not stem:
            stem, dot, extension = name, "", ""
        for number in count(1):
            suffix = f"conflicted copy {number}" if conflicted_copy else str(number)
            candidate = f"{folder}/{stem} ({suffix}){dot}{extension}"
            if candidate.lower() not in self.files and candidate.lower() not in self.folders:
                return candidate, candidate.lower()
        raise AssertionError("numbers do not end")

    def _write(self, path: str, lower: str, existing: FileEntry | None, content: Content, times: tuple[str, str]) -> FileEntry:
        rev = f"{next(self._revs):015x}"
        if existing is None:
            self._make_parents(path, lower)
            entry = FileEntry(lower, path, f"id:{secrets.token_urlsafe(16)}", rev, content, *times)
            self.files[lower] = self._by_id[entry.id] = entry
            return entry
        existing.rev = rev
        existing.content = content
        existing.client_modified, existing.server_modified = times
        existing.revisions += 1
        existing.transfers += 1
        return existing


def _normal(path: str) -> str:
    return path if path.isascii() else unicodedata.normalize("NFC", path)
