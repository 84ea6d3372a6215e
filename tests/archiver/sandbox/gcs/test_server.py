"""What the room says, where rclone does not ask."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from archiver.destinations.gcs.tokens import ServiceAccount
from archiver.sandbox.gcs import GoogleStorage

JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRAIN = 256 * 1024


class Client:
    """Calls as the reference has them."""

    def __init__(self, storage: GoogleStorage, http: aiohttp.ClientSession) -> None:
        self.storage = storage
        self.http = http
        self.account = ServiceAccount(storage.add_account("x").json)
        self.headers: dict[str, str] = {}

    async def token(self, assertion: str) -> tuple[int, Any]:
        """Trades a statement."""
        async with self.http.post(f"{self.storage.url}/token", data={"grant_type": JWT, "assertion": assertion}) as answer:
            return answer.status, await answer.json()

    async def ask(self, method: str, path: str, data: bytes = b"", **headers: str) -> tuple[int, Any, Any]:
        """Any call: its status, its headers, and its body, decoded if it is JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()} | self.headers
        async with self.http.request(method, self.storage.url + path, data=data, headers=named, allow_redirects=False) as answer:
            body = await answer.read()
            return answer.status, answer.headers, json.loads(body) if body and answer.content_type == "application/json" else body

    async def begin(self, name: str, **query: str) -> str:
        """A resumable upload: the rest of its address."""
        told = "".join(f"&{key}={value}" for key, value in query.items())
        body = json.dumps({"name": name}).encode()
        _, headers, _ = await self.ask("POST", f"/upload/storage/v1/b/calls/o?uploadType=resumable{told}", body)
        return str(headers["Location"]).removeprefix(self.storage.url)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Signed in."""
    async with GoogleStorage() as storage, aiohttp.ClientSession() as http:
        storage.add_bucket("calls")
        storage.add_bucket("kept", retention=True)
        client = Client(storage, http)
        _, answer = await client.token(client.account.assertion(storage.clock.now()))
        client.headers = {"Authorization": f"Bearer {answer['access_token']}"}
        yield client


def reason(body: Any) -> str:
    """Google's word."""
    return str(body["error"]["errors"][0]["reason"])


async def test_statements(client: Client) -> None:
    """A statement must be fresh, unchanged, and of a key that is known."""
    now = client.storage.clock.now()
    assert (await client.token(client.account.assertion(now)))[0] == 200
    assert (await client.token(client.account.assertion(now - 7200)))[1]["error"] == "invalid_grant"
    assert (await client.token(client.account.assertion(now)[:-8] + "AAAAAAAA"))[1]["error"] == "invalid_grant"
    assert (await client.token("nonsense"))[1]["error"] == "invalid_grant"
    client.storage.remove_account(client.account.email)
    assert (await client.token(client.account.assertion(now)))[1]["error"] == "invalid_grant"


async def test_a_token_ends(client: Client) -> None:
    """After an hour, or at once."""
    assert (await client.ask("GET", "/storage/v1/b/calls"))[0] == 200
    client.storage.expire_tokens()
    status, _, body = await client.ask("GET", "/storage/v1/b/calls")
    assert (status, reason(body)) == (401, "authError")


async def test_preconditions(client: Client) -> None:
    """``ifGenerationMatch=0`` writes only where nothing is, and any other number only over exactly that."""
    path = "/upload/storage/v1/b/calls/o?uploadType=media&name=a&ifGenerationMatch="
    _, _, made = await client.ask("POST", f"{path}0", b"one")
    status, _, body = await client.ask("POST", f"{path}0", b"two")
    assert (status, reason(body)) == (412, "conditionNotMet")
    assert (await client.ask("POST", f"{path}{made['generation']}", b"two"))[0] == 200
    assert client.storage.stored("calls") == {"a": b"two"}
    assert (await client.ask("DELETE", f"/storage/v1/b/calls/o/a?generation={made['generation']}"))[0] == 404


