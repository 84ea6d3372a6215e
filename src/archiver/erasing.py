"""Erasing what was archived: hold over keeping over erasing. What is erased goes from the storage first, then from the Database.

A **hold** of a customer (a lawsuit) stops all erasing. Without one, nothing is erased before its ``keep_days`` are over; after its
``erase_days`` it goes by itself. What is left is a tombstone with the hash of the receipt: the audit log still proves that it was there.

In: a customer and a moment. Out: how much was erased, and how much could not be. Next rooms: ``archiver.database``, the destinations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp
import msgspec

from archiver.database.port import CustomerChange, Database, Erasable
from archiver.destinations.port import Destination, Pace, Removing, Unpaced
from archiver.errors import ArchiverError, ConfigError, ThrottledError
from archiver.keeping import opened
from archiver.lifecycle import DeliveryState
from archiver.model import Connection, Customer, CustomerState, Kind, LaneId, Millis, Role
from archiver.naming import check_template
from archiver.oauth import Link, revoke
from archiver.proof.auditing import Auditor, audited
from archiver.vault import Vault
from genstage.clock import Clock

__all__ = ["Erased", "Erasing", "Parting"]

_DAY_MILLIS = 24 * 3600 * 1000
_WAITS = 20  # for a storage that refuses for its rate, before its rest is left for another time
_LONGEST_WAIT = 300.0


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass of erasing did.

    Attributes:
        erased: Deliveries that are gone, from storage and Database.
        kept: Deliveries whose files could not be deleted, and which stay as they were: the storage cannot, does not want, or is away.
        waiting: Deliveries that have not ended yet, and stay.
        before: Only what became known before this moment was looked at; later than asked if it must be kept for longer.
    """

    erased: int = 0
    kept: int = 0
    waiting: int = 0
    before: Millis = 0


class Parting(msgspec.Struct, frozen=True):
    """What `Erasing` works with.

    Attributes:
        database: Where everything is.
        vault: Opens the secrets with which leave is given back.
        http: The process's HTTP session.
        clock: Time.
        open_destination: Makes a destination from its connection.
        link_of: How an adapter's accounts are linked.
    """

    database: Database
    vault: Vault
    http: aiohttp.ClientSession
    clock: Clock
    open_destination: Callable[[Connection, Pace], Destination]
    link_of: Callable[[Role, str, Mapping[str, Any]], Link | None]


