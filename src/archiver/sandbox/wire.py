"""What travels: the arguments of every route and the records of the replies, as files.stone and users.stone have them."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

__all__ = [
    "AppendArg",
    "AppendBatchArg",
    "AppendEntry",
    "Commit",
    "ContinueArg",
    "Cursor",
    "DeleteArg",
    "DownloadArg",
    "FileMetadata",
    "FinishArg",
    "FinishBatchArg",
    "FolderMetadata",
    "ListFolderArg",
    "MetadataArg",
    "PollArg",
    "StartArg",
    "StartBatchArg",
    "UploadArg",
]

MAX_ENTRIES = 1000
Sha256Hex = Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
Count = Annotated[int, msgspec.Meta(ge=0)]
WritePath = Annotated[str, msgspec.Meta(pattern=r"^(/[\s\S]*|id:.+)$")]
ReadPath = Annotated[str, msgspec.Meta(pattern=r"^(/[\s\S]*|id:.+|rev:[0-9a-f]{9,})$")]
FolderPath = Annotated[str, msgspec.Meta(pattern=r"^(/[\s\S]*)?$")]
Timestamp = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Mode = str | dict[str, Any]
_REV = re.compile(r"[0-9a-f]{9,}")


class Commit(msgspec.Struct, kw_only=True, gc=False):
    """``CommitInfo``: where a content goes and what is to be done about what stands there."""

    path: WritePath
    mode: Mode = "add"
    autorename: bool = False
    client_modified: Timestamp | None = None
    mute: bool = False
    strict_conflict: bool = False

    def __post_init__(self) -> None:
        if self.mode_tag not in {"add", "overwrite", "update"}:
            raise ValueError("mode: invalid union tag")
        if self.mode_tag == "update" and not (isinstance(self.mode, dict) and _REV.fullmatch(str(self.mode.get("update")))):
            raise ValueError("mode: update needs a rev")

    @property
    def mode_tag(self) -> str:
        """``add``, ``overwrite`` or ``update``; a union without fields may also come as a plain string."""
        return self.mode if isinstance(self.mode, str) else str(self.mode.get(".tag", ""))

    @property
    def overwrites(self) -> bool:
        """Whether whatever file stands there is replaced."""
        return self.mode_tag == "overwrite"

    @property
    def update_rev(self) -> str | None:
        """The revision which alone may be replaced, in the mode ``update``."""
        return str(self.mode["update"]) if isinstance(self.mode, dict) and self.mode_tag == "update" else None


class UploadArg(Commit, kw_only=True):
    """``files/upload``."""

    content_hash: Sha256Hex | None = None


class Cursor(msgspec.Struct, gc=False):
    """Which session, and how many bytes it should have."""

    session_id: str
    offset: Count


class _SessionTyped(msgspec.Struct, kw_only=True):
    session_type: str | dict[str, Any] | None = None

    @property
    def concurrent(self) -> bool:
        """Whether pieces may come in any order."""
        kind = self.session_type
        return (kind.get(".tag") if isinstance(kind, dict) else kind) == "concurrent"


class StartArg(_SessionTyped, kw_only=True):
    """``upload_session/start``."""

    close: bool = False
    content_hash: Sha256Hex | None = None


class StartBatchArg(_SessionTyped, kw_only=True):
    """``upload_session/start_batch``."""

    num_sessions: Annotated[int, msgspec.Meta(ge=1, le=MAX_ENTRIES)]


class AppendArg(msgspec.Struct, kw_only=True):
    """``upload_session/append_v2``."""

    cursor: Cursor
    close: bool = False
    content_hash: Sha256Hex | None = None


class AppendEntry(msgspec.Struct, kw_only=True, gc=False):
    """One session's share of the body of ``upload_session/append_batch``."""

    cursor: Cursor
    length: Count
    close: bool = False


class AppendBatchArg(msgspec.Struct, kw_only=True):
    """``upload_session/append_batch``: the body is the concatenation of the entries' pieces."""

    entries: Annotated[list[AppendEntry], msgspec.Meta(max_length=MAX_ENTRIES)]
    content_hash: Sha256Hex | None = None


class FinishArg(msgspec.Struct, kw_only=True, gc=False):
    """``upload_session/finish``, and an entry of the batch routes."""

    cursor: Cursor
    commit: Commit
    content_hash: Sha256Hex | None = None


class FinishBatchArg(msgspec.Struct, kw_only=True):
    """``upload_session/finish_batch`` and ``finish_batch_v2``."""

    entries: Annotated[list[FinishArg], msgspec.Meta(max_length=MAX_ENTRIES)]


class PollArg(msgspec.Struct):
    """``upload_session/finish_batch/check``."""

    async_job_id: str


class MetadataArg(msgspec.Struct):
    """``files/get_metadata``."""

    path: ReadPath


class DeleteArg(msgspec.Struct):
    """``files/delete_v2``."""

    path: ReadPath
    parent_rev: str | None = None


class DownloadArg(msgspec.Struct):
    """``files/download``."""

    path: ReadPath


class ListFolderArg(msgspec.Struct):
    """``files/list_folder``."""

    path: FolderPath
    recursive: bool = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=2000)] = 500


class ContinueArg(msgspec.Struct):
    """``files/list_folder/continue``."""

    cursor: str


class FileMetadata(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """A file as the API shows it; the tag is only there where the place is a union."""

    tag: str | None = msgspec.field(default=None, name=".tag")
    name: str
    path_lower: str
    path_display: str
    id: str
    client_modified: str
    server_modified: str
    rev: str
    size: int
    content_hash: str
    is_downloadable: bool | None = None


class FolderMetadata(msgspec.Struct, kw_only=True):
    """A folder as the API shows it."""

    tag: str = msgspec.field(default="folder", name=".tag")
    name: str
    path_lower: str
    path_display: str
    id: str
