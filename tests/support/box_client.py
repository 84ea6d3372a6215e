"""A client of a Box in the plainest way: it knows the protocol and nothing of Archiver."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
from yarl import URL

from archiver.sandbox.box import Box, Login

__all__ = ["Client"]

_SESSIONS = "/files/upload_sessions"


class Client:
    """Calls as one user.

    Args:
        box: The sandbox.
        login: Whose.
        http: The connections.
    """

    def __init__(self, box: Box, login: Login, http: aiohttp.ClientSession) -> None:
        self.box = box
        self.login = login
        self._http = http

    async def call(
        self, method: str, path: str, *, data: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        """One call: status, JSON (or bytes), headers. Paths are below ``/2.0`` unless they begin with http."""
        url = URL(path if path.startswith("http") else f"{self.box.url}/2.0{path}", encoded=True)
        sent = {"Authorization": f"Bearer {self.login.access_token}", **(headers or {})}
        body = json.dumps(data) if isinstance(data, dict) else data
        async with self._http.request(method, url, data=body, headers=sent, allow_redirects=False) as response:
            answer = await response.read()
            return (
                response.status,
                json.loads(answer) if response.content_type == "application/json" and answer else answer,
                response.headers,
            )

    async def folder(self, path: str) -> str:
        """The id of a folder, made with all that are above it."""
        folder = "0"
        for name in path.strip("/").split("/"):
            status, answer, _ = await self.call("POST", "/folders", data={"name": name, "parent": {"id": folder}})
            folder = answer["id"] if status == 201 else answer["context_info"]["conflicts"][0]["id"]
        return folder

    async def put(self, path: str, data: bytes, *, sha1: str = "") -> tuple[int, Any]:
        """A small file, and the folders that it is in."""
        above, _, name = path.rpartition("/")
        return await self.upload(await self.folder(above) if above else "0", name, data, sha1=sha1)

    async def upload(self, folder: str, name: str, data: bytes, *, sha1: str = "") -> tuple[int, Any]:
        """A small file into a folder."""
        form = aiohttp.FormData()
        form.add_field("attributes", json.dumps({"name": name, "parent": {"id": folder}}), content_type="application/json")
        form.add_field("file", data, filename="file", content_type="application/octet-stream")
        status, answer, _ = await self.call("POST", "/files/content", data=form, headers={"Content-MD5": sha1} if sha1 else None)
        return status, answer

    async def begin(self, name: str, size: int, folder: str = "0") -> tuple[int, Any]:
        """An upload session."""
        said = {"folder_id": folder, "file_name": name, "file_size": size}
        status, answer, _ = await self.call("POST", _SESSIONS, data=said)
        return status, answer

    async def part(self, session: str, data: bytes, first: int, total: int, *, digest: bytes = b"") -> tuple[int, Any]:
        """A part of a big file."""
        headers = {"Content-Range": f"bytes {first}-{first + len(data) - 1}/{total}", "Digest": _digest(digest or data)}
        status, answer, _ = await self.call("PUT", f"{_SESSIONS}/{session}", data=data, headers=headers)
        return status, answer

    async def commit(self, session: str, parts: Sequence[Any], data: bytes) -> tuple[int, Any, Mapping[str, str]]:
        """Makes a file of its parts."""
        return await self.call("POST", f"{_SESSIONS}/{session}/commit", data={"parts": list(parts)}, headers={"Digest": _digest(data)})


def _digest(data: bytes) -> str:
    return f"sha={base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()}"
