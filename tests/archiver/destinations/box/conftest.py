"""A Box of the sandbox, a user of it, and destinations in front of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from archiver.adapter import check_options
from archiver.destinations.box import ADAPTER, BoxDestination
from archiver.destinations.port import CallKind, Context, Unpaced
from archiver.errors import ArchiverError
from archiver.sandbox import AccountRecord, Fault
from archiver.sandbox.box import Box, Limits, Login
from genstage.clock import SystemClock
from support.box_client import Client

ROOT = "/Archive"


class RecordedPace(Unpaced):
    """Lets every call through, and remembers how each ended."""

    def __init__(self) -> None:
        self.calls: list[tuple[CallKind, int, ArchiverError | None]] = []

    @asynccontextmanager
    async def call(self, kind: CallKind, items: int = 1) -> AsyncIterator[None]:
        """Lets the call through and writes down what left its block."""
        try:
            yield
        except ArchiverError as error:
            self.calls.append((kind, items, error))
            raise
        self.calls.append((kind, items, None))


class Account:
    """One user's files, seen from both sides."""

    def __init__(self, box: Box, http: aiohttp.ClientSession) -> None:
        self.box = box
        self.login: Login = box.add_user("acme", Limits(calls=None, uploads=None))
        self.pace = RecordedPace()
        self.client = Client(box, self.login, http)
        self.http = http

    def open(self, *, secrets: Any = None, **options: Any) -> BoxDestination:
        """A destination in front of the account; by default with its access token."""
        given = {"root": ROOT, "api_url": self.box.url, "access_token": self.login.access_token, **options}
        context = Context(pace=self.pace, clock=SystemClock(), http=self.http, secrets=secrets)
        chosen = {name: value for name, value in given.items() if value is not None}
        return ADAPTER.open(check_options("box", ADAPTER.options, chosen), context)

    def open_linked(self, *, secrets: Any = None, **options: Any) -> BoxDestination:
        """A destination that has a refresh token and no access token."""
        login = self.login
        linked = {"refresh_token": login.refresh_token, "client_id": login.client_id, "client_secret": login.client_secret}
        return self.open(secrets=secrets, **({"access_token": None} | linked | options))

    def fault(self, action: Any, route: str = "*", **how: Any) -> None:
        """Sets what goes wrong at a route."""
        self.box.add_fault(Fault(action=action, route=route, **how))

    def refuse(self, status: int, code: str, route: str = "*", **how: Any) -> None:
        """The next call of a route is answered with an error as Box writes it."""
        body = {"type": "error", "status": status, "code": code, "message": "CANARY words", "request_id": "CANARY"}
        self.fault("reply", route, status=status, body=json.dumps(body), content_type="application/json", **how)

    @property
    def record(self) -> AccountRecord:
        """What the user's clients asked so far."""
        return self.box.ledger().accounts["acme"]

    def calls(self, route: str) -> int:
        """How often a route was called."""
        return self.record.calls.get(route, 0)

    def stored(self) -> Mapping[str, bytes]:
        """Every visible file under the root, with its bytes."""
        files = self.box.ledger().files_of("acme")
        return {file.path.removeprefix(ROOT): b"".join(self.box.contents.chunks(file.sha256)) for file in files}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return (self.login.access_token, self.login.refresh_token, self.login.client_secret)


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    """A user of a sandbox that has just been started."""
    async with Box() as box, aiohttp.ClientSession() as http:
        yield Account(box, http)


@pytest.fixture
def cut_up(monkeypatch: pytest.MonkeyPatch, account: Account) -> Callable[[int], None]:
    """Makes parts smaller and sessions fit for small files, so that few bytes make many parts."""

    def set_size(size: int) -> None:
        monkeypatch.setattr("archiver.destinations.box.destination.SESSION_BYTES", 1)
        account.box.set_limits("acme", part_size=size, session_bytes=1)

    return set_size
