"""Where the secrets of connections are kept while the provider replaces them as they are used: the vault and the database together.

In: a connection, or the values with which one is about to be added. Out: `archiver.adapter.Secrets`. Next room: the adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archiver.database.port import Database
from archiver.errors import ConfigError
from archiver.model import Connection
from archiver.vault import Vault

__all__ = ["GivenSecrets", "KeptSecrets", "opened"]


_CLAIM_SECONDS = 180.0  # longer than a token endpoint is waited for


def opened(connection: Connection, vault: Vault) -> dict[str, str]:
    """A connection's secrets in clear.

    Raises:
        ConfigError: One does not open.
    """
    return {
        field: vault.open(sealed, customer=str(connection.customer_id), adapter=connection.adapter, field=field)
        for field, sealed in connection.secrets.items()
    }


class KeptSecrets:
    """The secrets of a connection that is in the database.

    Two processes may use one connection (a command beside the service): whoever replaces a secret must have known the one that is kept.
    """

    def __init__(self, database: Database, vault: Vault, connection: Connection) -> None:
        self._database = database
        self._vault = vault
        self._connection = connection

    def __repr__(self) -> str:
        return f"KeptSecrets(connection={self._connection.id})"

    async def read(self) -> Mapping[str, str]:
        """The secrets as the database has them now; see `archiver.adapter.Secrets.read`."""
        return opened(await self._current(), self._vault)

    async def replace(self, name: str, old: str, new: str) -> bool:
        """Seals and keeps another text; see `archiver.adapter.Secrets.replace`."""
        current = await self._current()
        sealed = current.secrets.get(name)
        if sealed is None or opened(current, self._vault)[name] != old:
            return False
        fresh = self._vault.seal(new, customer=str(current.customer_id), adapter=current.adapter, field=name)
        return await self._database.replace_secret(current.id, name, old=sealed, new=fresh)

    async def claim(self) -> bool:
        """See `archiver.adapter.Claiming.claim`."""
        return await self._database.claim_renewal(self._connection.id, seconds=_CLAIM_SECONDS)

    async def release(self) -> None:
        """See `archiver.adapter.Claiming.release`."""
        await self._database.claim_renewal(self._connection.id, seconds=0.0)

    async def _current(self) -> Connection:
        wanted = self._connection
        for connection in await self._database.connections(customer_id=wanted.customer_id, role=wanted.role):
            if connection.id == wanted.id:
                return connection
        raise ConfigError("the connection was removed")


class GivenSecrets:
    """The secrets with which a connection is about to be added: what is replaced meanwhile is what will be sealed.

    Args:
        values: The checked options; changed in place.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __repr__(self) -> str:
        return "GivenSecrets(…)"

    async def read(self) -> Mapping[str, str]:
        """What was given; see `archiver.adapter.Secrets.read`."""
        return self._values

    async def replace(self, name: str, old: str, new: str) -> bool:
        """Puts the new text in the old one's place; see `archiver.adapter.Secrets.replace`."""
        if self._values.get(name) != old:
            return False
        self._values[name] = new
        return True
