"""The secrets of an invitation that has not become a connection: sealed as the connection's are, so that they move there as they stand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from archiver.database.port import Database, Invitation
from archiver.vault import Vault

__all__ = ["InvitedSecrets", "hash_of", "opened_of", "sealed_for"]


def hash_of(secret: str) -> str:
    """What is kept in place of a random text of 256 bits; such a text needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def sealed_for(vault: Vault, customer_id: int, adapter: str, secrets: Mapping[str, str]) -> dict[str, bytes]:
    """Seals texts by name."""
    return {name: vault.seal(text, customer=str(customer_id), adapter=adapter, field=name) for name, text in secrets.items()}


def opened_of(vault: Vault, invitation: Invitation) -> dict[str, str]:
    """The secrets in clear.

    Raises:
        ConfigError: One does not open.
    """
    place = {"customer": str(invitation.customer_id), "adapter": invitation.adapter}
    return {name: vault.open(sealed, field=name, **place) for name, sealed in invitation.secrets.items()}


class InvitedSecrets:
    """`archiver.adapter.Secrets` of an invitation: a token that is used once is kept before its successor is used.

    Attributes:
        invitation: As it is kept now.
    """

    def __init__(self, database: Database, vault: Vault, invitation: Invitation) -> None:
        self._database = database
        self._vault = vault
        self.invitation = invitation

    def __repr__(self) -> str:
        return f"InvitedSecrets(invitation={self.invitation.id})"

    async def read(self) -> Mapping[str, str]:
        """See `archiver.adapter.Secrets.read`."""
        return opened_of(self._vault, self.invitation)

    async def replace(self, name: str, old: str, new: str) -> bool:
        """See `archiver.adapter.Secrets.replace`."""
        invitation = self.invitation
        if opened_of(self._vault, invitation).get(name) != old:
            return False
        sealed = sealed_for(self._vault, invitation.customer_id, invitation.adapter, {name: new})
        fresh = msgspec.structs.replace(invitation, secrets={**invitation.secrets, **sealed})
        if not await self._database.change_invitation(invitation, fresh):
            return False
        self.invitation = fresh
        return True
