"""A client of a OneDrive in the plainest way: it knows the protocol and nothing of Archiver."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
from yarl import URL

from archiver.sandbox.microsoft import Login, OneDrive

__all__ = ["Client"]


class Client:
    """Calls as one user.

    Args:
        onedrive: The sandbox.
        login: Whose.
        http: The connections.
    """

    def __init__(self, onedrive: OneDrive, login: Login, http: aiohttp.ClientSession) -> None:
        self.onedrive = onedrive
        self.login = login
        self._http = http

    async def call(
        self, method: str, path: str, *, data: Any = None, headers: Mapping[str, str] | None = None, token: bool = True
    ) -> tuple[int, Any, Mapping[str, str]]:
        """One call: status, JSON (or bytes), headers. Paths are below ``/v1.0/me/drive`` unless they begin with http."""
        url = URL(path if path.startswith("http") else f"{self.onedrive.url}/v1.0/me/drive{path}", encoded=True)
        sent = {**({"Authorization": f"Bearer {self.login.access_token}"} if token else {}), **(headers or {})}
        async with self._http.request(method, url, data=data, headers=sent, allow_redirects=False) as response:
            body = await response.read()
            return response.status, json.loads(body) if response.content_type == "application/json" and body else body, response.headers

    async def put(self, path: str, data: bytes, conflict: str = "fail") -> tuple[int, Any]:
        """A small file."""
        status, answer, _ = await self.call("PUT", f"/root:{path}:/content?@microsoft.graph.conflictBehavior={conflict}", data=data)
        return status, answer

    async def begin(self, path: str, conflict: str = "fail") -> tuple[int, Any]:
        """An upload session."""
        said = json.dumps({"item": {"@microsoft.graph.conflictBehavior": conflict}})
        status, answer, _ = await self.call("POST", f"/root:{path}:/createUploadSession", data=said)
        return status, answer

    async def fragment(self, url: str, data: bytes, first: int, total: int, *, token: bool = False) -> tuple[int, Any]:
        """A part of a big file."""
        headers = {"Content-Range": f"bytes {first}-{first + len(data) - 1}/{total}"}
        status, answer, _ = await self.call("PUT", url, data=data, headers=headers, token=token)
        return status, answer
