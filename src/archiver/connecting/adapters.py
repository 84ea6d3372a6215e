"""Which adapters there are, and what one says of an account: the registry, as connecting needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from typing import Any

import aiohttp

from archiver import registry
from archiver.adapter import Option, Secrets, check_options
from archiver.connecting.trial import try_out
from archiver.destinations.port import Account, Context, Destination, DestinationAdapter, Unpaced
from archiver.model import Role
from archiver.oauth import Link, Linkable
from archiver.sources.port import Context as SourceContext
from archiver.sources.port import Source, SourceAdapter
from genstage.clock import Clock

__all__ = ["Accounts", "adapter_of", "checked", "glanced", "has_page", "link_of", "pinged"]

_LOOK_SECONDS = 10.0  # at a source


def adapter_of(role: Role, name: str) -> SourceAdapter | DestinationAdapter:
    """The adapter.

    Raises:
        ConfigError: There is none of that name.
    """
    return registry.source(name) if role is Role.SOURCE else registry.destination(name)


def has_page(role: Role, name: str) -> bool:
    """Whether accounts are linked on the provider's page; else keys or passwords are given.

    Raises:
        ConfigError: There is no such adapter.
    """
    return isinstance(adapter_of(role, name), Linkable)


def link_of(role: Role, name: str, values: Mapping[str, Any]) -> Link | None:
    """How the adapter's accounts are linked; None if it is given keys.

    Raises:
        ConfigError: The options do not name the application, or cannot be.
    """
    adapter = adapter_of(role, name)
    return adapter.link(values) if isinstance(adapter, Linkable) else None


def checked(role: Role, name: str, given: Mapping[str, Any], *, later: bool) -> dict[str, Any]:
    """The options in their own types, with defaults.

    Args:
        role: Source or destination.
        name: The adapter.
        given: What is known, secret ones too.
        later: Secret options that are missing will still come.

    Raises:
        ConfigError: One cannot be.
    """
    declared: tuple[Option, ...] = adapter_of(role, name).options
    if later:
        declared = tuple(option for option in declared if not option.secret or option.name in given)
    return check_options(name, declared, given)


class Accounts:
    """Opens adapters for a moment, to look at the account behind them.

    Args:
        http: The process's HTTP session.
        clock: Time.
    """

    def __init__(self, http: aiohttp.ClientSession, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def look(self, role: Role, name: str, values: dict[str, Any], secrets: Secrets) -> Account:
        """Whose account it is. Writes nothing.

        Raises:
            ArchiverError: It does not let us in, or cannot be reached.
        """
        if role is Role.SOURCE:
            await glanced(registry.source(name).open(values, SourceContext(clock=self._clock, http=self._http, secrets=secrets)))
            return Account(name=name)
        context = Context(pace=Unpaced(), clock=self._clock, http=self._http, secrets=secrets)
        return await pinged(registry.destination(name).open(values, context))

    async def try_out(self, role: Role, name: str, values: dict[str, Any], secrets: Secrets) -> bool:
        """Writes, reads and deletes a test file; whether the storage can do that.

        Raises:
            ArchiverError: It could not be written, or is not what was written.
        """
        if role is Role.SOURCE:
            return False
        context = Context(pace=Unpaced(), clock=self._clock, http=self._http, secrets=secrets)
        destination = registry.destination(name).open(values, context)
        try:
            return await try_out(destination, self._clock)
        finally:
            await destination.close()


async def pinged(destination: Destination) -> Account:
    """Whose storage it is; closes it.

    Raises:
        ArchiverError: See `archiver.destinations.port.Destination.ping`.
    """
    try:
        return await destination.ping()
    finally:
        await destination.close()


async def glanced(source: Source, *, look: bool = True) -> None:
    """Closes a source, after a look at whether it can be read at all.

    Raises:
        ArchiverError: It cannot.
    """
    try:
        if look:
            # One that has nothing to say yet is as good as one that answers.
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS), aclosing(source.discover("")) as pages:
                    async for _ in pages:
                        break
    finally:
        await source.close()
