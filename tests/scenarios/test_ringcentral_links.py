"""The link to a RingCentral account: refresh tokens that end after seven days, and that several processes use at one time."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from archiver.app import Archiver, ConnectionSpec
from archiver.database.port import Channel
from archiver.model import ConnectionState, Role
from archiver.pipeline.events import Event, SourceParked, SourceResumed
from archiver.proof.completeness import Verdict
from archiver.sandbox.remote import SandboxProcess
from archiver.sandbox.ringcentral import RingCentral
from archiver.settings import load
from archiver.upkeep.notices import Message, Notices
from genstage.clock import SystemClock
from support.machine import Machine
from support.phone_line import company, connect, expected, judge_but_limits, until_stored

BROWSER, REDIRECT = "cookie-of-one-browser", "http://localhost:8471/"
DAY = 86_400.0


class Calendar(SystemClock):
    """The machine's clock, some days on; everybody's."""

    days = 0.0

    def wall(self) -> float:
        """Seconds since the epoch."""
        return super().wall() + self.days * DAY


class Ear:
    """A channel that hears."""

    channel = Channel.WEBHOOK

    def __init__(self) -> None:
        self.heard: list[Message] = []

    async def send(self, message: Message) -> None:
        """Hears."""
        self.heard.append(message)


@asynccontextmanager
async def running(archiver: Archiver, events: list[Event]) -> AsyncIterator[None]:
    """Archives meanwhile."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(archiver.run(stop, listener=events.append))
        try:
            yield
        finally:
            stop.set()


async def until(archiver: Archiver, count: int) -> None:
    """Returns when so many are archived."""
    async with asyncio.timeout(30):
        while (await archiver.status())[0].archived < count:
            await asyncio.sleep(0.02)  # a real server and a real folder are looked at


async def connect_again(archiver: Archiver, http: aiohttp.ClientSession, spec: ConnectionSpec, number: int) -> None:
    """A person says yes on RingCentral's page, and that it is the right account."""
    desk = archiver.connecting
    invited = await desk.invite("acme", spec, role=Role.SOURCE, connection_id=number)
    page = await desk.begin(invited.link, browser=BROWSER, redirect_uri=REDIRECT)
    async with http.get(page, allow_redirects=False) as reply:
        answer = {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["Location"]).query).items()}
    found = await desk.finish(answer["state"], answer["code"], browser=BROWSER)
    await desk.confirm(found.ticket, browser=BROWSER)


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_a_refresh_token_that_ended_after_seven_days_is_told_once_and_loses_nothing(tmp_path: Path) -> None:
    """Archiver stood still for eight days: the source is parked, the report says so; connected again, what came meanwhile is archived."""
    clock, ear, events = Calendar(), Ear(), list[Event]()
    (tmp_path / "out").mkdir()
    settings = load(environment={}, flags={"home": str(tmp_path / "home")})
    async with RingCentral(now=clock.wall, limits={}) as phones, aiohttp.ClientSession() as http:
        ann = phones.office.add_extension("101", "Ann")
        phones.office.add_call(ann, [b"ID3 before"])
        login = phones.login()
        options = {"client_id": login.client_id, "base_url": phones.url, "poll_interval": 0.2}
        known = {"client_secret": login.client_secret}
        spec = ConnectionSpec(adapter="ringcentral", options=options, secrets={**known, "refresh_token": login.refresh_token})
        async with Archiver.open(settings, serve=True, clock=clock) as archiver:
            await archiver.add_customer("acme", [spec], [ConnectionSpec(adapter="folder", options={"path": str(tmp_path / "out")})])
            async with running(archiver, events):
                await until(archiver, 2)
        clock.days = 8
        phones.office.add_call(ann, [b"ID3 meanwhile"])
        phones.office.add_message(ann, "SMS", subject="are you there?")
        async with Archiver.open(settings, serve=True, clock=clock) as archiver:
            service = Notices(archiver._database, [ear], clock)
            async with running(archiver, events):
                async with asyncio.timeout(30):
                    while not any(isinstance(event, SourceParked) for event in events):
                        await asyncio.sleep(0.02)
                asked = phones.ledger.count("oauth/token")
                for _ in range(3):
                    clock.days += 0.1
                    await service.turn()
                await asyncio.sleep(1)
                assert phones.ledger.count("oauth/token") == asked, "RingCentral is left alone"
                report = await archiver.prover.report("acme")
                (source,) = await archiver._database.connections(role=Role.SOURCE)
                assert (source.state, report.verdict) == (ConnectionState.RECONNECT_NEEDED, Verdict.MISSING)
                assert any("reconnect" in why or "connect" in why for why in report.why), report.why
                await connect_again(archiver, http, ConnectionSpec(adapter="ringcentral", options=options, secrets=known), source.id)
                await until(archiver, 6)
            assert {row.attempt for row in await archiver._database.deliveries()} == {0}
            assert (await archiver.prover.report("acme")).verdict is Verdict.COMPLETE
    assert len(ear.heard) == 1
    assert [type(event) for event in events if isinstance(event, SourceParked | SourceResumed)] == [SourceParked, SourceResumed]
    stored = [path.read_bytes() for path in (tmp_path / "out").rglob("*.mp3")]
    assert sorted(stored) == [b"ID3 before", b"ID3 meanwhile"]


@pytest.mark.scenario
@pytest.mark.timeout(180)
async def test_processes_that_rotate_one_refresh_token_do_not_lose_it(machine: Machine, sandbox: SandboxProcess) -> None:
    """Imports beside a running process, its access token ended each time: each token is used once, and nobody has to reconnect."""
    async with company(calls=5, messages=7) as phones:
        phones.limits.clear()  # each process knows only its own calls
        await connect(machine, phones, sandbox, ARCHIVER_RINGCENTRAL_REFRESH_TOKEN=phones.login().refresh_token)
        log = machine.home / "said"
        with log.open("wb") as said:
            process = await machine.start("run", output=said)
        await until_stored(sandbox, expected(phones))
        ann = next(iter(phones.office.extensions.values()))
        refreshes = phones.grants.refreshes
        for number in range(2):
            phones.grants.expire()
            phones.office.add_call(ann, [b"ID3 rotated %d" % number])
            await asyncio.gather(*(machine.archiver("import", "acme") for _ in range(2)))
        await until_stored(sandbox, expected(phones))
        assert phones.grants.refreshes >= refreshes + 2
        assert json.loads(await machine.archiver("status", "--json"))["sources"] == [], "nobody has to do anything"
        await judge_but_limits(phones, sandbox)
        process.send_signal(signal.SIGTERM)
        await process.communicate()
        assert process.returncode == 0
        assert b"SourceParked" not in log.read_bytes()
