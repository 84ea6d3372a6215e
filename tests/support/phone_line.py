"""The whole line for scenarios: RingCentral on loopback → ``archiver run`` → a Dropbox on loopback, judged by both ledgers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from archiver.sandbox.limits import Limits
from archiver.sandbox.remote import SandboxProcess
from archiver.sandbox.ringcentral import GroupLimit, RingCentral, fill
from archiver.sandbox.ringcentral.company import archivable
from archiver.sandbox.ringcentral.limits import LIMITS
from support.machine import Machine

__all__ = ["WINDOW", "company", "connect", "expected", "judge", "judge_but_limits", "until_stored"]

WINDOW = 2.0
"""Seconds instead of sixty; the numbers of calls are the published ones."""


@asynccontextmanager
async def company(*, calls: int = 40, messages: int = 45) -> AsyncIterator[RingCentral]:
    """A company of nine people and queues with two weeks of history."""
    limits = {group: GroupLimit(calls=limit.calls, window=WINDOW, penalty=WINDOW) for group, limit in LIMITS.items()}
    async with RingCentral(limits=limits) as phones:
        fill(phones.office, extensions=9, calls=calls, messages=messages)
        yield phones


async def connect(
    machine: Machine, phones: RingCentral, sandbox: SandboxProcess, *, poll_interval: float = 1.0, **credentials: str
) -> None:
    """A customer from one cloud to the other."""
    account = await sandbox.add_account("acme", Limits())
    login = phones.login()
    given = credentials or {"ARCHIVER_RINGCENTRAL_JWT": login.jwt}
    await machine.archiver(
        *("customers", "add", "acme", "--from", f"ringcentral:{login.client_id}", "--to", "dropbox:/Archive"),
        *("--from-option", f"base_url={phones.url}", "--from-option", f"poll_interval={poll_interval}"),
        *("--to-option", f"api_url={sandbox.url}", "--to-option", f"content_url={sandbox.url}"),
        *("--to-option", f"app_key={account.app_key}"),
        ARCHIVER_RINGCENTRAL_CLIENT_SECRET=login.client_secret,
        ARCHIVER_DROPBOX_REFRESH_TOKEN=account.refresh_token,
        ARCHIVER_DROPBOX_APP_SECRET=account.app_secret,
        **given,
    )


async def until_stored(sandbox: SandboxProcess, count: int, seconds: float = 60.0) -> None:
    """Looks at the Dropbox, which is cheap, until it has so many files."""
    async with asyncio.timeout(seconds):
        while len((await sandbox.ledger()).files) < count:
            await asyncio.sleep(0.05)


async def until_seen(phones: RingCentral) -> None:
    """Returns when every row is there, the late ones too: only then `expected` and `judge` speak of the same."""
    async with asyncio.timeout(30):
        while any(row.visible_at > phones.clock.now() for row in (*phones.office.calls.values(), *phones.office.messages.values())):
            await asyncio.sleep(0.05)


def expected(phones: RingCentral) -> int:
    """How many items there are: everything with bytes, a row per call, text and record per message that is written."""
    texts = [message for message in phones.office.messages.values() if message.type in {"SMS", "Pager"}]
    return len(list(archivable(phones.office))) + len(phones.office.calls) + 2 * len(texts)


async def judge(phones: RingCentral, sandbox: SandboxProcess) -> None:
    """Every record is in the Dropbox once, with its bytes; no limit of either side was pushed."""
    ledger = await sandbox.ledger()
    hashes = [file.sha256 for file in ledger.files]
    wanted = {thing.sha256 for thing in archivable(phones.office)}
    missing = [hash_ for hash_ in wanted if hash_ not in hashes]
    assert not missing, "\n".join(file.path for file in ledger.files)
    names = "\n".join(file.path for file in ledger.files)
    for number in [*phones.office.calls, *map(str, phones.office.messages)]:
        assert number in names
    assert len(ledger.files) == expected(phones)
    assert all(file.revisions == 1 for file in ledger.files)
    assert {group: (record.refused, record.poked) for group, record in phones.groups().items() if record.refused} == {}


async def judge_but_limits(phones: RingCentral, sandbox: SandboxProcess) -> None:
    """As `judge`; a process that was killed took its knowledge of the limits with it, so a refusal is allowed, a poke is not."""
    ledger = await sandbox.ledger()
    assert {thing.sha256 for thing in archivable(phones.office)} - {file.sha256 for file in ledger.files} == set()
    assert len(ledger.files) == expected(phones)
    assert all(file.revisions == 1 for file in ledger.files)
    assert {group: record.poked for group, record in phones.groups().items() if record.poked} == {}
