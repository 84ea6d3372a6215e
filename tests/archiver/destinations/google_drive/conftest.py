"""A Google Drive of the sandbox, a user of it, and destinations in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from archiver.adapter import check_options
from archiver.destinations.google_drive import ADAPTER, GoogleDriveDestination
from archiver.destinations.port import CallKind, Context, Unpaced
from archiver.errors import ArchiverError
from archiver.sandbox import AccountRecord, Fault
from archiver.sandbox.google import GoogleDrive, Login
from genstage.clock import Clock, SystemClock
from support.google_client import Client

ROOT = "/Archive"


class RecordedPace(Unpaced):
    """Lets every call through, and remembers how each ended; ``began`` is released for each that carries an item."""

    def __init__(self) -> None:
        self.calls: list[tuple[CallKind, int, ArchiverError | None]] = []
        self.began = asyncio.Semaphore(0)

    @asynccontextmanager
    async def call(self, kind: CallKind, items: int = 1) -> AsyncIterator[None]:
        """Lets the call through and writes down what left its block."""
        if items:
            self.began.release()
        try:
            yield
        except ArchiverError as error:
            self.calls.append((kind, items, error))
            raise
        self.calls.append((kind, items, None))


class Box:
    """One user's Drive, seen from both sides."""

    def __init__(self, drive: GoogleDrive, http: aiohttp.ClientSession) -> None:
        self.drive = drive
        self.login: Login = drive.add_user("acme")
        self.pace = RecordedPace()
        self.client = Client(drive, self.login, http)
        self.http = http

    def open(self, *, clock: Clock | None = None, secrets: Any = None, **options: Any) -> GoogleDriveDestination:
        """A destination in front of the Drive; by default with its access token."""
        given = {"root": ROOT, "api_url": self.drive.url, "access_token": self.login.access_token, **options}
        context = Context(pace=self.pace, clock=clock or SystemClock(), http=self.http, secrets=secrets)
        chosen = {name: value for name, value in given.items() if value is not None}
        return ADAPTER.open(check_options("google_drive", ADAPTER.options, chosen), context)

    def open_linked(self, **options: Any) -> GoogleDriveDestination:
        """A destination that has a refresh token and no access token."""
        login = self.login
        linked = {"refresh_token": login.refresh_token, "client_id": login.client_id, "client_secret": login.client_secret}
        return self.open(**({"access_token": None} | linked | options))

    def fault(self, action: Any, route: str = "*", **how: Any) -> None:
        """Sets what goes wrong at a route."""
        self.drive.add_fault(Fault(action=action, route=route, **how))

    def refuse(self, status: int, reason: str, route: str = "*", *, message: str = "CANARY words", **how: Any) -> None:
        """The next call of a route is answered with an error as Google writes it."""
        body = f'{{"error":{{"code":{status},"message":"{message}","errors":[{{"reason":"{reason}","message":"{message}"}}]}}}}'
        self.fault("reply", route, status=status, body=body, content_type="application/json; charset=UTF-8", **how)

    @property
    def record(self) -> AccountRecord:
        """What the user's clients asked so far."""
        return self.drive.ledger().accounts["acme"]

    def calls(self, route: str) -> int:
        """How often a route was called."""
        return self.record.calls.get(route, 0)

    def stored(self) -> Mapping[str, bytes]:
        """Every visible file under the root, with its bytes; two of one name would be two."""
        files = self.drive.ledger().files_of("acme")
        assert len({file.path for file in files}) == len(files), "two files at one path"
        return {file.path.removeprefix(ROOT): b"".join(self.drive.contents.chunks(file.sha256)) for file in files}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return (self.login.access_token, self.login.refresh_token, self.login.client_secret)


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    """A user of a sandbox that has just been started."""
    async with GoogleDrive() as drive, aiohttp.ClientSession() as http:
        yield Box(drive, http)


@pytest.fixture
def cut_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Makes chunks smaller, so that few bytes make many of them."""

    def set_size(size: int) -> None:
        monkeypatch.setattr("archiver.destinations.google_drive.chunks.CHUNK_BYTES", size)

    return set_size
