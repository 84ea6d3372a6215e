"""A client of a Drive in the plainest way: it knows the protocol and nothing of Archiver."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from archiver.sandbox.google import GoogleDrive, Login

__all__ = ["Client", "reason"]

_BOUNDARY = "a-boundary"


class Client:
    """Calls as one user, in the plainest way.

    Args:
        drive: The sandbox.
        login: Whose.
        http: The connections.
    """

    def __init__(self, drive: GoogleDrive, login: Login, http: aiohttp.ClientSession) -> None:
        self.drive = drive
        self.login = login
        self._http = http

    async def call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, data: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        """One call: status, JSON (or bytes), headers."""
        url = path if path.startswith("http") else self.drive.url + path
        sent = {"Authorization": f"Bearer {self.login.access_token}", **(headers or {})}
        async with self._http.request(method, url, params=query, data=data, headers=sent, allow_redirects=False) as response:
            body = await response.read()
            return response.status, json.loads(body) if "json" in response.content_type and body else body, response.headers

    async def ids(self, count: int = 1) -> list[str]:
        """Ids for files to come."""
        _, answer, _ = await self.call("GET", "/drive/v3/files/generateIds", query={"count": str(count)})
        return list(answer["ids"])

    async def upload(self, data: bytes, *, fields: str = "*", **metadata: Any) -> tuple[int, Any]:
        """A multipart upload."""
        said = json.dumps({"name": "a.wav", **metadata}).encode()
        body = b"\r\n".join(
            [
                f"--{_BOUNDARY}\r\nContent-Type: application/json; charset=UTF-8\r\n".encode(),
                said,
                f"--{_BOUNDARY}\r\nContent-Type: audio/wav\r\n".encode(),
                data,
                f"--{_BOUNDARY}--".encode(),
            ]
        )
        headers = {"Content-Type": f"multipart/related; boundary={_BOUNDARY}"}
        query = {"uploadType": "multipart", "fields": fields, "supportsAllDrives": "true"}
        status, answer, _ = await self.call("POST", "/upload/drive/v3/files", query=query, data=body, headers=headers)
        return status, answer

    async def begin(self, size: int | None = None, **metadata: Any) -> str:
        """A resumable upload: where its bytes go."""
        headers = {"Content-Type": "application/json", **({} if size is None else {"X-Upload-Content-Length": str(size)})}
        said = json.dumps({"name": "big.wav", **metadata})
        status, _, answered = await self.call("POST", "/upload/drive/v3/files?uploadType=resumable&fields=*", data=said, headers=headers)
        assert status == 200
        return answered["Location"]

    async def search(self, q: str) -> list[str]:
        """Ids of what a query finds."""
        _, answer, _ = await self.call("GET", "/drive/v3/files", query={"q": q, "fields": "files(id)"})
        return [file["id"] for file in answer["files"]]


def reason(answer: Any) -> str:
    """Google's word for an error."""
    return str(answer["error"]["errors"][0]["reason"])
