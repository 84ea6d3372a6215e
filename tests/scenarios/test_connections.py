"""A connection's life with three providers: connected, revoked, told of once, connected again; what waits is kept; no secret leaves.

The whole of Archiver in this process, over real HTTP, in front of a Dropbox, a Google Drive and a Box on loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web

from archiver.app import Archiver, ConnectionSpec
from archiver.connecting import Connected
from archiver.errors import ArchiverError, InvitationError
from archiver.keeping import opened
from archiver.model import ConnectionState, Role
from archiver.pipeline.events import Event, LaneParked
from archiver.sandbox import Fault, Sandbox
from archiver.sandbox.box import Box
from archiver.sandbox.google import GoogleDrive
from archiver.settings import load
from archiver.upkeep import Notices, Webhook
from genstage.clock import SystemClock

BROWSER = "cookie-of-one-browser"
REDIRECT = "http://localhost:8471/"
NUMBER = "+493055501477"
SIGNING = "canary-signing-secret"


class Provider:
    """One of the clouds, as a scenario sees it.

    Attributes:
        adapter: Its destination.
        spec: As a person gives it.
    """

    def __init__(self, adapter: str, spec: ConnectionSpec, cloud: Sandbox | GoogleDrive | Box) -> None:
        self.adapter = adapter
        self.spec = spec
        self._cloud = cloud

    def revoke(self) -> None:
        """The customer takes the application's leave away."""
        cloud = self._cloud
        cloud.world.revoke("acme") if isinstance(cloud, Sandbox) else cloud.revoke("acme")

    def files(self) -> int:
        """How many files the customer's storage shows."""
        return len(self._cloud.ledger().files_of("acme"))

    def room(self, size: int) -> None:
        """The storage has room for so many bytes in all."""
        if isinstance(self._cloud, Sandbox):
            self._cloud.world.change_account("acme", quota_bytes=size)
        else:
            self._cloud.set_quota("acme", size)

    def fault(self, fault: Fault) -> None:
        """Something goes wrong from now on."""
        self._cloud.add_fault(fault)


@pytest.fixture(params=["box", "dropbox", "google_drive"])
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[Provider]:
    """Each of them, with the customer's account."""
    if request.param == "dropbox":
        async with Sandbox() as sandbox:
            account = sandbox.add_account("acme")
            options = {"app_key": account.app_key, "api_url": sandbox.url, "root": "/Archive"}
            spec = ConnectionSpec(adapter="dropbox", options=options)
            yield Provider("dropbox", spec, sandbox)
        return
    async with Box() if request.param == "box" else GoogleDrive() as cloud:
        login = cloud.add_user("acme")
        options = {"client_id": login.client_id, "api_url": cloud.url, "root": "/Archive"}
        spec = ConnectionSpec(adapter=request.param, options=options, secrets={"client_secret": login.client_secret})
        yield Provider(request.param, spec, cloud)


