"""A sandbox, an account in it, and destinations in front of that account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from archiver.adapter import check_options
from archiver.destinations.dropbox import ADAPTER, DropboxDestination
from archiver.destinations.port import CallKind, Context, Unpaced
from archiver.errors import ArchiverError
from archiver.sandbox import Account, AccountRecord, Fault, Sandbox
from genstage.clock import Clock, SystemClock

ROOT = "/Archive"


class RecordedPace(Unpaced):
    """Lets every call through, and remembers how each ended."""

    def __init__(self) -> None:
        self.calls: list[tuple[CallKind, int, ArchiverError | None]] = []
        self.committing = asyncio.Event()

    @asynccontextmanager
    async def call(self, kind: CallKind, items: int = 1) -> AsyncIterator[None]:
        """Lets the call through and writes down what left its block."""
        if kind is CallKind.COMMIT:
            self.committing.set()
        try:
            yield
        except ArchiverError as error:
            self.calls.append((kind, items, error))
            raise
        self.calls.append((kind, items, None))


class Box:
    """One account of a sandbox, seen from both sides."""

    def __init__(self, sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.account: Account = sandbox.add_account("acme")
        self.pace = RecordedPace()
        self._http = http

    def open(self, *, clock: Clock | None = None, **options: Any) -> DropboxDestination:
        """A destination in front of the account; by default with its access token."""
        given = {"root": ROOT, "api_url": self.sandbox.url, "access_token": self.account.access_token, **options}
        context = Context(pace=self.pace, clock=clock or SystemClock(), http=self._http)
        return ADAPTER.open(check_options("dropbox", ADAPTER.options, {k: v for k, v in given.items() if v is not None}), context)

    def open_linked(self, **options: Any) -> DropboxDestination:
        """A destination that has a refresh token and no access token."""
        account = self.account
        given = {"access_token": None, "refresh_token": account.refresh_token, "app_key": account.app_key, "app_secret": account.app_secret}
        return self.open(**(given | options))

    def fault(self, action: Any, route: str = "*", **how: Any) -> None:
        """Sets what goes wrong at a route of ``files/``."""
        self.sandbox.add_fault(Fault(action=action, route=route, **how))

    def refuse(self, status: int, body: str = "", route: str = "*", *, json: bool = False, **how: Any) -> None:
        """The next call of a route is answered like this."""
        kind = "application/json" if json else "text/plain; charset=utf-8"
        self.fault("reply", route, status=status, body=body, content_type=kind, **how)

    @property
    def record(self) -> AccountRecord:
        """What the account asked so far."""
        return self.sandbox.ledger().accounts["acme"]

    def calls(self, name: str) -> int:
        """How often a route was called, by the last part of its name."""
        return sum(count for route, count in self.record.calls.items() if route.rpartition("/")[2] == name)

    def stored(self) -> Mapping[str, bytes]:
        """Every visible file under the root, with its bytes."""
        files = self.sandbox.ledger().files_of("acme")
        store = self.sandbox.world.store
        return {file.path.removeprefix(ROOT): b"".join(store.chunks(file.sha256)) for file in files}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return (self.account.access_token, self.account.refresh_token, self.account.app_secret)


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    """An account in a sandbox that has just been started."""
    async with Sandbox() as sandbox, aiohttp.ClientSession() as http:
        yield Box(sandbox, http)


@pytest.fixture
def cut_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Makes chunks smaller, so that few bytes make many of them."""

    def set_size(size: int) -> None:
        monkeypatch.setattr("archiver.destinations.dropbox.chunks.CHUNK_BYTES", size)

    return set_size
