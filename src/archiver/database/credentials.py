"""The part of the port that changing keys needs: every sealed secret, page by page, wherever it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

__all__ = ["CredentialsDatabase", "SealedRow"]


class SealedRow(msgspec.Struct, frozen=True, kw_only=True):
    """The sealed secrets of one connection, or of one invitation that has not become one yet.

    Attributes:
        id: Its number.
        invited: It is an invitation.
        customer_id: Whose it is.
        adapter: The adapter that uses them.
        secrets: By name, each sealed.
    """

    id: int
    invited: bool = False
    customer_id: int
    adapter: str
    secrets: Mapping[str, bytes]

    def __repr__(self) -> str:
        return f"SealedRow(id={self.id}, adapter={self.adapter!r}, secrets=<{len(self.secrets)}>)"


class CredentialsDatabase(Protocol):
    """Secrets as they are kept: sealed. Each method is one transaction."""

    async def sealed(self, *, invited: bool = False, after: int = 0, limit: int = 1000) -> Sequence[SealedRow]:
        """A page of what has secrets, by id.

        Args:
            invited: Of invitations, in place of connections.
            after: The id of the last one of the page before.
            limit: At most this many.
        """
        ...

    async def reseal(self, rows: Sequence[SealedRow], secrets: Sequence[Mapping[str, bytes]]) -> int:
        """Keeps other sealed texts in the place of those that were read; all of a batch in one transaction.

        Args:
            rows: As they were read.
            secrets: What each of them has from now on, under the same names.

        Returns:
            How many were written. One that somebody has changed since it was read, or removed, is left as it is.
        """
        ...
