"""The routes that only look."""

from __future__ import annotations

import msgspec

from archiver.sandbox import Sandbox
from support.dropbox_client import Client


async def test_metadata_is_of_a_file_a_folder_or_nothing(client: Client) -> None:
    """By path, id or revision, each with its tag."""
    made = (await client.upload("/A/b.wav", b"sound")).json
    for path in ("/a/B.WAV", made["id"], f"rev:{made['rev']}"):
        assert (await client.rpc("files/get_metadata", {"path": path})).json == {".tag": "file", **made}
    folder = (await client.rpc("files/get_metadata", {"path": "/a"})).json
    assert (folder[".tag"], folder["path_display"]) == ("folder", "/A")
    reply = await client.rpc("files/get_metadata", {"path": "/nothing"})
    assert (reply.status, reply.tags) == (409, "path/not_found")


async def test_downloads_are_the_bytes_with_their_metadata(client: Client) -> None:
    """The metadata is a header, in ASCII."""
    await client.upload("/ü 😀.wav", b"sound")
    reply = await client.content("files/download", {"path": "/ü 😀.wav"})
    assert reply.body == b"sound"
    assert reply.headers["Dropbox-API-Result"].isascii()
    assert msgspec.json.decode(reply.headers["Dropbox-API-Result"])["name"] == "ü 😀.wav"
    assert (await client.content("files/download", {"path": "/nothing"})).tags == "path/not_found"
    await client.upload("/folder/x", b"")
    assert (await client.content("files/download", {"path": "/folder"})).tags == "path/not_file"


async def test_listings_come_in_pages(client: Client) -> None:
    """Until there is no more; a cursor is good for one page."""
    for number in range(5):
        await client.upload(f"/calls/{number}", b"")
    page = (await client.rpc("files/list_folder", {"path": "", "recursive": True, "limit": 4})).json
    assert [entry["path_lower"] for entry in page["entries"]] == ["/calls", "/calls/0", "/calls/1", "/calls/2"]
    assert page["has_more"]
    rest = (await client.rpc("files/list_folder/continue", {"cursor": page["cursor"]})).json
    assert ([entry["name"] for entry in rest["entries"]], rest["has_more"]) == (["3", "4"], False)
    assert (await client.rpc("files/list_folder/continue", {"cursor": page["cursor"]})).tags == "reset"
    top = (await client.rpc("files/list_folder", {"path": ""})).json
    assert [entry[".tag"] for entry in top["entries"]] == ["folder"]
    assert (await client.rpc("files/list_folder", {"path": "/nothing"})).tags == "path/not_found"
    assert (await client.rpc("files/list_folder", {"path": "/calls/0"})).tags == "path/not_folder"


async def test_the_account_and_its_space_are_shown(client: Client) -> None:
    """Whose it is, and what is used."""
    await client.upload("/a", b"12345")
    account = (await client.rpc("users/get_current_account", None)).json
    assert (account["account_id"], account["email"]) == (client.account.account_id, "airline@example.com")
    space = (await client.rpc("users/get_space_usage", None)).json
    assert (space["used"], space["allocation"][".tag"]) == (5, "individual")


async def test_a_revoked_token_ends_its_authorisation(client: Client) -> None:
    """The access token, and the refresh token with it."""
    assert (await client.rpc("auth/token/revoke", None)).body == b"null"
    reply = await client.rpc("users/get_space_usage", None)
    assert (reply.status, reply.tags) == (401, "invalid_access_token")
    form = {"grant_type": "refresh_token", "refresh_token": client.account.refresh_token, "client_id": client.account.app_key}
    reply = await client.send("POST", "/oauth2/token", data=form)
    assert (reply.status, reply.json["error"]) == (400, "invalid_grant")


async def test_without_contents_there_is_nothing_to_download(client: Client) -> None:
    """A sandbox of hashes says so."""
    async with Sandbox(keep_content=False) as sandbox:
        other = Client(sandbox, sandbox.add_account("airline"), client.http)
        await other.upload("/a", b"sound")
        assert (await other.content("files/download", {"path": "/a"})).tags == "path/restricted_content"


async def test_a_file_is_deleted_if_it_is_the_revision_that_is_meant(client: Client) -> None:
    """A revision that is not there any more deletes nothing; what is deleted is gone, a folder with all that is in it."""
    made = (await client.upload("/A/b.wav", b"sound")).json
    await client.upload("/A/c.wav", b"more")
    reply = await client.rpc("files/delete_v2", {"path": "/a/b.wav", "parent_rev": "0123456789abcde"})
    assert (reply.status, reply.tags) == (409, "path_write/conflict/file")
    assert (await client.rpc("files/delete_v2", {"path": "/a/b.wav", "parent_rev": made["rev"]})).json["metadata"]["id"] == made["id"]
    assert (await client.rpc("files/delete_v2", {"path": made["id"]})).tags == "path_lookup/not_found"
    assert (await client.rpc("files/delete_v2", {"path": "/a"})).json["metadata"][".tag"] == "folder"
    assert (await client.rpc("files/get_metadata", {"path": "/A/c.wav"})).tags == "path/not_found"
    assert (await client.rpc("users/get_space_usage", None)).json["used"] == 0
