"""Files and folders: ids, names that may be the same, searches, masks."""

from __future__ import annotations

import hashlib

import pytest

from archiver.sandbox.google import GoogleDrive
from archiver.sandbox.google.drive import FOLDER
from support.google_client import Client, reason


async def test_a_file_is_what_was_sent(client: Client) -> None:
    """Its digests are those of its bytes, numbers of 64 bits are texts, and it can be read."""
    status, file = await client.upload(b"sound", appProperties={"item": "7"})
    assert status == 200
    assert (file["size"], file["md5Checksum"]) == ("5", hashlib.md5(b"sound", usedforsecurity=False).hexdigest())
    assert file["sha256Checksum"] == hashlib.sha256(b"sound").hexdigest()
    assert (file["mimeType"], file["appProperties"]) == ("audio/wav", {"item": "7"})
    _, data, _ = await client.call("GET", f"/drive/v3/files/{file['id']}?alt=media")
    assert data == b"sound"


async def test_names_need_not_be_unique_but_ids_must(client: Client) -> None:
    """The same name twice makes two files; the same id twice is a conflict, also after the file was deleted."""
    (file_id,) = await client.ids()
    assert (await client.upload(b"1", id=file_id))[0] == 200
    assert (await client.upload(b"1"))[0] == 200
    status, answer = await client.upload(b"1", id=file_id)
    assert (status, reason(answer)) == (409, "fileIdInUse")
    assert (await client.call("DELETE", f"/drive/v3/files/{file_id}"))[0] == 204
    assert (await client.upload(b"1", id=file_id))[0] == 409
    assert len(client.drive.ledger().files) == 1


async def test_an_id_must_have_been_given(client: Client) -> None:
    """One of one's own making is refused; a thousand at a time are given, no more."""
    status, answer = await client.upload(b"1", id="1mine")
    assert (status, reason(answer)) == (400, "invalid")
    assert len(set(await client.ids(1000))) == 1000
    assert (await client.call("GET", "/drive/v3/files/generateIds?count=1001"))[0] == 400


async def test_searches(client: Client) -> None:
    """By name without regard to case, by folder, by properties, with words between; quotes are escaped."""
    _, folder, _ = await client.call("POST", "/drive/v3/files", data=f'{{"name":"F","mimeType":"{FOLDER}","parents":["root"]}}')
    _, one = await client.upload(b"1", name="Bob's \\ call.wav", parents=[folder["id"]], appProperties={"item": "1"})
    _, two = await client.upload(b"2", name="other.wav", appProperties={"item": "2"})
    assert await client.search(f"'{folder['id']}' in parents and name = 'bob\\'s \\\\ CALL.wav' and trashed = false") == [one["id"]]
    assert set(await client.search("name='other.wav' or appProperties has { key='item' and value='1' }")) == {one["id"], two["id"]}
    assert await client.search("'root' in parents and not name contains 'F'") == [two["id"]]
    assert await client.search(f"mimeType = '{FOLDER}'") == [folder["id"]]
    assert await client.search("trashed=true") == []
    status, answer, _ = await client.call("GET", "/drive/v3/files", query={"q": "name = other.wav"})
    assert (status, reason(answer)) == (400, "invalid")


async def test_pages(client: Client) -> None:
    """A list comes in pages."""
    for number in range(5):
        await client.upload(b"x", name=f"{number}.wav")
    seen, token = [], ""
    while True:
        query = {"pageSize": "2", "fields": "nextPageToken,files/name", **({"pageToken": token} if token else {})}
        _, answer, _ = await client.call("GET", "/drive/v3/files", query=query)
        seen += [file["name"] for file in answer["files"]]
        token = answer.get("nextPageToken", "")
        if not token:
            break
    assert sorted(seen) == [f"{number}.wav" for number in range(5)]


async def test_only_what_is_asked_for_is_told(client: Client) -> None:
    """A mask picks; without one there are four fields; a mask that cannot be read is refused; the account needs one."""
    _, file = await client.upload(b"1", fields="id,size")
    assert sorted(file) == ["id", "size"]
    _, answer, _ = await client.call("GET", f"/drive/v3/files/{file['id']}")
    assert sorted(answer) == ["id", "kind", "mimeType", "name"]
    assert (await client.call("GET", "/drive/v3/files?fields=files("))[0] == 400
    assert (await client.call("GET", "/drive/v3/about"))[0] == 400
    _, about, _ = await client.call("GET", "/drive/v3/about?fields=user/emailAddress,storageQuota(limit,usage)")
    assert about == {"user": {"emailAddress": "acme@sandbox.test"}, "storageQuota": {"limit": str(15 * 1024**4), "usage": "1"}}


async def test_an_application_sees_only_its_own(client: Client, drive: GoogleDrive) -> None:
    """With the scope drive.file the root itself is unknown, and a shared drive too; with the wide scope it is not."""
    assert (await client.call("GET", "/drive/v3/files/root"))[0] == 404
    shared = drive.users["acme"].drive.add_shared("Calls", drive.clock.now())
    status, answer = await client.upload(b"1", parents=[shared])
    assert (status, reason(answer)) == (404, "notFound")
    client.login = drive.login("acme", scopes=frozenset({"https://www.googleapis.com/auth/drive"}))
    assert (await client.call("GET", "/drive/v3/files/root"))[0] == 200
    status, file = await client.upload(b"1", parents=[shared])
    assert (status, file["driveId"]) == (200, shared)
    assert await client.search("name='a.wav'") == [], "shared drives are searched only if they are asked for"
    query = {"q": "name='a.wav'", "corpora": "drive", "driveId": shared, "supportsAllDrives": "true", "includeItemsFromAllDrives": "true"}
    _, answer, _ = await client.call("GET", "/drive/v3/files", query=query)
    assert [one["id"] for one in answer["files"]] == [file["id"]]


async def test_a_search_may_lag_behind(client: Client, drive: GoogleDrive) -> None:
    """A new file is there by its id at once, and is found later."""
    drive.set_limits("acme", list_lag=60.0)
    _, file = await client.upload(b"1")
    assert await client.search("name='a.wav'") == []
    assert (await client.call("GET", f"/drive/v3/files/{file['id']}"))[0] == 200
    drive.clock.advance(61)
    assert await client.search("name='a.wav'") == [file["id"]]


async def test_a_full_drive_says_so(client: Client, drive: GoogleDrive) -> None:
    """With 403 and its reason; nothing is kept."""
    drive.users["acme"].quota_bytes = 3
    status, answer = await client.upload(b"1234")
    assert (status, reason(answer)) == (403, "storageQuotaExceeded")
    assert drive.ledger().files == []


@pytest.mark.parametrize("data", [b"", b"\r\n--a-boundary", b"--a-boundary--", b"\r\n\r\n", bytes(range(256)) * 9])
async def test_any_bytes_travel_in_a_multipart_body(client: Client, data: bytes) -> None:
    """Also those which look like the frame that they travel in, as long as they do not end it."""
    status, file = await client.upload(data)
    assert (status, file["size"]) == (200, str(len(data)))
