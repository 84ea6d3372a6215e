"""Items by id and by path, content in one call, and what must not be."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from archiver.sandbox.microsoft import OneDrive
from archiver.sandbox.microsoft.hashes import hashes_of
from support.graph_client import Client

TOP = "/root"


def code(answer: Any) -> str:
    """Graph's word for an error."""
    return str(answer["error"]["code"])


async def test_a_file_is_what_was_sent(client: Client) -> None:
    """The folders on its way are made, its hash is that of its bytes, and it can be read by path and by id."""
    status, item = await client.put("/a/b/one.wav", b"sound")
    assert status == 201
    assert (item["name"], item["size"]) == ("one.wav", 5)
    assert item["file"]["hashes"] == {"quickXorHash": hashes_of(b"sound").quick_xor}
    assert item["parentReference"]["path"].endswith("/root:/a/b")
    for path in ("/root:/A/B/One.wav", "/root:/a/b/one.wav:", f"/items/{item['id']}"):
        status, found, _ = await client.call("GET", path)
        assert (status, found["id"]) == (200, item["id"])
    assert (await client.call("GET", "/root:/a:/"))[0] == 400
    _, data, _ = await client.call("GET", f"/items/{item['id']}/content")
    assert data == b"sound"
    status, answer, _ = await client.call("GET", "/root:/a/nobody.wav")
    assert (status, code(answer)) == (404, "itemNotFound")


@pytest.mark.parametrize(("conflict", "status", "stored"), [("fail", 409, 1), ("replace", 200, 1), ("rename", 201, 2)])
async def test_a_name_that_is_taken(client: Client, onedrive: OneDrive, conflict: str, status: int, stored: int) -> None:
    """Whatever its case: refused, replaced or renamed, as the client says."""
    _, first = await client.put("/one.wav", b"1")
    answered, item = await client.put("/ONE.wav", b"2", conflict)
    assert answered == status
    assert len(onedrive.ledger().files) == stored
    if status == 200:
        assert item["id"] == first["id"]
        assert item["cTag"] != first["cTag"]
    elif status == 201:
        assert item["name"] == "ONE 1.wav"
    else:
        assert code(item) == "nameAlreadyExists"


@pytest.mark.parametrize(
    "name", ["a*b", "~$a.wav", " a", "a ", "a.", "con", "LPT1.txt", "a_vti_b", ".lock", "x" * 256, "/".join(["y" * 99] * 5)]
)
async def test_a_name_that_cannot_be(client: Client, name: str) -> None:
    """Nothing is made."""
    status, answer = await client.put(f"/{quote(name)}", b"1")
    assert (status, code(answer)) == (400, "invalidRequest")


async def test_folders_are_listed_changed_and_deleted(client: Client, onedrive: OneDrive) -> None:
    """Pages of children, moving, another date, deleting with all that is within; what is locked stays."""
    status, folder, _ = await client.call("POST", f"{TOP}/children", data=json.dumps({"name": "a", "folder": {}}))
    assert status == 201
    assert (await client.call("POST", f"{TOP}/children", data=json.dumps({"name": "A", "folder": {}})))[0] == 409
    for number in range(3):
        await client.put(f"/a/{number}.wav", b"1")
    status, page, _ = await client.call("GET", f"/items/{folder['id']}/children?$top=2")
    assert [item["name"] for item in page["value"]] == ["0.wav", "1.wav"]
    assert "$skiptoken=2" in page["@odata.nextLink"]
    item = page["value"][0]
    change = {"name": "z.wav", "fileSystemInfo": {"lastModifiedDateTime": "2024-01-02T03:04:05Z"}}
    status, changed, _ = await client.call("PATCH", f"/items/{item['id']}", data=json.dumps(change))
    assert (changed["name"], changed["fileSystemInfo"]["lastModifiedDateTime"]) == ("z.wav", "2024-01-02T03:04:05Z")
    assert changed["cTag"] == item["cTag"]
    next(onedrive.users["acme"].drive.files()).locked = True
    assert (await client.call("DELETE", f"/items/{folder['id']}"))[0] == 423
    for file in onedrive.users["acme"].drive.files():
        file.locked = False
    assert (await client.call("POST", f"/items/{folder['id']}/permanentDelete"))[0] == 204
    assert onedrive.ledger().files == []


