"""Changing the key that seals: a fresh one in front, everything sealed anew under it, the old ones taken away.

In: the vault and the database. Out: how far it is. A kill between two batches costs nothing: whoever begins again goes on, since each
secret names the key that sealed it. A service that runs meanwhile reads the changed key file by itself, and goes on with old and new.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping

import msgspec

from archiver.database.port import Database, SealedRow
from archiver.errors import ConfigError
from archiver.proof.auditing import Auditor
from archiver.vault import Vault

__all__ = ["KeyRing", "Keys", "Rotation"]

_BATCH = 500


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys by their ids; never what they are.

    Attributes:
        place: Where they are kept.
        held: The one that seals first.
        sealed: How many secrets each key has sealed, those not held any more too; ``""`` for what no version of ours has sealed.
    """

    place: str
    held: tuple[str, ...]
    sealed: Mapping[str, int]


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What a rotation has done.

    Attributes:
        key: The id of the key that seals now.
        fresh: It was made for this rotation; else an earlier one was gone on with.
        resealed: Secrets that were sealed anew.
        left: Secrets that are under another key still, since somebody changed them meanwhile.
    """

    key: str
    fresh: bool
    resealed: int
    left: int


class KeyRing:
    """The keys of a database: shown, changed, taken away. What commands ask (as ``archiver.keys``).

    Args:
        database: Where the sealed secrets are.
        vault: Where the keys are.
        auditor: Told what was done.
    """

    def __init__(self, database: Database, vault: Vault, auditor: Auditor) -> None:
        self.auditor = auditor
        self._database = database
        self._vault = vault

    async def show(self) -> Keys:
        """Which keys there are, and what each has sealed.

        Raises:
            ConfigError: The keys cannot be read.
        """
        count = Counter[str]()
        async for page in self._pages():
            count.update(self._vault.sealed_with(sealed) for row in page for sealed in row.secrets.values())
        return Keys(place=self._vault.place, held=await asyncio.to_thread(self._vault.ids), sealed=dict(count))

    async def rotate(self, *, fresh: bool = True, told: Callable[[int, int], None] = lambda *_: None) -> Rotation:
        """Seals everything with the first key, batch by batch.

        Args:
            fresh: Make a fresh key first, unless an earlier rotation has not come to its end.
            told: Told after each batch how many secrets are done, and of how many.

        Raises:
            ConfigError: The keys cannot be read or changed, or a secret does not open.
        """
        vault = self._vault
        keys = await self.show()
        made = fresh and all(key in keys.held[:1] for key in keys.sealed)
        if made:
            await asyncio.to_thread(vault.add_key)
        first = next(iter(await asyncio.to_thread(vault.ids)), "")
        total = sum(number for key, number in keys.sealed.items() if key != first)
        done = 0
        async for page in self._pages():
            rows = [row for row in page if any(vault.sealed_with(sealed) != first for sealed in row.secrets.values())]
            await self._database.reseal(rows, [{name: self._anew(row, name, first) for name in row.secrets} for row in rows])
            done += sum(vault.sealed_with(sealed) != first for row in rows for sealed in row.secrets.values())
            told(done, total)
        left = sum(number for key, number in (await self.show()).sealed.items() if key != first)
        await self.auditor.record("keys rotate", first, detail={"fresh": made, "resealed": max(0, done - left), "left": left})
        return Rotation(key=first, fresh=made, resealed=max(0, done - left), left=left)

    async def retire(self) -> tuple[str, ...]:
        """Takes away every key but the one that seals, if nothing needs them any more.

        Returns:
            The ids of those that are gone.

        Raises:
            ConfigError: Something is still sealed with one of them, or the keys cannot be changed. Nothing was taken away.
        """
        keys = await self.show()
        needed = {key: number for key, number in keys.sealed.items() if key in keys.held[1:]}
        if needed:
            which = ", ".join(f"{key} ({number})" for key, number in sorted(needed.items()))
            raise ConfigError(f"credentials are still sealed with older keys: {which}", hint="First: archiver keys rotate")
        gone = await asyncio.to_thread(self._vault.drop_keys)
        await self.auditor.record("keys retire", ", ".join(gone))
        return gone

    def _anew(self, row: SealedRow, name: str, first: str) -> bytes:
        sealed = row.secrets[name]
        if self._vault.sealed_with(sealed) == first:
            return sealed
        place = {"customer": str(row.customer_id), "adapter": row.adapter, "field": name}
        return self._vault.seal(self._vault.open(sealed, **place), **place)

    async def _pages(self) -> AsyncIterator[list[SealedRow]]:
        for invited in (False, True):
            after = 0
            while page := list(await self._database.sealed(invited=invited, after=after, limit=_BATCH)):
                yield page
                after = page[-1].id
