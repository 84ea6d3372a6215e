"""The whole line in virtual time in front of a OneDrive or a Google Drive on loopback: what `support.cloud` is for Dropbox."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp

from archiver import registry
from archiver.adapter import check_options
from archiver.destinations.port import Context, Destination, Pace
from archiver.model import Connection, Role
from archiver.sandbox import Fault
from archiver.sandbox.google import GoogleDrive
from archiver.sandbox.google import Login as GoogleLogin
from archiver.sandbox.microsoft import Login, OneDrive
from archiver.sources.memory import MemorySource
from genstage.testing import VirtualClock, run
from support.cloud import Cloud, CloudClock, SteppedClock

__all__ = ["Drives", "in_google_drive", "in_onedrive"]

_QUOTA_BYTES = 1 << 40


class Drives(Cloud):
    """A `Cloud` whose customers have a drive each.

    Attributes:
        drives: The server of all of them.
        logins: By customer.
    """

    def __init__(self, path: Path, drives: OneDrive | GoogleDrive, http: aiohttp.ClientSession, clock: VirtualClock) -> None:
        self.drives = drives
        self.adapter, self.rules = ("onedrive", "onedrive") if isinstance(drives, OneDrive) else ("google_drive", "portable")
        self.logins: dict[str, Login | GoogleLogin] = {}
        super().__init__(path, drives, http, clock)  # type: ignore[arg-type]  # what differs is said anew below

    def _count_tokens(self) -> None:
        grants: Any = self.drives.grants
        issue = grants.issue

        def counted(*given: Any) -> str:
            self.tokens += 1
            return str(issue(*given))

        grants.issue = counted

    async def link(self, name: str, *_: Any, quota_bytes: int = _QUOTA_BYTES, **__: Any) -> None:
        """A customer with a source in memory, and a drive without limits of its own."""
        self.logins[name] = self.drives.add_user(name, quota_bytes=quota_bytes)
        self.drives.set_limits(name, units=None)
        customer = await self.database.add_customer(name, path_template=self.template)
        source = await self.database.add_connection(customer.id, Role.SOURCE, "memory", {}, {})
        given = {"root": "/Archive", "api_url": self.drives.url, "client_id": self.logins[name].client_id}
        destination = await self.database.add_connection(customer.id, Role.DESTINATION, self.adapter, given, {})
        self.sources[source.id] = MemorySource()
        self.lanes[name], self.source_ids[name], self.sent[name] = destination.id, source.id, {}
        self._listen_to(name)

    def _listen_to(self, name: str) -> None:
        self._hear(name, self.drives.users[name].activity)

    def open_destination(self, connection: Connection, pace: Pace) -> Destination:
        """The customer's drive, with the credentials of its login."""
        name = next(name for name, lane in self.lanes.items() if lane == connection.id)
        login = self.logins[name]
        secrets = {"refresh_token": login.refresh_token, "client_secret": login.client_secret}
        adapter = registry.destination(self.adapter)
        options = check_options(self.adapter, adapter.options, {**connection.options, **secrets})
        return adapter.open(options, Context(pace=pace, clock=self.clock, http=self.http))

    def connect_again(self, name: str) -> None:
        """The customer has given a new authorisation."""
        self.logins[name] = self.drives.login(name)

    def revoke(self, name: str) -> None:
        """The customer has taken the application's leave away."""
        self.drives.revoke(name)

    def goes_wrong(self, *faults: Fault) -> None:
        """From now on."""
        self.drives.add_fault(*faults)

    def healed(self) -> None:
        """Nothing goes wrong any more."""
        self.drives.faults.clear()

    async def put_foreign(self, name: str, path: str, data: bytes) -> None:
        """Somebody else puts a file into the customer's OneDrive."""
        headers = {"Authorization": f"Bearer {self.logins[name].access_token}"}
        async with self.http.put(f"{self.drives.url}/v1.0/me/drive/root:{path}:/content", data=data, headers=headers) as response:
            assert response.status == 201, await response.text()


def in_onedrive(test: Callable[[Drives], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """Makes a test of a coroutine function that takes `Drives` in front of a OneDrive, in virtual time."""
    return _in_drives(test, OneDrive)


def in_google_drive(test: Callable[[Drives], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """Makes a test of a coroutine function that takes `Drives` in front of a Google Drive, in virtual time."""
    return _in_drives(test, GoogleDrive)


def _in_drives(test: Callable[[Drives], Coroutine[Any, Any, None]], kind: type[OneDrive | GoogleDrive]) -> Callable[[Path], None]:
    async def scenario(path: Path) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
        async with kind() as drives, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
            drives.clock = CloudClock(VirtualClock())
            world = Drives(path, drives, http, SteppedClock())
            await world.database.serve()
            await world.database.open()
            try:
                await test(world)
            finally:
                await world.database.close()
                if world.other is not None:
                    await world.other.close()

    def run_in_virtual_time(tmp_path: Path) -> None:
        run(scenario, tmp_path / "archiver.db")

    run_in_virtual_time.__name__ = test.__name__
    run_in_virtual_time.__doc__ = test.__doc__
    return run_in_virtual_time
