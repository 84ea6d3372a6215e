"""What commands and console ask: a report, a verification, by a customer's name."""

from __future__ import annotations

from collections.abc import Callable

from archiver.database.port import Database
from archiver.destinations.port import Destination
from archiver.errors import ConfigError
from archiver.model import Connection, Customer
from archiver.proof import completeness, verification
from archiver.proof.auditing import Auditor, audited
from genstage.clock import Clock

__all__ = ["Prover"]


class Prover:
    """Proves things of customers.

    Args:
        database: Where everything is kept.
        auditor: Writes the audit log.
        open_destination: Makes a destination from its connection.
        clock: Time.
    """

    def __init__(self, database: Database, auditor: Auditor, open_destination: Callable[[Connection], Destination], clock: Clock) -> None:
        self.auditor = auditor
        self._database = database
        self._open = open_destination
        self._clock = clock

    async def report(self, name: str) -> completeness.Report:
        """Whether everything that a customer's sources have is archived.

        Raises:
            ConfigError: There is no such customer.
        """
        return await completeness.report(self._database, await self._named(name), now=int(self._clock.wall() * 1000))

    @audited("verify", subject="name")
    async def verify(self, name: str, *, sample: float = 1.0, told: Callable[[int], None] = lambda _: None) -> verification.Verification:
        """Whether a customer's storages still have what was archived; see `archiver.proof.verification.verify`.

        Raises:
            ConfigError: There is no such customer.
        """
        customer = await self._named(name)
        return await verification.verify(self._database, customer, self._open, clock=self._clock, sample=sample, told=told)

    async def _named(self, name: str) -> Customer:
        for customer in await self._database.customers():
            if customer.name == name:
                return customer
        raise ConfigError(f"there is no customer {name}", hint="`archiver customers list` shows them.")
