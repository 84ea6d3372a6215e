"""RingCentral as it happens: webhooks, what comes late, links that end, recordings that are purged before anybody comes."""

from __future__ import annotations

import asyncio
import json
import math
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from archiver.sandbox.faults import Fault
from archiver.sandbox.remote import SandboxProcess
from archiver.sandbox.ringcentral import RingCentral
from support.machine import Machine
from support.phone_line import company, connect, expected, judge, judge_but_limits, until_seen, until_stored

WEBHOOKS = {"ARCHIVER_WEBHOOKS": "127.0.0.1:0"}


@pytest.fixture
async def phones() -> AsyncIterator[RingCentral]:
    """A small company, so that its history is archived in a few seconds."""
    async with company(calls=5, messages=7) as phones:
        yield phones


async def rows(machine: Machine) -> list[dict[str, Any]]:
    """Every delivery."""
    found: list[dict[str, Any]] = json.loads(await machine.archiver("deliveries", "--limit", "1000", "--json"))
    return found


async def end(process: asyncio.subprocess.Process) -> None:
    """Drains it."""
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_from_hang_up_to_archived(machine: Machine, sandbox: SandboxProcess, phones: RingCentral) -> None:
    """Calls end and rows appear a second later: 95 of a hundred are archived within 3 s of that, and nobody polls."""
    await connect(machine, phones, sandbox, poll_interval=600.0)
    process = await machine.start("run", **WEBHOOKS)
    await until_stored(sandbox, expected(phones))
    people = list(phones.office.extensions.values())
    for number in range(24):
        phones.office.add_call(people[number % 9], [b"ID3 live %d" % number], late=1.0)
        if number % 5 == 0:
            phones.office.add_message(people[number % 9], "SMS", subject=f"message {number}")
        await asyncio.sleep(0.4)
    await until_seen(phones)
    await until_stored(sandbox, expected(phones))
    await judge(phones, sandbox)
    await end(process)
    archived = {row["external_id"]: row["receipt"]["archived_at"] / 1000 for row in await rows(machine) if row["kind"] == "recording"}
    seen = {call.id: call.visible_at for call in phones.office.calls.values() if call.visible_at - call.start == 1.0}
    waits = sorted(archived[number] - at for number, at in seen.items())
    assert len(waits) == 24
    assert waits[math.ceil(0.95 * len(waits)) - 1] < 3.0, f"median {waits[12]:.2f} s, worst {waits[-1]:.2f} s"


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_lost_webhooks_and_late_rows_cost_time_only(machine: Machine, sandbox: SandboxProcess, phones: RingCentral) -> None:
    """Every webhook is lost, the subscription is blacklisted, rows come seconds late: the looks beneath find all of it."""
    phones.faults.add(Fault(action="stall", route="webhook", times=0))
    await connect(machine, phones, sandbox)
    process = await machine.start("run", **WEBHOOKS)
    await until_stored(sandbox, expected(phones))
    phones.bells.blacklist()
    people = list(phones.office.extensions.values())
    for number in range(10):
        phones.office.add_call(people[number % 9], [b"ID3 lost %d" % number], late=float(number % 4))
        phones.office.add_message(people[number % 9], "SMS", subject=f"message {number}", late=float(number % 3))
    await until_seen(phones)
    await until_stored(sandbox, expected(phones))
    await judge(phones, sandbox)
    await end(process)


@pytest.mark.scenario
@pytest.mark.timeout(240)
async def test_a_kill_between_hang_up_and_archived_loses_nothing(machine: Machine, sandbox: SandboxProcess, phones: RingCentral) -> None:
    """Killed while calls end; those that ended while nobody listened are found by the next process, under a subscription of its own."""
    await connect(machine, phones, sandbox, poll_interval=600.0)
    people = list(phones.office.extensions.values())
    for life in range(3):
        process = await machine.start("run", **WEBHOOKS)
        async with asyncio.timeout(30):
            while not any(one.status == "Active" and one.told == 0 for one in phones.bells.subscriptions.values()):
                await asyncio.sleep(0.05)
        for number in range(4):
            phones.office.add_call(people[number], [b"ID3 life %d call %d" % (life, number)], late=0.2)
            await asyncio.sleep(0.1)
        process.kill()
        await process.communicate()
        phones.office.add_call(people[5], [b"ID3 nobody listened %d" % life])
        for one in phones.bells.subscriptions.values():
            one.told = one.told or 1
    process = await machine.start("run", **WEBHOOKS)
    await until_seen(phones)
    await until_stored(sandbox, expected(phones), seconds=120)
    await judge_but_limits(phones, sandbox)
    await end(process)


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_a_link_that_ended_waits_for_a_person_and_goes_on(machine: Machine, sandbox: SandboxProcess, phones: RingCentral) -> None:
    """The password was changed: `status` says so, nothing is charged; after the person's word what came meanwhile is archived."""
    await connect(machine, phones, sandbox)
    log = machine.home / "said"
    with log.open("wb") as said:
        process = await machine.start("run", output=said)
    await until_stored(sandbox, expected(phones))
    phones.grants.revoke()
    phones.office.add_call(next(iter(phones.office.extensions.values())), [b"ID3 meanwhile"])
    async with asyncio.timeout(30):
        while b"SourceParked" not in log.read_bytes():
            await asyncio.sleep(0.05)
    (parked,) = json.loads(await machine.archiver("status", "--json"))["sources"]
    assert (parked["customer"], parked["adapter"], parked["state"]) == ("acme", "ringcentral", "reconnect_needed")
    phones.grants.restore()
    await machine.archiver("customers", "resume", "acme")
    await until_stored(sandbox, expected(phones))
    await judge(phones, sandbox)
    await end(process)
    assert {row["attempt"] for row in await rows(machine)} == {0}
    assert log.read_bytes().count(b"SourceParked") == 1


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_recordings_that_are_purged_before_they_are_reached_are_gone_with_evidence(
    machine: Machine, sandbox: SandboxProcess, phones: RingCentral
) -> None:
    """Known from the call log, purged before their turn: looked for again and again, and kept with what RingCentral answered."""
    await connect(machine, phones, sandbox)
    people = list(phones.office.extensions.values())
    lost = [phones.office.add_call(people[0], [b"ID3 purged %d" % number], start=phones.clock.now() - 3600) for number in range(3)]
    await machine.archiver("import", "acme")
    for call in lost:
        phones.office.purge(call.recordings[0])
    process = await machine.start("run")
    await until_stored(sandbox, expected(phones))
    async with asyncio.timeout(30):
        while phones.ledger.count("recording/content", 404) < len(lost):
            await asyncio.sleep(0.05)
    await end(process)
    missing = [row for row in await rows(machine) if row["receipt"] is None]
    assert {row["external_id"] for row in missing} == {call.id for call in lost}
    assert {row["reason"] for row in missing} == {"SourceGoneError"}
    assert all("404" in row["detail"] and row["attempt"] >= 1 for row in missing), "looked for, and what was answered"
