"""A plain client of the RingCentral sandbox: what a programmer would write with curl, so that it shares no mistake with the source."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec

from archiver.sandbox.ringcentral import Login, RingCentral

ACCOUNT = "/restapi/v1.0/account/~"


class Answered(msgspec.Struct, frozen=True):
    """An answer, read."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """The code of the first error."""
        return str(self.json["errors"][0]["errorCode"])


class PhoneClient:
    """Asks for a user."""

    def __init__(self, phones: RingCentral, http: aiohttp.ClientSession, login: Login | None = None) -> None:
        self.phones = phones
        self.http = http
        self.login = login or phones.login()
        self.token = ""

    async def connect(self) -> dict[str, Any]:
        """Takes a token for the JWT."""
        answer = await self.trade(grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=self.login.jwt)
        self.token = answer.json["access_token"]
        fields: dict[str, Any] = answer.json
        return fields

    async def trade(self, *, secret: bool = True, **form: str) -> Answered:
        """Asks the token endpoint."""
        headers = {}
        if secret:
            headers["Authorization"] = aiohttp.encode_basic_auth(self.login.client_id, self.login.client_secret)
        else:
            form["client_id"] = self.login.client_id
        async with self.http.post(f"{self.phones.url}/restapi/oauth/token", data=form, headers=headers) as response:
            return Answered(response.status, response.headers, await response.read())

    async def get(self, path: str, *, headers: dict[str, str] | None = None, **query: str) -> Answered:
        """Asks below the account."""
        url = path if "://" in path else f"{self.phones.url}{ACCOUNT}{path}"
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        async with self.http.get(url, params=query or None, headers=sent) as response:
            return Answered(response.status, response.headers, await response.read())