class Erasing:
    """For how long a customer is kept, and what goes. What commands ask (as ``archiver.erasing``), and what the upkeep asks daily.

    Args:
        parts: What it works with.
        auditor: Told what was done.
        changed: Told that a customer is another one.
    """

    def __init__(self, parts: Parting, auditor: Auditor, *, changed: Callable[[], None] = lambda: None) -> None:
        self.auditor = auditor
        self._database = parts.database
        self._clock = parts.clock
        self._parts = parts
        self._changed = changed
        self._begun: dict[int, int] = {}

    @audited("customers edit", subject="name")
    async def edit(self, name: str, change: CustomerChange, routes: Mapping[int, Sequence[Kind]] | None = None) -> Customer:
        """Changes a customer.

        Args:
            name: Which.
            change: What becomes other.
            routes: Which kinds of items go to a destination from now on, by its number; empty for all.

        Raises:
            ConfigError: There is no such customer or destination, or a value cannot be.
        """
        if change.path_template is not None:
            check_template(change.path_template)
        owner = await self._customer(name)
        mine = {connection.id for connection in await self._database.connections(customer_id=owner.id, role=Role.DESTINATION)}
        for connection_id in routes or {}:
            if connection_id not in mine:
                raise ConfigError(
                    f"{name} has no destination {connection_id}", hint="`archiver customers list --json` shows their numbers."
                )
        customer = await self._database.change_customer(name, change)
        for connection_id, kinds in (routes or {}).items():
            await self._database.route(connection_id, kinds)
        self._changed()
        return customer

    @audited("customers erase", subject="name")
    async def erase(self, name: str, *, before: Millis | None = None, reason: str = "asked for") -> Erased:
        """Erases a customer's items that became known before a moment, as far as they need not be kept.

        Raises:
            ConfigError: There is no such customer, or it is on hold.
        """
        customer = await self._customer(name)
        if customer.hold:
            raise ConfigError(f"{name} is on hold: {customer.hold}", hint=f"End it first: archiver customers edit {name} --no-hold")
        latest = self._now() - customer.keep_days * _DAY_MILLIS
        return await self._pass(customer, latest if before is None else min(before, latest), reason, after=0)

    async def due(self) -> Erased:
        """One pass over every customer of whom something is to be erased by itself; each begins where the last one found something."""
        total = Erased()
        for customer in await self._database.customers():
            if customer.erase_days and not customer.hold:
                before = self._now() - max(customer.erase_days, customer.keep_days) * _DAY_MILLIS
                done = await self._pass(customer, before, f"after {customer.erase_days} days", after=self._begun.get(customer.id, 0))
                total = Erased(erased=total.erased + done.erased, kept=total.kept + done.kept, waiting=total.waiting + done.waiting)
            else:
                self._begun.pop(customer.id, None)  # a hold may have ended what lies before
        return total

    @audited("customers remove", subject="name")
    async def remove(self, name: str, *, files: bool = False) -> Erased:
        """Removes a customer: gives leave back, forgets secrets and everything personal. The files stay the customer's unless asked for.

        Raises:
            ConfigError: There is no such customer, it is on hold, is not paused, or has something that must be kept.
        """
        customer = await self._customer(name)
        if customer.hold:
            raise ConfigError(f"{name} is on hold: {customer.hold}", hint=f"End it first: archiver customers edit {name} --no-hold")
        if customer.state is not CustomerState.PAUSED:
            raise ConfigError(f"{name} is served still", hint=f"First: archiver customers pause {name}")
        now = self._now()
        if customer.keep_days and await self._young(customer, now):
            raise ConfigError(
                f"what {name} has must be kept for {customer.keep_days} days",
                hint=f"Change that first: archiver customers edit {name} --keep-days 0",
            )
        done = await self._pass(customer, now + 1, "the customer was removed", after=0) if files else Erased()
        for connection in await self._database.connections(customer_id=customer.id):
            await self._give_back(connection)
        removed = 0
        while count := await self._database.remove_customer(customer.id, reason="the customer was removed", now=now):
            removed += count
        self._changed()
        return msgspec.structs.replace(done, erased=done.erased + removed)

    # -- inside ---------------------------------------------------------------------------------------------------------------------

    async def _young(self, customer: Customer, now: Millis) -> bool:
        """Whether anything is not old enough yet."""
        after, latest = 0, now - customer.keep_days * _DAY_MILLIS
        while page := await self._database.erasable(customer.id, before=now + 1, after=after):
            if page[-1].discovered_at >= latest:
                return True
            after = page[-1].delivery_id
        return False

    async def _pass(self, customer: Customer, before: Millis, reason: str, *, after: int) -> Erased:
        erased = kept = waiting = 0
        stuck = False
        begun = after
        lanes = _Lanes(
            await self._database.connections(customer_id=customer.id, role=Role.DESTINATION), self._parts.open_destination, self._clock
        )
        try:
            while page := await self._database.erasable(customer.id, before=before, after=after):
                ended = [one for one in page if one.state is not DeliveryState.WAITING]
                gone = await lanes.removed(ended)
                erased += await self._database.erase(customer.id, gone, reason=reason, now=self._now())
                waiting += len(page) - len(ended)
                kept += len(ended) - len(gone)
                after = page[-1].delivery_id
                stuck = stuck or len(gone) < len(page)
                begun = begun if stuck else after
        finally:
            await lanes.close()
        self._begun[customer.id] = begun
        return Erased(erased=erased, kept=kept, waiting=waiting, before=before)

    async def _give_back(self, connection: Connection) -> None:
        try:
            values = {**connection.options, **opened(connection, self._parts.vault)}
            link = self._parts.link_of(connection.role, connection.adapter, values)
        except ConfigError:
            return  # it cannot be opened any more, so nobody can use it either
        if link is not None and values.get(link.option):
            await revoke(self._parts.http, self._clock, link, values[link.option])

    async def _customer(self, name: str) -> Customer:
        customer = await self._database.find_customer(name=name) if name else None
        if customer is None:
            raise ConfigError(f"there is no customer {name}", hint="`archiver customers list` shows them.")
        return customer

    def _now(self) -> Millis:
        return int(self._clock.wall() * 1000)


class _Lanes:
    """A customer's destinations, each opened when something of it is to be deleted; one that fails is left alone for this pass."""

    def __init__(self, connections: Sequence[Connection], opening: Callable[[Connection, Pace], Destination], clock: Clock) -> None:
        self._connections = {connection.id: connection for connection in connections}
        self._opening = opening
        self._clock = clock
        self._open: dict[LaneId, Destination | None] = {}

    async def removed(self, ended: Sequence[Erasable]) -> list[int]:
        """Deletes files; the deliveries of which nothing is left in the storage."""
        return [one.delivery_id for one in ended if one.receipt is None or await self._remove(one)]

    async def _remove(self, one: Erasable) -> bool:
        destination = self._destination(one.lane)
        if destination is None or one.receipt is None:
            return False
        if not isinstance(destination, Removing):
            return False
        for _ in range(_WAITS):
            try:
                return await destination.remove(one.receipt)
            except ThrottledError as error:
                await self._clock.sleep(min(error.retry_after or 5.0, _LONGEST_WAIT))
            except ArchiverError:
                break
        self._open[one.lane] = None
        await destination.close()
        return False

    def _destination(self, lane: LaneId) -> Destination | None:
        if lane not in self._open:
            try:
                self._open[lane] = self._opening(self._connections[lane], Unpaced())
            except ArchiverError:
                self._open[lane] = None
        return self._open[lane]

    async def close(self) -> None:
        """Closes those that are open."""
        for destination in self._open.values():
            if destination is not None:
                await destination.close()
