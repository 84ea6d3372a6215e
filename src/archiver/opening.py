"""Opens the adapters of connections: options and secrets in, sources and destinations out; and tries those that somebody is about to add.

In: a connection of the database, or what a person says of one. Out: an open adapter, for the pipeline or a look. Next room: the adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from archiver import registry
from archiver.adapter import Option, check_options, site_of
from archiver.connecting import glanced, pinged
from archiver.database.port import Database
from archiver.destinations.port import Account, Context, Destination, Pace, Unpaced
from archiver.errors import ConfigError
from archiver.keeping import GivenSecrets, KeptSecrets, opened
from archiver.model import Connection, Customer, Role
from archiver.proof import OWN_SOURCES
from archiver.sources.port import Context as SourceContext
from archiver.sources.port import Hooks, Source
from archiver.vault import Vault
from archiver.views import ConnectionSpec
from genstage.clock import Clock

__all__ = ["Given", "Opening", "name_rules", "site"]


class Given(msgspec.Struct, kw_only=True):
    """A connection that somebody is about to add: its options fit.

    Attributes:
        role: Source or destination.
        spec: What was said.
        values: Options and secrets in clear; a provider may replace a secret while it is tried.
        account: Whose account it is, once a destination was asked.
    """

    role: Role
    spec: ConnectionSpec
    values: dict[str, Any]
    account: Account | None = None

    def __repr__(self) -> str:
        return f"Given(role={self.role}, adapter={self.spec.adapter})"


class Opening:
    """Opens adapters with what they need of this process.

    Args:
        database: Where connections are.
        vault: Opens and seals their secrets.
        http: The process's HTTP session.
        clock: Time.

    Attributes:
        hooks: Where sources that are opened from now on are called; None if nobody listens.
    """

    def __init__(self, database: Database, vault: Vault, http: aiohttp.ClientSession, clock: Clock) -> None:
        self.hooks: Hooks | None = None
        self._database = database
        self._vault = vault
        self._http = http
        self._clock = clock

    # -- those of the database ------------------------------------------------------------------------------------------------------

    def source(self, connection: Connection) -> Source:
        """A customer's source."""
        if own := OWN_SOURCES.get(connection.adapter):
            return own(self._database, connection, self._clock)
        kept = KeptSecrets(self._database, self._vault, connection)
        context = SourceContext(clock=self._clock, http=self._http, secrets=kept, hooks=self.hooks)
        return registry.source(connection.adapter).open(self.values(connection), context)

    def destination(self, connection: Connection, pace: Pace) -> Destination:
        """A customer's destination, whose calls keep to ``pace``."""
        secrets = KeptSecrets(self._database, self._vault, connection)
        context = Context(pace=pace, clock=self._clock, http=self._http, secrets=secrets)
        return registry.destination(connection.adapter).open(self.values(connection), context)

    async def look(self, connection: Connection) -> Account:
        """Whether a connection lets us in, and whose account it is. Writes nothing.

        Raises:
            ArchiverError: It does not, or cannot be reached.
        """
        if connection.role is Role.SOURCE:
            await glanced(self.source(connection))
            return Account(name="")
        return await pinged(self.destination(connection, Unpaced()))

    async def check_key(self) -> bool:
        """A key that opens nothing is the wrong one: said once and at once, not by every lane.

        Returns:
            Whether there are credentials at all.

        Raises:
            ConfigError: None of the credentials that are kept can be opened.
        """
        failure: ConfigError | None = None
        for connection in await self._database.connections():
            if connection.secrets:
                try:
                    self.values(connection)
                except ConfigError as error:
                    failure = failure or error
                else:
                    return True
        if failure is not None:
            raise failure
        return False

    def values(self, connection: Connection) -> dict[str, Any]:
        """A connection's options and its secrets in clear. Raises ConfigError if one does not open."""
        return {**connection.options, **opened(connection, self._vault)}

    # -- those that are about to be added -------------------------------------------------------------------------------------------

    @staticmethod
    def given(role: Role, specs: Sequence[ConnectionSpec]) -> list[Given]:
        """Connections as somebody says them, with every option checked.

        Raises:
            ConfigError: An option cannot be.
        """
        adapter_of = registry.source if role is Role.SOURCE else registry.destination
        return [Given(role=role, spec=spec, values=_checked(spec, adapter_of(spec.adapter).options)) for spec in specs]

    async def try_given(self, given: Given, *, ask: bool) -> None:
        """Looks whether a connection lets us in, and learns whose account it is.

        Args:
            given: Which one.
            ask: Ask the other side; without, a source is only opened and closed.

        Raises:
            ArchiverError: It does not let us in, or cannot be reached.
        """
        name, secrets = given.spec.adapter, GivenSecrets(given.values)
        if given.role is Role.SOURCE:
            context = SourceContext(clock=self._clock, http=self._http, secrets=secrets)
            await glanced(registry.source(name).open(given.values, context), look=ask)
        elif ask:
            storage = Context(pace=Unpaced(), clock=self._clock, http=self._http, secrets=secrets)
            given.account = await pinged(registry.destination(name).open(given.values, storage))

    async def keep(self, given: Given, customer: Customer) -> Connection:
        """Adds a connection to its customer, with its secrets sealed."""
        spec = given.spec
        options = {name: value for name, value in given.values.items() if name not in spec.secrets}
        sealed = {
            name: self._vault.seal(given.values[name], customer=str(customer.id), adapter=spec.adapter, field=name)
            for name in spec.secrets
            if name in given.values
        }
        account = given.account.name if given.account else ""
        return await self._database.add_connection(
            customer.id, given.role, spec.adapter, options, sealed, account=account, kinds=spec.kinds
        )


def name_rules(adapter: str) -> str:
    """Which names a destination's storage can take; see `archiver.naming`."""
    return registry.destination(adapter).features.name_rules


def site(connection: Connection) -> str:
    """Whose servers a destination's are: those of one site are away together."""
    return site_of(connection.adapter, registry.destination(connection.adapter).options, connection.options)


def _checked(spec: ConnectionSpec, declared: tuple[Option, ...]) -> dict[str, Any]:
    for option in declared:
        if option.secret and option.name in spec.options:
            raise ConfigError(f"{spec.adapter}: {option.name} is secret and is not taken as an option", hint=option.help)
    return check_options(spec.adapter, declared, {**spec.options, **spec.secrets})
