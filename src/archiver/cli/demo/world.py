"""What surrounds Archiver in the demo: companies with files or phones, their Dropboxes with limits, and what happens while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from archiver.app import Archiver, ConnectionSpec
from archiver.cli.demo.phones import PhoneCompany, phone_system
from archiver.sandbox import Account, Limits
from archiver.sandbox.audit import AuditResult, Expected, audit, expected_of
from archiver.sandbox.company import AIRLINE, Company, generate
from archiver.sandbox.ledger import Ledger
from archiver.sandbox.remote import SandboxProcess

__all__ = ["Plan", "World", "open_world"]

_QUIET_LIMITS = Limits(calls_per_second=10, burst=20, retry_after=1, latency=0.03)
_LOOK_SECONDS = 0.2


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo is like.

    Attributes:
        items: All items; 95 of a hundred are the airline's.
        quiet_customers: The others, among whom the rest arrives while the demo runs.
        phone_customers: Of these, so many have a phone system of their own instead of a folder.
        calls_per_second: What the airline's Dropbox permits …
        lowered_calls_per_second: … and what it permits for a while in the middle.
        burst: Calls which it lets through at once after a rest.
        retry_after: What it tells a call that it refuses, in seconds.
        lowered_from: When the limit falls, in seconds after the beginning.
        lowered_until: When it is as before.
        arriving_seconds: For how long the quiet customers' items keep arriving.
        patience: After so many seconds the demo ends in any case.
    """

    items: int = 6000
    quiet_customers: int = 20
    phone_customers: int = 4
    calls_per_second: float = 3.0
    lowered_calls_per_second: float = 1.5
    burst: float = 4
    retry_after: int = 1
    lowered_from: float = 15.0
    lowered_until: float = 23.0
    arriving_seconds: float = 30.0
    patience: float = 120.0

    @classmethod
    def of(cls, items: int) -> Plan:
        """The plan for so many items; with fewer of them everything happens sooner."""
        usual = cls()
        pace = min(1.0, items / usual.items)
        return cls(
            items=items,
            lowered_from=usual.lowered_from * pace,
            lowered_until=usual.lowered_until * pace,
            arriving_seconds=usual.arriving_seconds * pace,
        )

    @property
    def quiet_items(self) -> int:
        """How many items the quiet customers have together."""
        return max(self.quiet_customers, self.items // 20)


class World:
    """The companies and the sandbox.

    Args:
        plan: What it is like.
        companies: The airline first; the others have nothing yet.
        sandbox: Their Dropboxes.
        accounts: By company.
        tell: Says to people what happens.

    Attributes:
        sandbox: Their Dropboxes.
    """

    def __init__(
        self,
        plan: Plan,
        companies: Sequence[Company | PhoneCompany],
        sandbox: SandboxProcess,
        accounts: dict[str, Account],
        tell: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._companies = companies
        self.sandbox = sandbox
        self._accounts = accounts
        self._tell = tell

    async def introduce(self, archiver: Archiver) -> None:
        """Adds every company as a customer, with its source and its Dropbox; the airline last, so that its backlog begins with the run."""
        for company in reversed(self._companies):
            account = self._accounts[company.name]
            # Refresh tokens, as real customers have them: Archiver gets its access tokens by itself.
            secrets = {"refresh_token": account.refresh_token, "app_secret": account.app_secret}
            options = {"root": "/Archive", "app_key": account.app_key, "api_url": self.sandbox.url, "content_url": self.sandbox.url}
            await archiver.add_customer(
                company.name,
                [_source_of(company)],
                [ConnectionSpec(adapter="dropbox", options=options, secrets=secrets)],
            )

    async def unfold(self, archiver: Archiver, stop: asyncio.Event) -> None:
        """Lets files arrive and the airline's limit fall and rise, and sets ``stop`` when everything is archived."""
        plan, began = self._plan, asyncio.get_running_loop().time()
        happenings = [
            (plan.lowered_from, plan.lowered_calls_per_second, "the airline's Dropbox now permits only half as many calls"),
            (plan.lowered_until, plan.calls_per_second, "the airline's Dropbox permits as many calls as before"),
        ]
        arrived = 0
        while not stop.is_set():
            passed = asyncio.get_running_loop().time() - began
            while happenings and passed >= happenings[0][0]:
                _, rate, text = happenings.pop(0)
                await self.sandbox.set_limits(AIRLINE, calls_per_second=rate)
                self._tell(text)
            due = min(plan.quiet_items, int(plan.quiet_items * passed / plan.arriving_seconds))
            for number in range(arrived, due):
                self._companies[1 + number % plan.quiet_customers].make(1)
            arrived = due
            if passed > plan.patience or (arrived == plan.quiet_items and await self._all_archived(archiver)):
                stop.set()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _all_archived(self, archiver: Archiver) -> bool:
        lanes = await archiver.status()
        return sum(lane.archived for lane in lanes) >= sum(1 for _ in self._expected())

    def _expected(self) -> Iterator[Expected]:
        for company in self._companies:
            yield from company.expected() if isinstance(company, PhoneCompany) else expected_of([company])

    async def judge(self) -> tuple[AuditResult, Ledger]:
        """Compares what the Dropboxes have with what the companies had, byte by byte."""
        ledger = await self.sandbox.ledger()
        result = await asyncio.to_thread(audit, ledger, list(self._expected()), self.sandbox.contents())
        return result, ledger


@asynccontextmanager
async def open_world(plan: Plan, directory: Path, tell: Callable[[str], None]) -> AsyncIterator[World]:
    """Makes the airline's files, starts the sandbox, and ends it at the end."""
    tell(f"making {plan.items - plan.quiet_items:,} recordings, messages and faxes of an airline in {directory / 'companies'}")
    companies = await asyncio.to_thread(
        generate,
        directory / "companies",
        airline_items=plan.items - plan.quiet_items,
        quiet_customers=plan.quiet_customers,
        quiet_items=0,
    )
    tell("starting a Dropbox on loopback, and phone systems")
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(SandboxProcess(state=directory / "dropbox"))
        limits = Limits(calls_per_second=plan.calls_per_second, burst=plan.burst, retry_after=plan.retry_after, latency=0.05)
        accounts = {
            company.name: await sandbox.add_account(company.name, limits if company.name == AIRLINE else _QUIET_LIMITS)
            for company in companies
        }
        customers: list[Company | PhoneCompany] = list(companies)
        for number in range(1, plan.quiet_customers + 1, plan.quiet_customers // plan.phone_customers):
            phones = await stack.enter_async_context(phone_system())
            customers[number] = PhoneCompany(companies[number].name, companies[number].directory, phones)
        yield World(plan, customers, sandbox, accounts, tell)


def _source_of(company: Company | PhoneCompany) -> ConnectionSpec:
    if isinstance(company, PhoneCompany):
        return company.source()
    return ConnectionSpec(adapter="folder", options={"path": str(company.directory)})