async def test_upload_sessions_are_strict(client: Client, onedrive: OneDrive) -> None:
    """In order, in multiples of 320 KiB, without a token, of one size; then the file is there and the session is not."""
    grain = 320 * 1024
    data = bytes(grain) + b"end"
    _, begun = await client.begin("/big.wav")
    url = begun["uploadUrl"]
    assert begun["nextExpectedRanges"] == ["0-"]
    assert (await client.fragment(url, data[:grain], 0, len(data), token=True))[0] == 401
    assert (await client.fragment(url, data[:100], 0, len(data)))[0] == 400
    assert (await client.fragment(url, data[grain:], grain, len(data)))[0] == 416
    status, told = await client.fragment(url, data[:grain], 0, len(data))
    assert (status, told["nextExpectedRanges"]) == (202, [f"{grain}-{grain + 2}"])
    assert (await client.fragment(url, data[:grain], 0, len(data)))[0] == 416
    assert (await client.fragment(url, data[grain:], grain, len(data) + 1))[0] == 400
    assert onedrive.ledger().files == []
    status, item = await client.fragment(url, data[grain:], grain, len(data))
    assert (status, item["file"]["hashes"]["quickXorHash"]) == (201, hashes_of(data).quick_xor)
    assert (await client.call("GET", url, token=False))[0] == 404
    assert (await client.begin("/BIG.wav"))[0] == 409
    _, begun = await client.begin("/other.wav")
    assert (await client.call("DELETE", begun["uploadUrl"], token=False))[0] == 204
    assert (await client.call("GET", begun["uploadUrl"], token=False))[0] == 404


async def test_units_are_counted_and_told(client: Client, onedrive: OneDrive) -> None:
    """Headers from 80 % on; what is beyond is refused with the seconds that are left, and counts too."""
    onedrive.set_limits("acme", units=10, window=3600.0)
    told = [(await client.call("GET", "/root:/nobody"))[2].get("RateLimit-Remaining") for _ in range(11)]
    assert told == [None] * 7 + ["2", "1", "0", "0"]
    status, answer, headers = await client.call("GET", "/root")
    assert (status, code(answer)) == (429, "activityLimitReached")
    assert 0 < int(headers["Retry-After"]) <= 3600
    assert headers["Retry-After"] == headers["RateLimit-Reset"]
    assert onedrive.users["acme"].budget.units == 12
    onedrive.clock.advance(3600.0)
    assert (await client.call("GET", "/root"))[0] != 429


async def test_the_hands(client: Client, onedrive: OneDrive) -> None:
    """Users, limits, faults, time and figures over HTTP."""
    base = f"{onedrive.url}/sandbox"
    status, login, _ = await client.call("POST", f"{base}/users", data=json.dumps({"name": "me", "kind": "personal"}))
    assert (status, login["email"]) == (201, "me@sandbox.test")
    _, limits, _ = await client.call("PATCH", f"{base}/users/me", data=json.dumps({"limits": {"units": 5}, "quota_bytes": 7}))
    assert limits["units"] == 5
    assert onedrive.users["me"].drive.quota_bytes == 7
    assert (await client.call("PATCH", f"{base}/users/nobody", data=b"{}"))[0] == 404
    assert (await client.call("PATCH", f"{base}/users/me", data=json.dumps({"limits": {"x": 1}})))[0] == 400
    assert (await client.call("POST", f"{base}/faults", data=json.dumps([{"action": "stall"}])))[0] == 201
    assert (await client.call("DELETE", f"{base}/faults"))[1] == []
    assert (await client.call("POST", f"{base}/clock", data=json.dumps({"advance": 1.5})))[0] == 200
    _, stats, _ = await client.call("GET", f"{base}/stats")
    assert set(stats) == {"acme", "me"}
    _, lines, _ = await client.call("GET", f"{base}/ledger")
    assert lines.endswith(b'{"type":"end"}\n')
    assert (await client.call("PATCH", f"{base}/users/me", data=json.dumps({"revoke": True, "expire_tokens": True})))[0] == 200
    assert all(grant.revoked for grant in onedrive.grants.of("me"))
