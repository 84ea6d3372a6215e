"""The whole line: a mailbox on a real server → ``archiver run`` → a folder, killed on the way."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.machine import Machine
from support.mail_servers import PASSWORD, USER, MailServer, dovecot_is_here, mail_of

MAILS = 60
FOLDER = "Fax"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    """A mail server with a folder: Dovecot where it is installed, else pymap."""
    with MailServer("dovecot" if dovecot_is_here() else "pymap") as server:
        server.create(FOLDER)
        yield server


def fax(number: int) -> bytes:
    """The bytes of a fax; one in twenty is big."""
    return f"%PDF-1.7 {number}\n".encode() + bytes([number]) * (3_000_000 if number % 20 == 0 else 2_000 + number)


def mail(number: int) -> bytes:
    """A mail with a fax and, now and then, a voicemail."""
    attachments = [("application/pdf", f"fax {number}.pdf", fax(number))]
    if number % 5 == 0:
        attachments.append(("audio/x-wav", "voice.wav", b"RIFF" + fax(number)[:900]))
    return mail_of(f"{number}@fax.example", *attachments)


def digests(contents: list[bytes]) -> list[str]:
    """Of each, sorted."""
    return sorted(hashlib.sha256(content).hexdigest() for content in contents)


def stored(folder: Path) -> list[Path]:
    """What the storage has, without sidecars, manifests and what is not whole yet."""
    return [path for path in folder.rglob("*") if path.suffix in {".pdf", ".wav"}]


async def until_stored(folder: Path, count: int) -> None:
    """Waits until the storage has so many."""
    async with asyncio.timeout(90):
        while len(stored(folder)) < count:
            await asyncio.sleep(0.02)


@pytest.mark.scenario
@pytest.mark.timeout(300)
async def test_kills_and_a_restored_mailbox_lose_nothing_and_double_nothing(machine: Machine, server: MailServer) -> None:
    """Killed again and again, the mailbox restored from a backup under new numbers, mails that come late: everything is there once."""
    mails = [mail(number) for number in range(MAILS)]
    server.append(FOLDER, *mails[:40])
    storage = machine.home / "storage"
    options = {
        "port": server.port,
        "security": "starttls",
        "ca_file": server.ca_file,
        "username": USER,
        "folders": FOLDER,
        "poll_interval": 0.5,
    }
    await machine.archiver(
        *("customers", "add", "acme", "--from", "imap:127.0.0.1", "--to", f"folder:{storage}"),
        *(word for name, value in options.items() for word in ("--from-option", f"{name}={value}")),
        ARCHIVER_IMAP_PASSWORD=PASSWORD,
    )
    said = b""
    for more in (1, 25):
        process = await machine.start("run", ARCHIVER_LOG_LEVEL="debug", ARCHIVER_DEBUG="1")
        await until_stored(storage, more)
        process.kill()
        said += b"".join(await process.communicate())
    await asyncio.to_thread(server.renew, FOLDER)
    server.append(FOLDER, *reversed(mails[:50]))
    process = await machine.start("run", ARCHIVER_LOG_LEVEL="debug")
    await until_stored(storage, 60)
    server.append(FOLDER, *mails[50:])
    await until_stored(storage, MAILS + MAILS // 5)
    process.send_signal(signal.SIGTERM)
    said += b"".join(await process.communicate())
    assert process.returncode == 0
    wanted = [fax(number) for number in range(MAILS)] + [b"RIFF" + fax(number)[:900] for number in range(0, MAILS, 5)]
    assert digests([path.read_bytes() for path in stored(storage)]) == digests(wanted)
    assert PASSWORD.encode() not in said
    report = json.loads(await machine.archiver("report", "acme", "--json"))
    assert (report["missing"], report["sources"][0]["trouble"], server.seen(FOLDER)) == (0, "", 0)
    assert "lets us in" in await machine.archiver("doctor")
