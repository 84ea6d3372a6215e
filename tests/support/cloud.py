"""The whole line in virtual time: the real pipeline and the real Dropbox adapter, over real HTTP, in front of a sandbox in the same loop.

Hours cost seconds, since the clock jumps while everybody waits. Sockets of one loop answer one another before it does.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import ssl
from collections.abc import Callable, Coroutine
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from archiver.adapter import check_options
from archiver.database.port import DeliveryRow
from archiver.destinations.dropbox import ADAPTER, DropboxDestination
from archiver.destinations.port import Context, Destination, Pace
from archiver.model import Connection, Discovery, Kind, Role
from archiver.naming import item_path
from archiver.pipeline.assembly import Assembly, Parts
from archiver.sandbox import Account, AccountRecord, FileRecord, Limits, Sandbox
from archiver.sandbox.account import DEFAULT_QUOTA_BYTES
from archiver.sandbox.clock import SandboxClock
from archiver.sandbox.grants import ACCESS_TOKEN_SECONDS
from archiver.sandbox.ledger import Activity
from archiver.sources.memory import MemorySource
from genstage.clock import Clock
from genstage.testing import VirtualClock, run
from support.world import World

__all__ = ["Cloud", "CloudClock", "SteppedClock", "in_the_cloud"]


class CloudClock(SandboxClock):
    """The sandbox's clock, by the loop's time.

    Args:
        clock: The test's.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.wall() + self._ahead

    def advance(self, seconds: float) -> None:
        """Jumps forward."""
        self._ahead += seconds


class SteppedClock(VirtualClock):
    """A virtual clock whose wall time somebody sets.

    Attributes:
        step: Seconds by which the wall is wrong.
    """

    step = 0.0

    def wall(self) -> float:
        """Seconds since the epoch, as this machine believes."""
        return super().wall() + self.step


