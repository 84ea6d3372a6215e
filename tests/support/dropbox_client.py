"""A client that speaks to the sandbox as Dropbox's documentation says, and nothing more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import aiohttp
import msgspec

from archiver.sandbox import Account, Sandbox


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)

    @property
    def tags(self) -> str:
        """The tags of the error, such as ``path/conflict/file``."""
        return tags_of(self.json["error"])


def tags_of(error: Any) -> str:
    """The tags of a union, joined."""
    tags = []
    while isinstance(error, dict) and ".tag" in error:
        tags.append(error[".tag"])
        error = error.get("reason", error.get(error[".tag"]))
    return "/".join(tags)


@dataclass
class Client:
    """Calls for one account."""

    sandbox: Sandbox
    account: Account
    http: aiohttp.ClientSession
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, method: str, path: str, *, data: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Any request."""
        async with self.http.request(method, self.sandbox.url + path, data=data, headers=headers, allow_redirects=False) as response:
            return Reply(response.status, response.headers, await response.read())

    async def rpc(self, route: str, argument: Any) -> Reply:
        """A call whose argument is its body."""
        headers = {**self._authorised(), "Content-Type": "application/json"}
        return await self.send("POST", f"/2/{route}", data=msgspec.json.encode(argument), headers=headers)

    async def content(self, route: str, argument: Any, body: bytes = b"") -> Reply:
        """A call whose argument is a header."""
        headers = {**self._authorised(), "Content-Type": "application/octet-stream"}
        headers["Dropbox-API-Arg"] = json.dumps(argument)
        return await self.send("POST", f"/2/{route}", data=BytesIO(body), headers=headers)

    async def upload(self, path: str, body: bytes, **commit: Any) -> Reply:
        """``files/upload``."""
        return await self.content("files/upload", {"path": path, **commit}, body)

    async def start(self, body: bytes = b"", **argument: Any) -> str:
        """``upload_session/start``: the session's id."""
        return str((await self.content("files/upload_session/start", argument, body)).json["session_id"])

    async def append(self, session: str, offset: int, body: bytes, **argument: Any) -> Reply:
        """``upload_session/append_v2``."""
        cursor = {"session_id": session, "offset": offset}
        return await self.content("files/upload_session/append_v2", {"cursor": cursor, **argument}, body)

    async def finish_batch(self, *entries: tuple[str, int, str], version: str = "_v2", **commit: Any) -> Reply:
        """``upload_session/finish_batch_v2`` of sessions, offsets and paths."""
        arguments = [
            {"cursor": {"session_id": session, "offset": offset}, "commit": {"path": path, **commit}} for session, offset, path in entries
        ]
        return await self.rpc(f"files/upload_session/finish_batch{version}", {"entries": arguments})

    def _authorised(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.account.access_token}", **self.headers}
