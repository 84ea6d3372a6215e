"""Items by id, content in one call and in parts, and what must not be."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from aiohttp import FormData

from archiver.sandbox.box import Box
from support.box_client import Client

MIB = 1024 * 1024


def sha1(data: bytes) -> str:
    """As Box writes it."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


async def test_a_file_is_what_was_sent(client: Client) -> None:
    """With its hash, the folders that it is in, and bytes that can be read."""
    status, answer = await client.put("/a/b/one.wav", b"sound", sha1=sha1(b"sound"))
    (item,) = answer["entries"]
    assert status == 201
    assert (item["type"], item["name"], item["size"], item["sha1"], item["etag"]) == ("file", "one.wav", 5, sha1(b"sound"), "0")
    assert [folder["name"] for folder in item["path_collection"]["entries"]] == ["All Files", "a", "b"]
    status, found, _ = await client.call("GET", f"/files/{item['id']}?fields=id,sha1")
    assert (status, found["sha1"], found["file_version"]) == (200, item["sha1"], item["file_version"])
    assert (await client.call("GET", f"/files/{item['id']}/content"))[1] == b"sound"
    assert (await client.call("GET", f"/folders/{item['id']}"))[0] == 404


async def test_a_name_is_once_in_a_folder(client: Client, box: Box) -> None:
    """Whatever its case; who has it is told: of files as one, of folders in a list."""
    _, answer = await client.put("/one.wav", b"1")
    status, refused = await client.put("/ONE.wav", b"2")
    assert (status, refused["code"]) == (409, "item_name_in_use")
    rival = refused["context_info"]["conflicts"]
    assert (rival["id"], rival["sha1"]) == (answer["entries"][0]["id"], sha1(b"1"))
    _, refused, _ = await client.call("POST", "/folders", data={"name": "One.wav", "parent": {"id": "0"}})
    assert [one["type"] for one in refused["context_info"]["conflicts"]] == ["file"]
    assert [file.revisions for file in box.ledger().files] == [1]
    status, answer, _ = await client.call(
        "OPTIONS", "/files/content", data={"name": "one.WAV", "parent": {"id": "0"}, "size": 5}
    )  # what other clients ask first
    assert (status, answer["code"]) == (409, "item_name_in_use")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *((name, "item_name_invalid") for name in ("", ".", "..", "a/b", "a\\b", " a", "a ", "a\n")),
        ("x" * 256, "item_name_too_long"),
    ],
)
async def test_a_name_that_cannot_be(client: Client, name: str, code: str) -> None:
    """Nothing is made."""
    status, answer, _ = await client.call("POST", "/folders", data={"name": name, "parent": {"id": "0"}})
    assert (status, answer["code"]) == (400, code)


async def test_what_is_deleted_is_in_the_trash_first(client: Client, box: Box) -> None:
    """Only what has not changed, is not locked, or is empty; and out of the trash only from there."""
    _, answer = await client.put("/a/one.wav", b"1")
    (item,) = answer["entries"]
    place, folder = f"/files/{item['id']}", item["parent"]["id"]
    assert (await client.call("DELETE", place, headers={"If-Match": "9"}))[0] == 412
    assert (await client.call("DELETE", f"{place}/trash"))[1]["code"] == "not_trashed"
    assert (await client.call("DELETE", f"/folders/{folder}"))[1]["code"] == "folder_not_empty"
    (held,) = box.users["acme"].tree.files()
    held.locked = True
    assert (await client.call("DELETE", place))[1]["code"] == "access_denied_item_locked"
    held.locked = False
    assert (await client.call("DELETE", place, headers={"If-Match": "0"}))[0] == 204
    assert (await client.call("GET", place))[1]["code"] == "trashed"
    assert (await client.call("DELETE", f"{place}/trash"))[0] == 204
    assert (await client.call("GET", place))[1]["code"] == "not_found"
    assert (await client.call("DELETE", f"/folders/{folder}"))[0] == 204