class Cloud(World):
    """A `World` whose customers have a Dropbox each.

    Attributes:
        sandbox: The Dropbox of all of them.
        http: The process's session.
        accounts: By customer.
        proxy: Another address at which Archiver finds the sandbox; empty for its own.
        sent: What each customer's source has: external id → bytes.
        asked: By customer, when the sandbox was asked for what: the clock's time and the route.
        tokens: How often a token was given.
    """

    adapter = "dropbox"
    rules = "dropbox"

    def __init__(self, path: Path, sandbox: Sandbox, http: aiohttp.ClientSession, clock: VirtualClock) -> None:
        super().__init__(path)
        self.clock = clock
        self.database = self.another_database()
        self.sandbox = sandbox
        self.http = http
        self.accounts: dict[str, Account] = {}
        self.proxy = ""
        self.sent: dict[str, dict[str, bytes]] = {}
        self.template = "/{kind}/{id}.{ext}"
        self.tokens = 0
        self.other: Any = None
        self.asked: dict[str, list[tuple[float, str]]] = {}
        self._count_tokens()

    def _count_tokens(self) -> None:
        issue = self.sandbox.world.issue

        def counted(grant: Any) -> str:
            self.tokens += 1
            return issue(grant)

        self.sandbox.world.issue = counted  # type: ignore[method-assign]  # the ledger does not count calls of the token endpoint

    async def link(
        self, name: str, limits: Limits | None = None, *, quota_bytes: int = DEFAULT_QUOTA_BYTES, weight: int = 1, **options: str
    ) -> None:
        """A customer with a source in memory, and a Dropbox."""
        account = self.accounts[name] = self.sandbox.add_account(name, limits, quota_bytes=quota_bytes)
        customer = await self.database.add_customer(name, path_template=self.template, weight=weight)
        source = await self.database.add_connection(customer.id, Role.SOURCE, "memory", {}, {})
        url = options.pop("url", self.proxy or self.sandbox.url)
        given = {"root": "/Archive", "api_url": url, "app_key": account.app_key, **options}
        destination = await self.database.add_connection(customer.id, Role.DESTINATION, "dropbox", given, {})
        self.sources[source.id] = MemorySource()
        self.lanes[name] = destination.id
        self.source_ids[name] = source.id
        self.sent[name] = {}
        self._listen_to(name)

    def _listen_to(self, name: str) -> None:
        self._hear(name, self.sandbox.world.accounts[name].activity)

    def _hear(self, name: str, activity: Activity) -> None:
        called, asked = activity.called, self.asked.setdefault(name, [])

        def heard(route: str, *args: Any, **named: Any) -> None:
            asked.append((self.clock.time(), route))
            self.changed.set()
            called(route, *args, **named)

        activity.called = heard  # type: ignore[method-assign]  # the ledger tells seconds only

    def give(self, name: str, data: bytes, **fields: Any) -> Discovery:
        """One item with exactly these bytes; ``fields`` of its discovery may say something else."""
        key = str(fields.pop("external_id", f"{len(self.sent[name]):06}"))
        known: dict[str, Any] = {"kind": Kind.SMS, "occurred_at": 0, "media_type": "text/plain", "size": len(data)}
        discovery = Discovery(external_id=key, locator=key, **(known | fields))
        self.sources[self.source_ids[name]].add(discovery, data)
        self.sent[name][key] = data
        return discovery

    def give_many(self, name: str, count: int, size: int = 200) -> None:
        """So many items that all differ."""
        for _ in range(count):
            key = f"{name}-{len(self.sent[name]):06}"
            self.give(name, (key.encode() * (size // len(key) + 1))[:size], external_id=key)

    def assembly(self) -> Assembly:
        """A fresh one on the same world."""
        return Assembly(
            Parts(
                database=self.database,
                open_source=self.open_source,
                open_destination=self.open_destination,
                name_rules=lambda adapter: self.rules if adapter == self.adapter else "posix",
                clock=self.clock,
                listener=self.listen,
                budget=self.budget,
                sweep_seconds=self.sweep_seconds,
                seed=1,
            )
        )

    def open_destination(self, connection: Connection, pace: Pace) -> Destination:
        """The customer's Dropbox, or what `World` has."""
        if connection.adapter != "dropbox":
            return super().open_destination(connection, pace)
        return self.open_dropbox(connection, pace)

    def open_dropbox(self, connection: Connection, pace: Pace) -> DropboxDestination:
        """The customer's Dropbox, with the credentials of its account."""
        name = next(name for name, lane in self.lanes.items() if lane == connection.id)
        account = self.accounts[name]
        secrets = {"refresh_token": account.refresh_token, "app_secret": account.app_secret}
        options = check_options("dropbox", ADAPTER.options, {**connection.options, **secrets})
        return ADAPTER.open(options, Context(pace=pace, clock=self.clock, http=self.http))

    def connect_again(self, name: str) -> None:
        """The customer has given a new authorisation, as the console will take it."""
        line = self.sandbox.world.accounts[name].line
        grant = self.sandbox.world.grants.authorise(account=line.name)
        self.accounts[name] = msgspec.structs.replace(self.accounts[name], refresh_token=grant.refresh_token)

    async def another_process(self) -> Any:
        """The database as another process writes it; open until the end of the test."""
        if self.other is None:
            self.other = self.another_database()
            await self.other.open()
        return self.other

    async def put_foreign(self, name: str, path: str, data: bytes) -> None:
        """Somebody else puts a file into the customer's Dropbox."""
        headers = {
            "Authorization": f"Bearer {self.accounts[name].access_token}",
            "Dropbox-API-Arg": json.dumps({"path": path}),
            "Content-Type": "application/octet-stream",
        }
        async with self.http.post(f"{self.sandbox.url}/2/files/upload", data=io.BytesIO(data), headers=headers) as response:
            assert response.status == 200, await response.text()

    def remove(self, name: str, path: str) -> None:
        """Somebody else removes a file from it."""
        namespace = self.sandbox.world.accounts[name].namespace
        namespace.used_bytes -= namespace.files.pop(path.lower()).content.size

    def path_of(self, discovery: Discovery) -> str:
        """Where an item belongs in its Dropbox."""
        return "/Archive" + item_path(discovery, template=self.template, rules=self.rules)

    def record(self, name: str) -> AccountRecord:
        """What the sandbox was asked for a customer."""
        return self.sandbox.ledger().accounts[name]

    def files(self, name: str) -> list[FileRecord]:
        """What the sandbox shows of a customer."""
        return self.sandbox.ledger().files_of(name)

    def calls(self, name: str) -> int:
        """How many calls the sandbox has had for a customer."""
        return len(self.asked[name])

    def asks(self, name: str, route: str) -> int:
        """How many calls of one route it has had."""
        return sum(fnmatchcase(asked, route) for _, asked in self.asked[name])

    async def rows(self, name: str) -> dict[str, DeliveryRow]:
        """A customer's deliveries, by the item's id."""
        return {row.external_id: row for row in await self.database.deliveries(customer=name, limit=10_000)}

    async def ended(self, name: str) -> int:
        """How many of a customer's items need nothing more, or a person."""
        row = await self.counters(name)
        return row.archived + row.rejected + row.gone

    async def settled(self, *names: str, seconds: float = 3600.0) -> None:
        """Returns when everything that these customers were given has ended in one way or another."""
        async with asyncio.timeout(seconds):
            for name in names or tuple(self.sent):
                self.changed.clear()
                while await self.ended(name) < len(self.sent[name]):
                    await self.changed.wait()
                    self.changed.clear()

    async def check(self, *names: str, missing: int = 0, attempts: int | None = None, obedient: bool = True) -> None:
        """The promise: what was given is there once, with its bytes, and the database says so; nothing else is there.

        Args:
            names: Whose; by default everybody's.
            missing: So many of each are not there, and rightly so.
            attempts: How many tries each item was charged; None does not look.
            obedient: No call came before a Retry-After was over.
        """
        for name in names or tuple(self.sent):
            files = self.files(name)
            wanted = sorted(hashlib.sha256(data).hexdigest() for data in self.sent[name].values())
            found = sorted(file.sha256 for file in files)
            assert len(found) == len(wanted) - missing, name
            assert not missing or set(found) <= set(wanted)
            assert missing or found == wanted, name
            assert all(file.revisions == 1 for file in files), "something was overwritten"
            assert not [file.path for file in files if " (" in file.path or "conflicted" in file.path]
            assert (await self.counters(name)).archived == len(found)
            assert not obedient or not self.record(name).disobeyed
            assert attempts is None or {row.attempt for row in (await self.rows(name)).values()} == {attempts}


def in_the_cloud(
    test: Callable[[Cloud], Coroutine[Any, Any, None]],
    *,
    tls: ssl.SSLContext | None = None,
    access_token_seconds: float = ACCESS_TOKEN_SECONDS,
) -> Callable[[Path], None]:
    """Makes a test of a coroutine function that takes a `Cloud`, in virtual time.

    Args:
        test: The coroutine function.
        tls: The sandbox answers at ``sandbox.tls_url``, too.
        access_token_seconds: How long a token lives.
    """

    async def scenario(path: Path) -> None:
        clock = SteppedClock()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
        async with (
            Sandbox(tls=tls, access_token_seconds=access_token_seconds) as sandbox,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http,
        ):
            sandbox.world.clock = CloudClock(VirtualClock())
            world = Cloud(path, sandbox, http, clock)
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
