"""The whole line: Twilio on loopback → ``archiver run`` → a folder, judged by what Twilio has and what lies there."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from archiver.sandbox.faults import Fault
from archiver.sandbox.twilio import Limits, Twilio, archivable, fill
from support.machine import Machine


@pytest.fixture
async def twilio() -> AsyncIterator[Twilio]:
    """A company with two subaccounts and two weeks of history."""
    async with Twilio(limits=Limits(at_once=8, latency=0.005)) as twilio:
        fill(twilio.exchange, calls=24, messages=24)
        yield twilio


async def connect(machine: Machine, twilio: Twilio, *options: str) -> None:
    """A customer whose account goes into a folder."""
    (machine.home / "archive").mkdir()
    login = twilio.login()
    more = [word for option in options for word in ("--from-option", option)]
    await machine.archiver(
        *("customers", "add", "acme", "--from", f"twilio:{login.account_sid}", "--to", f"folder:{machine.home / 'archive'}"),
        *("--from-option", f"base_url={twilio.url}", "--from-option", "poll_interval=0.5", *more),
        ARCHIVER_TWILIO_API_SECRET=login.auth_token,
    )


def expected(twilio: Twilio) -> int:
    """How many items there are: everything with bytes, a row per call, text and record per message."""
    now, accounts = twilio.clock.now(), twilio.exchange.accounts.values()
    rows = [
        row for one in accounts for row in (*one.calls.values(), *one.messages.values(), *one.messages.values()) if row.visible_at <= now
    ]
    return len(rows) + len(list(archivable(twilio.exchange)))


def files(machine: Machine) -> list[Path]:
    """What lies in the folder under its name; what a kill cut off lies among the parts."""
    root = machine.home / "archive"
    return [path for path in root.rglob("*") if path.is_file() and ".archiver-parts" not in path.relative_to(root).parts]


def stored(machine: Machine) -> dict[Path, str]:
    """What lies in the folder: hashes by path."""
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files(machine)}


def judge(machine: Machine, twilio: Twilio) -> None:
    """Every item lies there once, with its bytes, and is named by its SID; Twilio was only ever read."""
    lies = stored(machine)
    hashes = Counter(lies.values())
    assert [thing for thing in archivable(twilio.exchange) if hashes[thing.sha256] != 1] == []
    names = "\n".join(map(str, lies))
    for account in twilio.exchange.accounts.values():
        assert [sid for sid in (*account.calls, *account.messages) if sid not in names] == []
    assert len(lies) == expected(twilio)
    assert {request.method for request in twilio.ledger.requests} == {"GET"}


async def until_stored(machine: Machine, count: int, seconds: float = 60.0) -> None:
    """Looks at the folder, which is cheap, until it has so many files; the database knows of them when the process has ended."""
    async with asyncio.timeout(seconds):
        while len(files(machine)) < count:
            await asyncio.sleep(0.05)


async def report(machine: Machine, *, code: int = 0) -> dict[str, Any]:
    """What ``archiver report`` says, whose exit code says whether something is missing."""
    process = await machine.start("report", "acme", "--json")
    out, err = await process.communicate()
    assert process.returncode == code, out.decode() + err.decode()
    told: dict[str, Any] = json.loads(out)
    return told


async def rows(machine: Machine) -> list[dict[str, Any]]:
    """Every delivery."""
    found: list[dict[str, Any]] = json.loads(await machine.archiver("deliveries", "--limit", "1000", "--json"))
    return found


def pass_a_minute(machine: Machine) -> None:
    """What waits for another look is due: nobody writes now, so the test may."""
    with closing(sqlite3.connect(machine.home / "home" / "archiver.db")) as database, database:
        database.execute("UPDATE deliveries SET ready_at = 0 WHERE state = 'waiting'")


async def end(process: asyncio.subprocess.Process) -> None:
    """Drains it."""
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_everything_of_every_account_is_archived_through_a_narrow_door(machine: Machine, twilio: Twilio) -> None:
    """Three calls at once, a 429 out of the blue, a lost answer; then what comes and what comes late: all arrive, and no try is charged."""
    twilio.limits = Limits(at_once=3, latency=0.01)
    twilio.faults.add(Fault(action="reply", route="recording/content", nth=3, times=2, status=429, headers={"Retry-After": "1"}))
    twilio.faults.add(Fault(action="lose_answer", route="messages", nth=2))
    await connect(machine, twilio)
    process = await machine.start("run")
    await until_stored(machine, expected(twilio))
    twilio.exchange.record(twilio.exchange.add_call(late=1.5), b"RIFF late sound")
    twilio.exchange.add_message(media=[("image/gif", b"GIF89a live")])
    await asyncio.sleep(1.6)
    await until_stored(machine, expected(twilio))
    judge(machine, twilio)
    await end(process)
    told = await report(machine)
    assert (told["verdict"], told["missing"]) == ("complete", 0)
    assert {row["attempt"] for row in await rows(machine)} == {0}
    refused = sum(request.status == 429 for request in twilio.ledger.requests)
    assert refused < len(twilio.ledger.requests) / 5, twilio.ledger.answers()


@pytest.mark.scenario
@pytest.mark.timeout(240)
async def test_kills_lose_nothing_and_store_nothing_twice(machine: Machine, twilio: Twilio) -> None:
    """Killed again and again, earlier and later: everything is archived once, and no secret stands anywhere."""
    await connect(machine, twilio)
    said = b""
    for more in (5, 25, 60):
        process = await machine.start("run", ARCHIVER_LOG_LEVEL="debug", ARCHIVER_DEBUG="1")
        asked = len(twilio.ledger.requests)
        async with asyncio.timeout(60):
            while len(twilio.ledger.requests) < asked + more:
                await asyncio.sleep(0.01)
        process.kill()
        said += b"".join(await process.communicate())
    written = b"".join(path.read_bytes() for path in (machine.home / "home").rglob("*") if path.is_file())
    assert [secret for secret in twilio.exchange.secrets() if secret.encode() in said + written] == []
    process = await machine.start("run")
    await until_stored(machine, expected(twilio), seconds=90)
    judge(machine, twilio)
    await end(process)
    assert (await report(machine))["verdict"] == "complete"


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_a_key_that_was_taken_back_waits_for_a_person(machine: Machine, twilio: Twilio) -> None:
    """`status` says so once, nothing is charged; after the person's word what came meanwhile is archived."""
    await connect(machine, twilio)
    log = machine.home / "said"
    with log.open("wb") as said:
        process = await machine.start("run", output=said)
    await until_stored(machine, expected(twilio), seconds=60)
    main = twilio.exchange.main
    token = main.token
    twilio.exchange.revoke()
    twilio.exchange.record(twilio.exchange.add_call(), b"RIFF meanwhile")
    async with asyncio.timeout(30):
        while b"SourceParked" not in log.read_bytes():
            await asyncio.sleep(0.05)
    (parked,) = json.loads(await machine.archiver("status", "--json"))["sources"]
    assert (parked["customer"], parked["adapter"], parked["state"]) == ("acme", "twilio", "reconnect_needed")
    main.token = token
    await machine.archiver("customers", "resume", "acme")
    await until_stored(machine, expected(twilio), seconds=30)
    judge(machine, twilio)
    await end(process)
    assert {row["attempt"] for row in await rows(machine)} == {0}
    assert log.read_bytes().count(b"SourceParked") == 1


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_what_is_purged_before_it_is_reached_is_told(machine: Machine, twilio: Twilio) -> None:
    """Known, and deleted before its turn: looked for three times, then gone; the report says so, and that nothing else is missing."""
    await connect(machine, twilio)
    calls = [twilio.exchange.add_call(start=twilio.clock.now() - 3600) for _ in range(3)]
    lost = [twilio.exchange.record(call, b"RIFF purged %d" % number) for number, call in enumerate(calls)]
    picture = twilio.exchange.add_message(media=[("image/gif", b"GIF89a purged")]).media[0]
    await machine.archiver("import", "acme")
    for sid in (*(recording.sid for recording in lost), picture.sid):
        twilio.exchange.purge(sid)
    for look in range(3):
        process = await machine.start("run")
        await until_stored(machine, expected(twilio), seconds=60)
        async with asyncio.timeout(30):
            while min(twilio.ledger.count("recording/content", 404) / 3, twilio.ledger.count("media", 404)) <= look:
                await asyncio.sleep(0.05)
        await end(process)
        pass_a_minute(machine)
    missing = [row for row in await rows(machine) if row["receipt"] is None]
    assert {row["external_id"] for row in missing} == {*(call.sid for call in calls), list(twilio.exchange.main.messages)[-1]}
    assert {(row["state"], row["reason"]) for row in missing} == {("gone", "SourceGoneError")}
    assert all("404" in row["detail"] for row in missing)
    told = await report(machine, code=1)
    assert told["verdict"] == "missing"
    gone = {kind["kind"]: kind["gone"] for lane in told["lanes"] for kind in lane["kinds"]}
    assert (gone, told["missing"]) == ({"call_log": 0, "recording": 3, "sms": 1}, 4)
    assert "3 recording were gone at the source before they were archived" in told["why"][0]
