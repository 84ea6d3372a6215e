"""The routes that move no content in: metadata, lists, downloads, generated ids, shared drives, the account."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from archiver.sandbox.content import ContentStore
from archiver.sandbox.google.drive import DriveFile, moment
from archiver.sandbox.google.fields import only, parse_fields
from archiver.sandbox.google.grants import CLIENT_ID, Grant
from archiver.sandbox.google.query import parse_query
from archiver.sandbox.google.refusals import Reply, invalid, json_reply, not_found, refusal
from archiver.sandbox.google.users import User

__all__ = ["Asked", "Metadata", "described", "found", "make", "route_of", "shown"]

_DEFAULT = "kind,id,name,mimeType"
_DEFAULT_LIST = f"kind,incompleteSearch,nextPageToken,files({_DEFAULT})"
_MOST_IDS = 1000
_PROPERTY_BYTES = 124


class Metadata(msgspec.Struct, kw_only=True, rename="camel"):
    """What a client may say of a file."""

    id: str = ""
    name: str | None = None
    mime_type: str = ""
    parents: list[str] = []
    app_properties: dict[str, str] = {}
    properties: dict[str, str] = {}
    modified_time: str = ""
    created_time: str = ""
    trashed: bool | None = None
    description: str = ""
    original_filename: str = ""


_METADATA = msgspec.json.Decoder(Metadata)


class Asked(msgspec.Struct, kw_only=True):
    """One call that was authenticated and admitted.

    Attributes:
        user: Whose drive.
        grant: With which authorisation.
        query: The parameters.
        word: The id in the path; empty if there is none.
        body: All of it.
        now: Seconds since the epoch.
        contents: Where bytes are kept.
    """

    user: User
    grant: Grant
    query: Mapping[str, str]
    word: str
    body: bytes
    now: float
    contents: ContentStore

    def flag(self, name: str) -> bool:
        """A parameter that is true or false."""
        return self.query.get(name, "false") == "true"


def described(body: bytes) -> Metadata:
    """What a client says of a file.

    Raises:
        Refusal: It is no JSON, or not of this shape.
    """
    try:
        metadata = _METADATA.decode(body) if body.strip() else Metadata()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refusal(400, "parseError", "Parse Error") from error
    for key, value in [*metadata.app_properties.items(), *metadata.properties.items()]:
        if len(key.encode()) + len(value.encode()) > _PROPERTY_BYTES:
            raise refusal(403, "propertyTooLong", "A property is too long.")
    return metadata


def found(asked: Asked, file_id: str) -> DriveFile:
    """A file that this application may know of.

    Raises:
        Refusal: There is none, or it is in a shared drive and the call does not say that it knows of such.
    """
    file = asked.user.drive.find(file_id)
    if not asked.user.sees(asked.grant, file) or (file.drive_id and not asked.flag("supportsAllDrives")):
        raise not_found(file_id)
    return file


def make(asked: Asked, metadata: Metadata) -> DriveFile:
    """A new file or folder without bytes; it is not in its place yet.

    Raises:
        Refusal: It may not be made.
    """
    drive = asked.user.drive
    if len(metadata.parents) > 1:
        raise refusal(403, "multipleParentsNotAllowed", "A file cannot have more than one parent.")
    parent = metadata.parents[0] if metadata.parents else ""
    folder = drive.check_new(metadata.id, parent)
    if folder.id != drive.root:
        found(asked, folder.id)
    stamp = moment(asked.now)
    return DriveFile(
        id=metadata.id or drive.new_id(),
        name="Untitled" if metadata.name is None else metadata.name,
        mime_type=metadata.mime_type or "application/octet-stream",
        parents=[folder.id],
        drive_id=folder.drive_id,
        trashed=folder.trashed,
        app=CLIENT_ID,
        app_properties=metadata.app_properties,
        properties=metadata.properties,
        created_time=metadata.created_time or stamp,
        modified_time=metadata.modified_time or stamp,
        found_at=asked.now + asked.user.limits.list_lag,
        made_at=asked.now,
    )


def shown(asked: Asked, file: DriveFile) -> Reply:
    """A file, as far as the call wants to know."""
    return json_reply(only(file.resource(), parse_fields(asked.query.get("fields", _DEFAULT))))


def _create(asked: Asked) -> Reply:
    file = make(asked, described(asked.body))
    asked.user.drive.add(file)
    return shown(asked, file)


def _get(asked: Asked) -> Reply:
    file = found(asked, asked.word)
    if asked.query.get("alt") != "media":
        return shown(asked, file)
    if file.hashes is None:
        raise refusal(403, "fileNotDownloadable", "Only files with binary content can be downloaded.")
    return Reply(body=b"".join(asked.contents.chunks(file.hashes.sha256)), content_type=file.mime_type)


def _update(asked: Asked) -> Reply:
    file, metadata = found(asked, asked.word), described(asked.body)
    if metadata.name is not None:
        file.name = metadata.name
    if metadata.trashed is not None:
        asked.user.drive.bin(file, trashed=metadata.trashed)
    if metadata.modified_time:
        file.modified_time = metadata.modified_time
    file.app_properties = {**file.app_properties, **metadata.app_properties}
    added = [word for word in asked.query.get("addParents", "").split(",") if word]
    if added:
        asked.user.drive.move(file, [found(asked, added[0]).id])
    file.version += 1
    return shown(asked, file)


def _delete(asked: Asked) -> Reply:
    asked.user.drive.remove(found(asked, asked.word))
    return Reply(status=204, content_type="text/html")


def _list(asked: Asked) -> Reply:
    drive = asked.user.drive
    text = asked.query.get("q", "").replace("'root' in parents", f"'{drive.root}' in parents")
    wanted, mask = parse_query(text), parse_fields(asked.query.get("fields", _DEFAULT_LIST))
    size = _number(asked, "pageSize", 100, 1000)
    shared, drive_id = asked.flag("includeItemsFromAllDrives") and asked.flag("supportsAllDrives"), asked.query.get("driveId", "")
    if drive_id and asked.query.get("corpora") != "drive":
        raise invalid("corpora", "The driveId parameter must be specified if and only if corpora is set to drive.")
    files = [
        file
        for file in drive
        if file.parents
        and file.found_at <= asked.now
        and asked.user.sees(asked.grant, file)
        and (file.drive_id == drive_id if drive_id else shared or not file.drive_id)
        and wanted(file)
    ]
    files.sort(key=lambda file: (file.made_at, file.id), reverse=True)
    begin = int(asked.query.get("pageToken") or 0)
    answer: dict[str, Any] = {
        "kind": "drive#fileList",
        "incompleteSearch": False,
        "files": [file.resource() for file in files[begin : begin + size]],
    }
    if begin + size < len(files):
        answer["nextPageToken"] = str(begin + size)
    return json_reply(only(answer, mask))


def _generate_ids(asked: Asked) -> Reply:
    count = _number(asked, "count", 10, _MOST_IDS)
    return json_reply({"kind": "drive#generatedIds", "space": "drive", "ids": asked.user.drive.promise(count)})


def _about(asked: Asked) -> Reply:
    if "fields" not in asked.query:
        raise refusal(400, "required", "The 'fields' parameter is required for this method.", location=("parameter", "fields"))
    user, used = asked.user, asked.user.drive.used_bytes
    answer = {
        "kind": "drive#about",
        "user": {
            "kind": "drive#user",
            "displayName": user.name,
            "emailAddress": user.email,
            "permissionId": secrets.token_hex(8),
            "me": True,
        },
        "storageQuota": {"limit": str(user.quota_bytes), "usage": str(used), "usageInDrive": str(used), "usageInDriveTrash": "0"},
    }
    return json_reply(only(answer, parse_fields(asked.query["fields"])))


def _drives(asked: Asked) -> Reply:
    drives = [{"kind": "drive#drive", "id": key, "name": name} for key, name in asked.user.drive.shared.items()]
    return json_reply({"kind": "drive#driveList", "drives": drives})


def _drive(asked: Asked) -> Reply:
    name = asked.user.drive.shared.get(asked.word)
    if name is None:
        raise refusal(404, "notFound", f"Shared drive not found: {asked.word}", location=("parameter", "driveId"))
    return json_reply({"kind": "drive#drive", "id": asked.word, "name": name})


def _number(asked: Asked, name: str, default: int, most: int) -> int:
    text = asked.query.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise invalid(name, f"Invalid value '{text}'. Values must be within the range: [1, {most}]")
    return int(text)


Answerer = Callable[[Asked], Reply]

_ROUTES: dict[tuple[str, str], tuple[str, Answerer]] = {
    ("POST", "files"): ("files.create", _create),
    ("GET", "files"): ("files.list", _list),
    ("GET", "files/generateIds"): ("files.generateIds", _generate_ids),
    ("GET", "about"): ("about.get", _about),
    ("GET", "drives"): ("drives.list", _drives),
    ("GET", "files/*"): ("files.get", _get),
    ("PATCH", "files/*"): ("files.update", _update),
    ("DELETE", "files/*"): ("files.delete", _delete),
    ("GET", "drives/*"): ("drives.get", _drive),
}


def route_of(method: str, path: str, query: Mapping[str, str]) -> tuple[str, Answerer, str] | None:
    """The route of a call below ``/drive/v3/``: its name, who answers, and the id in its path; None if there is none."""
    room, _, word = path.partition("/")
    known = _ROUTES.get((method, path))
    if known is not None:
        return (*known, "")
    known = _ROUTES.get((method, f"{room}/*")) if word and "/" not in word else None
    if known is None:
        return None
    return ("files.download" if query.get("alt") == "media" else known[0], known[1], word)
