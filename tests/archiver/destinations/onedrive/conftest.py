"""A OneDrive of the sandbox, a user of it, and destinations in front of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from archiver.adapter import check_options
from archiver.destinations.onedrive import ADAPTER, OneDriveDestination
from archiver.destinations.port import CallKind, Context, Unpaced
from archiver.errors import ArchiverError
from archiver.sandbox import AccountRecord, Fault
from archiver.sandbox.microsoft import Limits, Login, OneDrive
from genstage.clock import Clock, SystemClock
from support.graph_client import Client

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


class Box:
    """One user's drive, seen from both sides."""

    def __init__(self, onedrive: OneDrive, http: aiohttp.ClientSession, kind: Any = "business") -> None:
        self.onedrive = onedrive
        self.login: Login = onedrive.add_user("acme", Limits(units=None), kind=kind)
        self.pace = RecordedPace()
        self.client = Client(onedrive, self.login, http)
        self.http = http

    def open(self, *, clock: Clock | None = None, secrets: Any = None, **options: Any) -> OneDriveDestination:
        """A destination in front of the drive; by default with its access token."""
        given = {"root": ROOT, "api_url": self.onedrive.url, "access_token": self.login.access_token, **options}
        context = Context(pace=self.pace, clock=clock or SystemClock(), http=self.http, secrets=secrets)
        chosen = {name: value for name, value in given.items() if value is not None}
        return ADAPTER.open(check_options("onedrive", ADAPTER.options, chosen), context)

    def open_linked(self, **options: Any) -> OneDriveDestination:
        """A destination that has a refresh token and no access token."""
        login = self.login
        linked = {"refresh_token": login.refresh_token, "client_id": login.client_id, "client_secret": login.client_secret}
        return self.open(**({"access_token": None} | linked | options))

    def fault(self, action: Any, route: str = "*", **how: Any) -> None:
        """Sets what goes wrong at a route."""
        self.onedrive.add_fault(Fault(action=action, route=route, **how))

    def refuse(self, status: int, code: str, route: str = "*", *, inner: str = "", **how: Any) -> None:
        """The next call of a route is answered with an error as Graph writes it."""
        body = {"error": {"code": code, "message": "CANARY words", "innerError": {"code": inner, "request-id": "CANARY"}}}
        self.fault("reply", route, status=status, body=json.dumps(body), content_type="application/json", **how)

    @property
    def record(self) -> AccountRecord:
        """What the user's clients asked so far."""
        return self.onedrive.ledger().accounts["acme"]

    def calls(self, route: str) -> int:
        """How often a route was called."""
        return self.record.calls.get(route, 0)

    def stored(self) -> Mapping[str, bytes]:
        """Every visible file under the root, with its bytes."""
        files = self.onedrive.ledger().files_of("acme")
        return {file.path.removeprefix(ROOT): b"".join(self.onedrive.contents.chunks(file.sha256)) for file in files}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return (self.login.access_token, self.login.refresh_token, self.login.client_secret)


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    """A user of a sandbox that has just been started."""
    async with OneDrive() as onedrive, aiohttp.ClientSession() as http:
        yield Box(onedrive, http)


@pytest.fixture
async def personal() -> AsyncIterator[Box]:
    """The same with a personal drive."""
    async with OneDrive() as onedrive, aiohttp.ClientSession() as http:
        yield Box(onedrive, http, "personal")


@pytest.fixture
def cut_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Makes fragments smaller, so that few bytes make many of them: so many times 320 KiB."""

    def set_size(grains: int) -> None:
        monkeypatch.setattr("archiver.destinations.onedrive.chunks.CHUNK_BYTES", grains * 320 * 1024)

    return set_size