async def test_sessions_are_strict(client: Client, box: Box) -> None:
    """Parts of one size, each with its digest, none twice; a commit that names them all, with the digest of all."""
    box.set_limits("acme", part_size=MIB, session_bytes=MIB, commit_lag=1)
    data = b"x" * (2 * MIB + 3)
    assert (await client.begin("big.wav", MIB - 1))[1]["code"] == "file_size_too_small"
    status, begun = await client.begin("big.wav", len(data))
    session = begun["id"]
    assert (status, begun["part_size"], begun["total_parts"]) == (201, MIB, 3)
    assert (await client.part(session, data[:MIB], 0, len(data), digest=b"other"))[0] == 412
    assert (await client.part(session, data[:100], 0, len(data)))[0] == 416
    assert (await client.part(session, data[:MIB], 7, len(data)))[0] == 416
    parts = [(await client.part(session, data[at : at + MIB], at, len(data)))[1]["part"] for at in (2 * MIB, 0, MIB)]
    assert (await client.part(session, data[:MIB], 0, len(data)))[0] == 409
    parts.sort(key=lambda part: part["offset"])
    _, listed, _ = await client.call("GET", f"/files/upload_sessions/{session}/parts?limit=2&offset=1")
    assert (listed["entries"], listed["total_count"]) == (parts[1:], 3)
    assert (await client.commit(session, parts[1:], data))[0] == 400
    status, _, headers = await client.commit(session, parts, data)
    assert (status, headers["Retry-After"]) == (202, "1")
    assert (await client.commit(session, parts, b"other"))[0] == 412
    status, answer, _ = await client.commit(session, parts, data)
    assert (status, answer["entries"][0]["sha1"]) == (201, sha1(data))
    assert (await client.call("GET", f"/files/upload_sessions/{session}"))[0] == 404
    assert (await client.begin("BIG.wav", len(data)))[1]["code"] == "item_name_in_use"
    _, begun = await client.begin("other.wav", len(data))
    assert (await client.call("DELETE", f"/files/upload_sessions/{begun['id']}"))[0] == 204
    assert (await client.call("GET", f"/files/upload_sessions/{begun['id']}"))[0] == 404


async def test_a_minute_has_its_calls_and_its_uploads(client: Client, box: Box) -> None:
    """What is beyond is refused with the seconds that are left; another minute begins anew."""
    box.set_limits("acme", calls=5, uploads=2)
    statuses = [(await client.upload("0", f"{number}.wav", b"1"))[0] for number in range(3)]
    assert statuses == [201, 201, 429]
    statuses = [(await client.call("GET", "/users/me"))[0] for _ in range(3)]
    assert statuses == [200, 200, 429]
    _, answer, headers = await client.call("GET", "/users/me")
    assert answer["code"] == "rate_limit_exceeded"
    assert 0 < int(headers["Retry-After"]) <= 60
    box.clock.advance(61.0)
    assert (await client.call("GET", "/users/me"))[0] == 200


async def test_a_full_account_takes_nothing(client: Client, box: Box) -> None:
    """Neither a file nor the promise of one."""
    box.set_quota("acme", 4)
    assert (await client.put("/one.wav", b"sound"))[1]["code"] == "storage_limit_exceeded"
    assert (await client.begin("two.wav", 20_000_000))[1]["code"] == "storage_limit_exceeded"
    assert box.ledger().files == []


async def test_a_refresh_token_works_once(client: Client, box: Box) -> None:
    """Its successor comes with the access token; sixty days later it is void too."""
    login: Any = client.login
    form = {"client_id": login.client_id, "client_secret": login.client_secret, "grant_type": "refresh_token"}

    async def trade(token: str, **other: str) -> tuple[int, Any]:
        status, answer, _ = await client.call("POST", f"{box.url}/oauth2/token", data=FormData({**form, "refresh_token": token, **other}))
        return status, answer

    status, answer = await trade(login.refresh_token)
    assert (status, answer["token_type"]) == (200, "bearer")
    assert (await trade(login.refresh_token))[1]["error"] == "invalid_grant"
    assert (await trade(answer["refresh_token"], client_secret="other"))[1]["error"] == "invalid_client"
    box.clock.advance(61 * 86_400.0)
    assert (await trade(answer["refresh_token"]))[1]["error"] == "invalid_grant"


async def test_the_hands(client: Client, box: Box) -> None:
    """Users, limits, faults, time and figures over HTTP."""
    base = f"{box.url}/sandbox"
    status, login, _ = await client.call("POST", f"{base}/users", data={"name": "me", "limits": {"uploads": 7}})
    assert (status, login["email"]) == (201, "me@sandbox.test")
    _, limits, _ = await client.call("PATCH", f"{base}/users/me", data={"limits": {"calls": 5}, "quota_bytes": 7})
    assert (limits["calls"], limits["uploads"]) == (5, 7)
    assert box.users["me"].tree.quota_bytes == 7
    assert (await client.call("PATCH", f"{base}/users/nobody", data={}))[0] == 404
    assert (await client.call("PATCH", f"{base}/users/me", data={"limits": {"x": 1}}))[0] == 400
    assert (await client.call("POST", f"{base}/faults", data=b'[{"action": "stall"}]'))[0] == 201
    assert (await client.call("DELETE", f"{base}/faults"))[1] == []
    assert (await client.call("POST", f"{base}/clock", data={"advance": 1.5}))[0] == 200
    assert (await client.call("GET", f"{base}/nothing"))[0] == 404
    _, stats, _ = await client.call("GET", f"{base}/stats")
    assert set(stats) == {"acme", "me"}
    _, lines, _ = await client.call("GET", f"{base}/ledger")
    assert lines.endswith(b'{"type":"end"}\n')
    assert (await client.call("PATCH", f"{base}/users/me", data={"revoke": True, "expire_tokens": True}))[0] == 200
    assert all(grant.revoked for grant in box.grants.of("me"))