async def test_a_resumable_upload_keeps_whole_grains(client: Client) -> None:
    """It takes multiples of 256 KiB, tells what it has, and ends when everything is there."""
    place = await client.begin("a")
    status, headers, _ = await client.ask("PUT", place, Content_Range="bytes */*")
    assert (status, "Range" in headers) == (308, False)
    assert (await client.ask("PUT", place, b"x" * 1000, Content_Range="bytes 0-999/*"))[0] == 400
    status, headers, _ = await client.ask("PUT", place, b"x" * GRAIN, Content_Range=f"bytes 0-{GRAIN - 1}/*")
    assert (status, headers["Range"]) == (308, f"bytes=0-{GRAIN - 1}")
    status, _, body = await client.ask("PUT", place, b"y", Content_Range=f"bytes {GRAIN}-{GRAIN}/{GRAIN + 1}")
    assert (status, body["size"]) == (200, str(GRAIN + 1))
    assert (await client.ask("PUT", place, Content_Range="bytes */*"))[2]["name"] == "a"


async def test_a_resumable_upload_looks_at_its_end_again(client: Client) -> None:
    """Whoever took the name meanwhile keeps it."""
    place = await client.begin("a", ifGenerationMatch="0")
    await client.ask("POST", "/upload/storage/v1/b/calls/o?uploadType=media&name=a", b"quicker")
    assert (await client.ask("PUT", place, b"y", Content_Range="bytes 0-0/1"))[0] == 412
    assert client.storage.stored("calls") == {"a": b"quicker"}


async def test_a_resumable_upload_is_compared_with_its_hash(client: Client) -> None:
    """An MD5 that comes with the last bytes must be theirs."""
    wrong, right = "md5=XUFAKrxLKna5cZ2REBfFkg==", "crc32c=AAAAAA==,md5=QVKQdpWURg4uSFkikE80XQ=="
    for told, expected in ((wrong, 400), (right, 200)):
        place = await client.begin("a")
        assert (await client.ask("PUT", place, b"y", Content_Range="bytes 0-0/1", X_Goog_Hash=told))[0] == expected


async def test_a_resumable_upload_is_forgotten(client: Client) -> None:
    """When it is cancelled, and after a week."""
    place = await client.begin("a")
    assert (await client.ask("DELETE", place))[0] == 499
    assert (await client.ask("PUT", place, Content_Range="bytes */*"))[0] == 404
    place = await client.begin("a")
    client.storage.clock.advance(8 * 86_400)
    _, answer = await client.token(client.account.assertion(client.storage.clock.now()))
    client.headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert (await client.ask("PUT", place, Content_Range="bytes */*"))[0] == 404


async def test_retention(client: Client) -> None:
    """What is kept can neither be removed nor written over; a bucket without it takes none."""
    until = {"mode": "Locked", "retainUntilTime": "2999-01-01T00:00:00Z"}
    body = json.dumps({"name": "a", "retention": until}).encode()
    status, _, told = await client.ask("POST", "/upload/storage/v1/b/calls/o?uploadType=resumable", body)
    assert (status, reason(told)) == (400, "invalid")
    _, headers, _ = await client.ask("POST", "/upload/storage/v1/b/kept/o?uploadType=resumable", body)
    await client.ask("PUT", headers["Location"].removeprefix(client.storage.url), b"y", Content_Range="bytes 0-0/1")
    status, _, told = await client.ask("DELETE", "/storage/v1/b/kept/o/a")
    assert (status, reason(told)) == (403, "retentionPolicyNotMet")
    assert (await client.ask("POST", "/upload/storage/v1/b/kept/o?uploadType=media&name=a", b"z"))[0] == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/storage/v1/b/none", 404),
        ("/storage/v1/b/calls/o/none", 404),
        ("/upload/storage/v1/b/calls/o?uploadType=other", 400),
        ("/upload/storage/v1/b/calls/o?uploadType=multipart", 400),
        ("/upload/storage/v1/b/calls/o?uploadType=media&name=", 400),
        ("/nowhere", 404),
    ],
)
async def test_what_is_refused(client: Client, path: str, status: int) -> None:
    """What is not there, and what cannot be understood."""
    assert (await client.ask("POST" if "upload" in path else "GET", path, b"x"))[0] == status