class Hook:
    """A web address that is told; away at first."""

    def __init__(self) -> None:
        self.status = 503
        self.tried = 0
        self.taken: list[dict[str, object]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        """Hears, or does not."""
        self.tried += 1
        if self.status < 300:
            self.taken.append(json.loads(await request.read()))
        return web.Response(status=self.status)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    """On loopback."""
    hook = Hook()
    app = web.Application()
    app.router.add_post("/", hook.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield hook
    await runner.cleanup()


class Scene:
    """A running Archiver with two customers: one in the cloud, one who must not notice."""

    def __init__(self, archiver: Archiver, home: Path, http: aiohttp.ClientSession) -> None:
        self.archiver = archiver
        self.home = home
        self.http = http
        self.secrets: set[str] = set()
        self._numbers = iter(range(1_000_000))

    def give(self, customer: str, count: int) -> None:
        """So many new messages of a customer."""
        for _ in range(count):
            number = next(self._numbers)
            sidecar = {"kind": "sms", "external_id": f"id-{number}", "sender": NUMBER, "recipient": NUMBER}
            (self.home / customer / f"{number}.txt.json").write_text(json.dumps(sidecar))
            (self.home / customer / f"{number}.txt").write_text(f"message {number}")

    async def add(self) -> None:
        """Adds both customers, with folders."""
        for name in ("acme", "other"):
            (self.home / name).mkdir()
            (self.home / f"{name}-out").mkdir()
            source = ConnectionSpec(adapter="folder", options={"path": str(self.home / name)})
            to = [] if name == "acme" else [ConnectionSpec(adapter="folder", options={"path": str(self.home / f"{name}-out")})]
            await self.archiver.add_customer(name, [source], to)

    async def connect(self, provider: Provider, again: int | None = None) -> Connected:
        """A customer follows a link, says yes on the page, and confirms."""
        desk = self.archiver.connecting
        invited = await desk.invite("acme", provider.spec, connection_id=again)
        page = await desk.begin(invited.link, browser=BROWSER, redirect_uri=REDIRECT)
        async with self.http.get(page, allow_redirects=False) as reply:
            answer = {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["Location"]).query).items()}
        (asked,) = [one for one in await self.archiver._database.invitations(1) if one.state_hash]
        place = {"customer": "1", "adapter": provider.adapter, "field": "verifier"}
        self.secrets |= {invited.link, answer["code"], answer["state"], self.archiver._vault.open(asked.secrets["verifier"], **place)}
        found = await desk.finish(answer["state"], answer["code"], browser=BROWSER)
        assert found.account.name.startswith("acme@")
        done = await desk.confirm(found.ticket, browser=BROWSER)
        self.secrets |= {found.ticket, *opened(done.connection, self.archiver._vault).values()}
        return done

    async def until(self, customer: str, *, archived: int = 0, state: ConnectionState = ConnectionState.ACTIVE) -> None:
        """Returns when a customer's lane has archived so much and is in that state."""
        async with asyncio.timeout(30):
            while True:
                (row,) = [row for row in await self.archiver.status() if row.customer == customer]
                if row.archived >= archived and row.state is state:
                    return
                await asyncio.sleep(0.02)  # real servers and a real folder are looked at

    def written(self) -> str:
        """Everything that is kept: the database as SQL and as bytes."""
        home = self.home / "home"
        with sqlite3.connect(home / "archiver.db") as connection:
            dump = "\n".join(connection.iterdump())
        connection.close()
        return dump + "".join(path.read_bytes().decode("latin-1") for path in sorted(home.iterdir()) if path.is_file())


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Both customers, nothing in the cloud yet."""
    settings = load(environment={}, flags={"home": str(tmp_path / "home")})
    async with Archiver.open(settings, serve=True) as archiver, aiohttp.ClientSession() as http:
        scene = Scene(archiver, tmp_path, http)
        await scene.add()
        yield scene


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_row_43_uploads_wait_for_no_message_and_a_revoked_link_is_told_once(
    scene: Scene, provider: Provider, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    """Uploads of others go on while nobody can be told; then one message; everything that waited is archived; no secret is anywhere."""
    caplog.set_level(logging.DEBUG)
    done = await scene.connect(provider)
    lane = done.connection.id
    assert done.tried
    service = Notices(scene.archiver._database, [Webhook(scene.http, SystemClock(), url=hook.url, secret=SIGNING)], _Hasty())
    events: list[Event] = []
    async with running(scene.archiver, events):
        scene.give("acme", 5)
        await scene.until("acme", archived=5)
        provider.revoke()
        scene.give("acme", 5)
        await scene.until("acme", archived=5, state=ConnectionState.RECONNECT_NEEDED)
        for _ in range(3):
            await service.turn()
        scene.give("other", 20)
        await scene.until("other", archived=20)
        assert hook.tried >= 1
        assert not hook.taken
        hook.status = 204
        for _ in range(5):
            await service.turn()
        (message,) = hook.taken
        (notice,) = message["notices"]  # type: ignore[misc]  # JSON
        assert (notice["customer"], notice["state"], notice["connection_id"]) == ("acme", "reconnect_needed", lane)
        (row,) = [row for row in await scene.archiver.status() if row.lane == lane]
        assert (row.waiting, row.rejected, row.gone) == (5, 0, 0)
        again = await scene.connect(provider, again=lane)
        assert (again.again, again.connection.id) == (True, lane)
        await scene.until("acme", archived=10)
        for _ in range(5):
            await service.turn()
        assert len(hook.taken) == 1
    assert provider.files() == 10
    assert len([event for event in events if isinstance(event, LaneParked)]) == 1
    assert {row.attempt for row in await scene.archiver.deliveries(customer="acme")} == {0}
    lines = await scene.archiver.auditor.newest(limit=1000)
    acts = [line.action for line in reversed(lines) if line.action in {"connect", "connections link"}]
    assert acts == ["connections link", "connect"] * 2
    said = "\n".join([caplog.text, repr(events), json.dumps(hook.taken), repr(lines), repr(done), repr(again), *map(str, lines)])
    for secret in (*scene.secrets, SIGNING):
        assert secret not in said
        assert secret not in scene.written()
    assert NUMBER not in said


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_what_goes_wrong_while_connecting_shows_no_secret(scene: Scene, provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    """Another browser, a code twice, a code that is none, a link that was used: each is an error whose traceback tells nothing."""
    caplog.set_level(logging.DEBUG)
    await scene.connect(provider)
    desk = scene.archiver.connecting
    link = (await desk.invite("acme", provider.spec)).link
    page = await desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT)
    async with scene.http.get(page, allow_redirects=False) as reply:
        answer = {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["Location"]).query).items()}
    state, code = answer["state"], answer["code"]
    shown = []
    for wrong in (
        lambda: desk.finish(state, code, browser="cookie-of-another-browser"),
        lambda: desk.finish("canary-state-of-nobody", code, browser=BROWSER),
        lambda: desk.finish(state, "canary-code-of-nobody", browser=BROWSER),
        lambda: desk.finish(state, code, browser=BROWSER),
        lambda: desk.confirm("canary-ticket", browser=BROWSER),
        lambda: desk.look("canary-link"),
    ):
        try:
            await wrong()
        except ArchiverError as error:
            logging.getLogger("test").exception("as a log would have it")
            shown.append(f"{error!r} {error.hint} {error.__cause__!r}")
    assert len(shown) == 6
    everything = "\n".join([caplog.text, *shown])
    assert "Traceback" in everything
    for secret in (link, state, code, *scene.secrets, "canary"):
        # A test's own frames quote this file, where the canaries stand.
        assert not [line for line in everything.splitlines() if secret in line and "lambda" not in line]
    with contextlib.suppress(InvitationError):
        await desk.decline(state, browser=BROWSER)
    assert len([c for c in await scene.archiver._database.connections(role=Role.DESTINATION) if c.adapter == provider.adapter]) == 1


@asynccontextmanager
async def running(archiver: Archiver, events: list[Event]) -> AsyncIterator[None]:
    """Archives meanwhile."""
    stop = asyncio.Event()
    task = asyncio.create_task(archiver.run(stop, listener=events.append))
    try:
        yield
    finally:
        stop.set()
        await task


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_row_17_a_full_storage_is_told_once_and_goes_on_by_itself(
    scene: Scene, provider: Provider, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost and no try is charged; when there is room again nobody has to press a button."""
    monkeypatch.setattr("archiver.pipeline.probes._PROBE_SECONDS", 0.5)  # a quarter of an hour in earnest
    await scene.connect(provider)
    hook.status = 204
    service = Notices(scene.archiver._database, [Webhook(scene.http, SystemClock(), url=hook.url, secret=SIGNING)], SystemClock())
    events: list[Event] = []
    provider.room(1)
    scene.give("acme", 20)
    async with running(scene.archiver, events):
        await scene.until("acme", state=ConnectionState.QUOTA_FULL)
        for _ in range(3):
            await service.turn()
        provider.room(1_000_000)
        scene.archiver._changed()  # the sweep looks every half minute in earnest
        async with asyncio.timeout(40):
            while (await scene.archiver.status())[0].archived < 20:
                scene.archiver._changed()
                await asyncio.sleep(0.1)  # until the storage is looked at again
    assert provider.files() == 20
    assert [notice["state"] for message in hook.taken for notice in message["notices"]] == ["quota_full"]  # type: ignore[misc, index]  # JSON
    assert {row.attempt for row in await scene.archiver.deliveries(customer="acme")} == {0}


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_row_14_a_token_that_ends_is_nobodys_trouble(scene: Scene, provider: Provider) -> None:
    """It is renewed once in the middle of the work: nothing is parked, nobody is told, and no try is charged."""
    await scene.connect(provider)
    events: list[Event] = []
    provider.fault(Fault(action="expire_token", route="*"))
    scene.give("acme", 20)
    async with running(scene.archiver, events):
        await scene.until("acme", archived=20)
    assert provider.files() == 20
    assert not [event for event in events if isinstance(event, LaneParked)]
    assert {row.attempt for row in await scene.archiver.deliveries(customer="acme")} == {0}


class _Hasty(SystemClock):
    """A clock for whom an hour passes with each look: what is to be tried again later is due."""

    hours = 0

    def wall(self) -> float:
        """The wall clock, an hour later each time."""
        self.hours += 1
        return super().wall() + 3600.0 * self.hours
