"""The whole line: RingCentral on loopback → ``archiver run`` → a Dropbox on loopback, judged by both ledgers."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator

import pytest

from archiver.sandbox.faults import Fault
from archiver.sandbox.remote import SandboxProcess
from archiver.sandbox.ringcentral import RingCentral
from support.machine import Machine
from support.phone_line import company, connect, expected, judge, judge_but_limits


@pytest.fixture
async def phones() -> AsyncIterator[RingCentral]:
    """A company of nine people and queues with two weeks of history."""
    async with company() as phones:
        yield phones


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_every_record_of_every_extension_is_archived(machine: Machine, sandbox: SandboxProcess, phones: RingCentral) -> None:
    """Calls, recordings of each leg, voicemail, SMS, MMS and fax of all extensions under one user; then what comes late."""
    await connect(machine, phones, sandbox)
    process = await machine.start("run")
    await machine.until_archived("acme", expected(phones), seconds=60)
    await judge(phones, sandbox)
    ann = next(iter(phones.office.extensions.values()))
    phones.office.add_call(ann, [b"ID3 late sound"], late=1.5)
    message = phones.office.add_message(ann, "VoiceMail")
    phones.office.attach(message, "AudioRecording", "audio/mpeg", b"ID3 voicemail")
    phones.office.attach(message, "AudioTranscription", "text/plain", b"call me", ready_at=phones.office.now() + 2)
    await asyncio.sleep(2.1)
    await machine.until_archived("acme", expected(phones), seconds=30)
    await judge(phones, sandbox)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


@pytest.mark.scenario
@pytest.mark.timeout(300)
async def test_kills_lose_neither_records_nor_the_link(machine: Machine, sandbox: SandboxProcess, phones: RingCentral) -> None:
    """Killed again and again, its refresh tokens used once each: everything is archived once, and nobody has to reconnect."""
    await connect(machine, phones, sandbox, ARCHIVER_RINGCENTRAL_REFRESH_TOKEN=phones.login().refresh_token)
    said = b""
    for more in (1, 5, 12, 25):
        process = await machine.start("run", ARCHIVER_LOG_LEVEL="debug", ARCHIVER_DEBUG="1")
        asked = len(phones.ledger.requests)
        async with asyncio.timeout(60):
            while len(phones.ledger.requests) < asked + more:
                await asyncio.sleep(0.01)
        process.kill()
        said += b"".join(await process.communicate())
    assert phones.grants.refreshes >= 4
    written = b"".join(path.read_bytes() for path in (machine.home / "home").rglob("*") if path.is_file())
    assert [secret for secret in phones.grants.secrets() if secret.encode() in said + written] == []
    process = await machine.start("run")
    await machine.until_archived("acme", expected(phones), seconds=90)
    await judge_but_limits(phones, sandbox)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_a_source_that_throttles_charges_nobody(machine: Machine, sandbox: SandboxProcess, phones: RingCentral) -> None:
    """429s out of the blue, lost answers, expired tokens: deliveries wait for their turn with no try charged, and all arrive."""
    await connect(machine, phones, sandbox)
    phones.faults.add(
        Fault(action="reply", route="recording/content", nth=3, times=2, status=429, headers={"Retry-After": "1"}),
    )
    phones.faults.add(Fault(action="lose_answer", route="message-sync", nth=4))
    phones.faults.add(Fault(action="expire_token", route="message-content", nth=5))
    process = await machine.start("run")
    await machine.until_archived("acme", expected(phones), seconds=90)
    status = await machine.status("acme")
    assert (status["rejected"], status["gone"]) == (0, 0)
    rows = json.loads(await machine.archiver("deliveries", "--limit", "1000", "--json"))
    assert {row["attempt"] for row in rows} == {0}
    assert len((await sandbox.ledger()).files) == expected(phones)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
