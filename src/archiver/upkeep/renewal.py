"""Renews the leave to use accounts that nobody uses, so that it does not end: of idle and paused customers, of storages and phone systems.

Providers let a refresh token die of disuse: RingCentral after a week, Box after two months. Once a day each is used; the new one is stored
before anything is done with it. Who uses an account at the same time in another process learns of it from the database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from archiver.database.port import Database
from archiver.errors import ArchiverError, ConfigError, ReconnectNeededError, ThrottledError
from archiver.keeping import KeptSecrets, opened
from archiver.model import Connection, ConnectionState, Millis, Role
from archiver.oauth import Credentials, Endpoint, Link, Tokens
from archiver.vault import Vault
from genstage.clock import Clock

__all__ = ["LinkOf", "Renewal"]

_log = logging.getLogger(__name__)

_DAILY_SECONDS = 20 * 3600.0
_AGAIN_SECONDS = 900.0  # after one that could not be renewed now
_AT_ONCE = 50  # a turn: all of a hundred thousand in a day and a half

LinkOf = Callable[[Role, str, Mapping[str, Any]], Link | None]
"""How an adapter's accounts are linked, by its role, name and options; None if it is given keys."""


class Renewal:
    """The service.

    Args:
        database: Where connections are.
        vault: Opens and seals their secrets.
        http: The process's HTTP session.
        clock: Time.
        is_linked: Whether accounts of an adapter of this name are linked; only those that are in use are asked about.
        link_of: How.
    """

    interval = 60.0

    def __init__(  # noqa: PLR0913  its four neighbours, and what it knows of adapters
        self,
        database: Database,
        vault: Vault,
        http: aiohttp.ClientSession,
        clock: Clock,
        *,
        is_linked: Callable[[str], bool],
        link_of: LinkOf,
    ) -> None:
        self._database = database
        self._vault = vault
        self._http = http
        self._clock = clock
        self._is_linked = is_linked
        self._link_of = link_of

    async def turn(self) -> None:
        """Renews those that were renewed longest ago, if that was yesterday."""
        before = self._now() - int(_DAILY_SECONDS * 1000)
        linked = [name for name in await self._database.adapters_in_use() if self._is_linked(name)]
        for connection in await self._database.stale(linked, before=before, limit=_AT_ONCE):
            at = self._now() if await self._renewed(connection) else before + int(_AGAIN_SECONDS * 1000)
            await self._database.note_renewed([connection.id], at=at)

    async def _renewed(self, connection: Connection) -> bool:
        """Whether nothing more is to be done about it today."""
        try:
            values = {**connection.options, **opened(connection, self._vault)}
            link = self._link_of(connection.role, connection.adapter, values)
            if link is None or not values.get(link.option):
                return True  # it was given keys, or a token that is not renewed
            await self._tokens(connection, link, values[link.option]).get()
        except ReconnectNeededError as error:
            await self._database.set_connection_state(connection.id, ConnectionState.RECONNECT_NEEDED, error.message)
        except ThrottledError:
            return False
        except ConfigError as error:
            _log.warning("connection %d cannot be renewed: %s", connection.id, error.message)
        except ArchiverError:
            return False
        return True

    def _tokens(self, connection: Connection, link: Link, refresh_token: str) -> Tokens:
        endpoint = Endpoint(self._http, self._clock, link.provider, client_id=link.client_id, client_secret=link.client_secret)
        credentials = Credentials(client_id=link.client_id, client_secret=link.client_secret, refresh_token=refresh_token)
        kept = KeptSecrets(self._database, self._vault, connection)
        return Tokens(link.provider, credentials, self._clock, endpoint.ask, secrets=kept)

    def _now(self) -> Millis:
        return int(self._clock.wall() * 1000)
