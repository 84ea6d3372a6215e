"""The fleet of many: any number of processes, on any machines, that share the customers of one database.

Customers are what is shared out, not items: every limit is a customer's, so one owner makes each of them local. Nothing is configured but
the database. Who owns whom stands there, under an epoch that grows with each owner; `member` is how a worker lives and dies, `balance`
how customers come and go.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Coroutine, Sequence

from archiver.errors import DatabaseUnavailableError
from archiver.fleet.balance import Balance
from archiver.fleet.member import Member, MemberDatabase
from archiver.fleet.serving import serving
from archiver.fleet.watching import Watching
from archiver.pipeline.assembly import Assembly
from archiver.pipeline.events import Listener, ignore_event
from genstage.clock import Clock

__all__ = ["PostgresFleet"]

_log = logging.getLogger(__name__)

_EMPTY_SECONDS = 0.1  # how often it is looked whether anything is left to do
_LEAVE_SECONDS = 5.0  # for the last word; who cannot say it is taken for dead a little later


class PostgresFleet:
    """Serves its share of the customers; other processes on the same database serve the others.

    Args:
        database: Where the fleet meets.
        clock: Time.
        ttl: Seconds after which a worker that is not heard of is taken for dead, and its customers by others.
        listener: Told what happens.
        make_id: Makes the worker's name, anew at each entering.
    """

    def __init__(
        self,
        database: MemberDatabase,
        clock: Clock,
        *,
        ttl: float = 15.0,
        listener: Listener = ignore_event,
        make_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ttl = ttl
        self._listener = listener
        self._make_id = make_id

    async def run(
        self,
        assembly: Assembly,
        stop: asyncio.Event,
        *,
        drain_seconds: float,
        until_empty: bool = False,
        beside: Sequence[Coroutine[None, None, None]] = (),
    ) -> bool:
        """Serves until ``stop`` is set, then drains and gives everybody back; see ``archiver.fleet.port``.

        With ``until_empty`` it ends when nothing is left of what this worker owns and nobody needs an owner.
        """
        assembly.holding.narrow()
        clock, listener = self._clock, self._listener
        member = Member(self._database, assembly, clock=clock, listener=listener, ttl=self._ttl, make_id=self._make_id)
        watching = Watching(assembly, clock)
        balance = Balance(self._database, assembly, member, collecting=watching.busy, clock=clock, listener=listener)
        watching.on_end = balance.look_soon
        async with serving(assembly) as services:
            belonging = (member.run(), member.guard(), balance.run(), watching.run())
            tasks = [services.create_task(service) for service in (*assembly.services(), *belonging, *beside)]
            if until_empty:
                tasks.append(services.create_task(self._until_empty(assembly, balance, stop)))
            await stop.wait()
            balance.stop()
            ended = await assembly.drain(drain_seconds)
            for task in tasks:
                task.cancel()
        # Not after a failure: what was under way may be the cause of it, and whoever comes next must be careful.
        await self._leave(member)
        return ended

    async def _until_empty(self, assembly: Assembly, balance: Balance, stop: asyncio.Event) -> None:
        while not (balance.at_rest and await assembly.is_empty()):
            await self._clock.sleep(_EMPTY_SECONDS)
        stop.set()

    async def _leave(self, member: Member) -> None:
        with contextlib.suppress(TimeoutError):
            try:
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await member.leave()
            except DatabaseUnavailableError as error:
                _log.warning("this worker could not say that it leaves, so others wait until it counts as dead: %s", error.message)
