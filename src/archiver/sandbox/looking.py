"""The routes that only look: metadata, listings, downloads, the account and its space; and those that delete and revoke."""

from __future__ import annotations

import secrets
from hashlib import sha256
from itertools import islice
from typing import Any

import msgspec

from archiver.sandbox.namespace import FileEntry, WriteRefusedError
from archiver.sandbox.refusals import Reply, api_error, union
from archiver.sandbox.route import Call, Route
from archiver.sandbox.uploading import metadata
from archiver.sandbox.wire import ContinueArg, DeleteArg, DownloadArg, FileMetadata, FolderMetadata, ListFolderArg, MetadataArg

__all__ = ["LOOKING_ROUTES"]

_encode = msgspec.json.Encoder().encode


def _get_metadata(call: Call, arg: MetadataArg) -> Reply:
    entry = call.account.namespace.find(arg.path)
    if entry is None:
        raise api_error(union("path", "not_found"))
    return Reply(body=_encode(_shown(entry)))


def _download(call: Call, arg: DownloadArg) -> Reply:
    entry = call.account.namespace.find(arg.path)
    if entry is None:
        raise api_error(union("path", "not_found"))
    if isinstance(entry, str):
        raise api_error(union("path", "not_file"))
    if not call.world.store.keep:
        raise api_error(union("path", "restricted_content"))
    headers = {"Dropbox-API-Result": _ascii(msgspec.to_builtins(metadata(entry))), "ETag": f'W/"{entry.rev}"'}
    return Reply(body=b"".join(call.world.store.chunks(entry.content.sha256)), content_type="application/octet-stream", headers=headers)


def _list_folder(call: Call, arg: ListFolderArg) -> Reply:
    if arg.path not in {"", "/"}:
        folder = call.account.namespace.find(arg.path)
        if not isinstance(folder, str):
            raise api_error(union("path", "not_found" if folder is None else "not_folder"))
    entries = [_shown(entry) for entry in call.account.namespace.listing(arg.path, recursive=arg.recursive)]
    return _listing_page(call, entries, arg.limit)


def _list_folder_continue(call: Call, arg: ContinueArg) -> Reply:
    rest = call.account.cursors.pop(arg.cursor, None)
    if rest is None:
        raise api_error(union("reset"))
    limit, *entries = rest
    return _listing_page(call, entries, limit)


def _listing_page(call: Call, entries: list[FileMetadata | FolderMetadata], limit: int) -> Reply:
    cursor = secrets.token_urlsafe(32)
    call.account.cursors[cursor] = [limit, *islice(entries, limit, None)]
    return Reply(body=_encode({"entries": entries[:limit], "cursor": cursor, "has_more": len(entries) > limit}))


def _delete(call: Call, arg: DeleteArg) -> Reply:
    try:
        found = call.account.namespace.delete(arg.path, arg.parent_rev)
    except WriteRefusedError as refused:
        raise api_error({".tag": "path_write", "path_write": refused.error}) from refused
    if found is None:
        raise api_error(union("path_lookup", "not_found"))
    shown = _shown(found)
    call.world.deleted(call.account, found if isinstance(found, str) else found.path_display)
    return Reply(body=_encode({"metadata": shown}))


def _get_space_usage(call: Call, _arg: None) -> Reply:
    namespace = call.account.namespace
    allocation = {".tag": "individual", "allocated": namespace.quota_bytes}
    return Reply(body=_encode({"used": namespace.used_bytes, "allocation": allocation}))


def _get_current_account(call: Call, _arg: None) -> Reply:
    account = call.account
    name = account.name
    names = dict.fromkeys(["given_name", "familiar_name", "display_name"], name) | {"surname": "", "abbreviated_name": name[:2].upper()}
    root = {".tag": "user", "root_namespace_id": account.namespace_id, "home_namespace_id": account.namespace_id}
    body = {
        "account_id": account.line.account_id,
        "name": names,
        "email": f"{name}@example.com",
        "email_verified": True,
        "disabled": False,
        "country": "US",
        "locale": "en",
        "referral_link": "https://www.dropbox.com/referrals",
        "is_paired": False,
        "account_type": {".tag": "business"},
        "root_info": root,
    }
    return Reply(body=_encode(body))


def _revoke(call: Call, _arg: None) -> Reply:
    for grant in call.world.grants_of(call.account.name):
        if call.token in grant.access_tokens:
            call.world.revoke_grant(grant)
    return Reply(body=b"null")


def _shown(entry: FileEntry | str) -> FileMetadata | FolderMetadata:
    if isinstance(entry, FileEntry):
        return metadata(entry, "file")
    folder_id = f"id:{sha256(entry.lower().encode()).hexdigest()[:22]}"
    return FolderMetadata(name=entry.rpartition("/")[2], path_lower=entry.lower(), path_display=entry, id=folder_id)


def _ascii(value: dict[str, Any]) -> str:
    # Header values must be ASCII: what is not becomes an escape of JSON.
    text = _encode(value).decode()
    return text if text.isascii() else "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character.isascii():
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[start : start + 2].hex()}" for start in range(0, len(units), 2))


LOOKING_ROUTES = {
    "files/get_metadata": Route(style="rpc", argument=MetadataArg, answer=_get_metadata),
    "files/delete_v2": Route(style="rpc", argument=DeleteArg, answer=_delete),
    "files/download": Route(style="download", argument=DownloadArg, answer=_download),
    "files/list_folder": Route(style="rpc", argument=ListFolderArg, answer=_list_folder),
    "files/list_folder/continue": Route(style="rpc", argument=ContinueArg, answer=_list_folder_continue),
    "users/get_space_usage": Route(style="rpc", argument=None, answer=_get_space_usage),
    "users/get_current_account": Route(style="rpc", argument=None, answer=_get_current_account),
    "auth/token/revoke": Route(style="rpc", argument=None, answer=_revoke),
}
