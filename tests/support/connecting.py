"""A customer, a Dropbox on loopback, a desk that connects the two, and a browser."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp

from archiver.connecting import Connecting
from archiver.database.sqlite import SqliteDatabase
from archiver.model import Customer
from archiver.proof.auditing import Auditor
from archiver.sandbox import Sandbox
from archiver.sandbox.account import Account
from archiver.vault import Vault, new_key
from archiver.views import ConnectionSpec
from genstage.clock import SystemClock

BROWSER = "cookie-of-one-browser"
REDIRECT = "http://localhost:8471/"


class MovableClock(SystemClock):
    """The machine's clock, and as many seconds later as a test says."""

    later = 0.0

    def wall(self) -> float:
        """The wall clock."""
        return super().wall() + self.later


class Scene:
    """What the tests of connecting start from.

    Attributes:
        database: With the customer in it.
        customer: Who is connected.
        sandbox: The Dropbox.
        account: Of the customer, in it.
        vault: Seals.
        clock: Can be moved on.
        desk: What is tested.
    """

    def __init__(self, database: SqliteDatabase, customer: Customer, sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
        self.database = database
        self.customer = customer
        self.sandbox = sandbox
        self.account: Account = sandbox.add_account("airline")
        self.http = http
        self.vault = Vault(keys=new_key(), key_file=Path("/nonexistent"))
        self.clock = MovableClock()
        self.told = 0
        self.desk = Connecting(database, self.vault, http, self.clock, auditor=Auditor(database), changed=self._tell)

    def _tell(self) -> None:
        self.told += 1

    def spec(self, **options: str) -> ConnectionSpec:
        """A Dropbox as a person gives it."""
        given = {"app_key": self.account.app_key, "api_url": self.sandbox.url, "root": "/Archive", **options}
        return ConnectionSpec(adapter="dropbox", options=given)

    async def invite(self, **further: object) -> str:
        """A link's secret part."""
        return (await self.desk.invite(self.customer.name, self.spec(), **further)).link  # type: ignore[arg-type]  # the desk's own keywords

    async def say_yes(self, page: str, account: str = "airline") -> tuple[str, str]:
        """What the customer's browser brings back: state and code."""
        async with self.http.get(f"{page}&account={account}", allow_redirects=False) as reply:
            assert reply.status == 302, await reply.text()
            answer = parse_qs(urlsplit(reply.headers["Location"]).query)
        return answer["state"][0], answer["code"][0]
