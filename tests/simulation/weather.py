"""What befalls the world: each fault begins at a moment that the seed chose, and is healed later, in whatever order the seed chose.

At the end everything that still hurts is healed one after the other (FoundationDB calls this swizzling): what holds up only together
with something else then shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from archiver.errors import (
    ArchiverError,
    MisconfiguredError,
    QuotaFullError,
    ReconnectNeededError,
    ThrottleKind,
)
from archiver.model import CustomerState
from archiver.pipeline.collector import Collector
from archiver.pipeline.contents import Contents
from archiver.pipeline.events import ignore_event
from simulation.cloud import Account, Caller
from simulation.limits import Refusal
from simulation.process import Process
from simulation.source import Origin, SimulatedSource
from simulation.world import TTL, World

__all__ = ["Weather"]

Heal = Callable[[], Awaitable[None]]

_PARKING: tuple[ArchiverError, ...] = (
    QuotaFullError("full"),
    MisconfiguredError("not permitted"),
    ReconnectNeededError("revoked"),
)
_KEPT_UP = 8  # faults at the same time
_MOST_WORKERS = 6


class Weather:
    """The faults of one seed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.dice("weather")
        self._hurts: list[tuple[str, Heal]] = []
        self._newcomers = 0

    async def rage(self) -> None:
        """Strikes until the time is over."""
        world, chance = self._world, self._chance
        pause = chance.choice([0.5, 2.0, 6.0])
        while (left := world.shape.seconds - world.now) > 0:
            await asyncio.sleep(min(left, chance.expovariate(1 / pause)))
            world.rain(world.now)
            if not world.shape.faults:
                continue
            if self._hurts and (len(self._hurts) > _KEPT_UP or chance.random() < 0.35):
                await self._heal(chance.randrange(len(self._hurts)))
            else:
                await self._strike()
        world.rain(world.shape.seconds)

    async def clear(self) -> None:
        """Heals everything, one after the other."""
        while self._hurts:
            await self._heal(self._chance.randrange(len(self._hurts)))
            if self._chance.random() < 0.5:
                await asyncio.sleep(self._chance.uniform(0.0, 2.0))

    async def _heal(self, number: int) -> None:
        name, heal = self._hurts.pop(number)
        self._world.story.tell("heals", name)
        await heal()

    async def _strike(self) -> None:
        chance = self._chance
        strike = chance.choices(
            (self._account, self._provider, self._origin, self._database, self._clock, self._process, self._people),
            (40, 4, 14, 8, 5, 9 if self._world.shape.workers == 1 else 22, 10),
        )[0]
        name, heal = await strike()
        self._world.story.tell("strikes", name)
        if heal is not None:
            self._hurts.append((name, heal))

    def _set(self, thing: object, field: str, value: object, name: str) -> tuple[str, Heal]:
        """Sets something that is set back when it is healed."""
        before = getattr(thing, field)
        setattr(thing, field, value)

        async def heal() -> None:
            setattr(thing, field, type(before)() if isinstance(before, (float, bool)) else None)

        return f"{name} {field}={value}", heal

    # -- clouds ---------------------------------------------------------------------------------------------------------------------

    async def _account(self) -> tuple[str, Heal | None]:
        chance = self._chance
        lanes = sorted(self._world.accounts)
        if chance.random() < 0.3:
            lanes = list(self._world.customers["c0"].lanes)
        account = self._world.accounts[chance.choice(lanes)]
        often = chance.choice([0.1, 0.3, 1.0])
        match chance.randrange(12):
            case 0 | 1 | 2 | 3 as which:
                return self._set(account, ("breaks", "resets", "loses", "damages")[which], often, f"lane {account.lane}")
            case 4 | 5:
                refusal = Refusal(chance.choice([None, 1.0, 15.0, 300.0]), chance.choice(list(ThrottleKind)))
                return self._set(account, "throttles", (often, refusal), f"lane {account.lane}")
            case 6 | 7:
                return self._park(account)
            case 8 | 9:
                field, value = chance.choice([("away", True), ("stalled", chance.choice([2.0, 20.0, 90.0]))])
                return self._set(account, field, value, f"lane {account.lane}")
            case 10:
                account.ledger.forget()
                return f"lane {account.lane} forgets unfinished uploads", None
            case _:
                return self._lower(account)

    def _park(self, account: Account) -> tuple[str, Heal]:
        error = self._chance.choice(_PARKING)
        account.refusing = error
        lane = account.lane

        async def heal() -> None:
            account.refusing = None
            if isinstance(error, ReconnectNeededError) or self._chance.random() < 0.5:
                await self._world.reconnect(lane)

        return f"lane {lane} {type(error).__name__}", heal

    def _lower(self, account: Account) -> tuple[str, Heal]:
        factor = self._chance.choice([0.2, 0.5, 2.0])
        for limit in account.limits:
            limit.scale(factor)

        async def heal() -> None:
            for limit in account.limits:
                limit.scale(1.0)

        return f"lane {account.lane} limits x {factor}", heal

    async def _provider(self) -> tuple[str, Heal | None]:
        provider = self._chance.choice(list(self._world.providers.values()))
        return self._set(provider, "away", True, f"provider {provider.name}")  # noqa: FBT003  the field's value

    # -- sources --------------------------------------------------------------------------------------------------------------------

    async def _origin(self) -> tuple[str, Heal | None]:
        chance = self._chance
        source = chance.choice(sorted(self._world.origins))
        origin = self._world.origins[source]
        name = f"source {source}"
        match chance.randrange(6):
            case 0:
                struck = self._set(origin, "away", True, name)  # noqa: FBT003  the field's value
                origin.stir()
                return struck
            case 1:
                return self._set(origin, "breaks", chance.choice([0.2, 1.0]), name)
            case 2:
                return self._set(origin, "short", chance.choice([0.2, 1.0]), name)
            case 3:
                return self._set(origin, "latency", chance.choice([0.2, 3.0]), name)
            case 4:
                return f"{name} {self._lose(origin)}", None
            case _:
                return f"{name} {self._change(origin)}", None

    def _lose(self, origin: Origin) -> str:
        if not origin.sizes:
            return "has nothing to lose"
        key = self._chance.choice(list(origin.sizes))
        del origin.sizes[key]
        origin.hurt.add(key)
        return f"loses {key}"

    def _change(self, origin: Origin) -> str:
        if not origin.sizes:
            return "has nothing to change"
        key = self._chance.choice(list(origin.sizes))
        origin.sizes[key] += self._chance.randint(1, 100)
        origin.hurt.add(key)
        return f"changes {key}"

    # -- database and clock ---------------------------------------------------------------------------------------------------------

    async def _database(self) -> tuple[str, Heal | None]:
        chance, ailments = self._chance, self._world.ailments
        ailments.ever = True
        match chance.randrange(4):
            case 0:
                return self._set(ailments, "away", True, "database")  # noqa: FBT003  the field's value
            case 1:
                return self._set(ailments, "breaks", chance.choice([0.05, 0.4]), "database")
            case 2:
                return self._set(ailments, "slow", chance.choice([0.01, 0.2, 2.0]), "database")
            case _:
                return self._set(ailments, "late", 0.5, "database")

    async def _clock(self) -> tuple[str, Heal | None]:
        seconds = self._chance.choice([-3600.0, -5.0, -0.2, 5.0, 300.0, 3600.0])
        if self._world.shape.sweep_seconds > 60.0:  # what is born before its time is found by the sweep only
            return "the clock goes right", None
        clock = self._world.clock
        clock.start += seconds
        self._world.clock_was_set = True

        async def heal() -> None:
            clock.start -= seconds

        return f"the clock jumps by {seconds} s", heal

    # -- processes and people -------------------------------------------------------------------------------------------------------

    async def _process(self) -> tuple[str, Heal | None]:
        world, chance = self._world, self._chance
        running = [process for process in world.running if not process.frozen]
        if not running:
            return "nobody runs", None
        process = chance.choice(running)
        strikes = chance.random()
        if world.shape.workers > 1 and strikes < 0.4:
            return self._freeze(process)
        if world.shape.workers > 1 and strikes < 0.5:
            if len(world.running) < _MOST_WORKERS:
                world.start()
            return "one more joins", None
        if strikes < 0.65:
            await self._end(process)
        else:
            await world.kill(process)

        async def heal() -> None:
            world.start()

        return f"{process.name} is no more", heal

    def _freeze(self, process: Process) -> tuple[str, Heal]:
        """Stops a process as SIGSTOP does, at once or in the worst moment; often for longer than others wait for it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._chance.choice([2.0, TTL, 2 * TTL, 4 * TTL])
        at = self._chance.choice(["", "settle", "settle", "save_pace", "beat"])
        process.reliable = False
        process.frozen, process.freezes_at = not at, at

        def thaw() -> None:
            process.freezes_at = ""
            if process.frozen:
                process.thaw()

        async def heal() -> None:
            loop.call_at(max(until, loop.time()), thaw)

        return f"{process.name} stands still at {at or 'once'}", heal

    async def _end(self, process: Process) -> None:
        """Stops it as a person would; who waits too long kills it."""
        world = self._world
        world.forgive(process)  # what does not end in time is given up
        ending = asyncio.get_running_loop().create_task(process.end())
        done, _ = await asyncio.wait([ending], timeout=self._chance.choice([1.0, 90.0]))
        if not done:
            await world.kill(process)
            await ending
        world.forgive(process)

    async def _people(self) -> tuple[str, Heal | None]:
        world, chance = self._world, self._chance
        name = chance.choice(sorted(world.customers))
        match chance.randrange(5):
            case 0 | 1:
                await world.people.set_customer_state(name, CustomerState.PAUSED)

                async def resume() -> None:
                    await world.people.set_customer_state(name, CustomerState.ACTIVE)

                return f"{name} is paused", resume
            case 2:
                self._newcomers += 1
                newcomer = await world.add_customer(f"n{self._newcomers}")
                for _ in range(chance.randint(0, 10)):
                    world.drop(newcomer.name)
                return f"{newcomer.name} is added", None
            case 3:
                await world.people.retry(now=int(world.clock.wall() * 1000))
                return "people retry what was rejected", None
            case _:
                return f"{await self._collect(name)} of {name} are imported", None

    async def _collect(self, name: str) -> int:
        """Another process imports what a customer's sources have; the one that serves is not told."""
        world = self._world
        caller = Caller("import")
        found = 0
        contents = Contents(lambda connection: SimulatedSource(world.origins[connection.id], caller, 1000))
        collector = Collector(world.people, contents, lambda _: "posix", lambda _: None, clock=world.clock, listener=ignore_event)
        customers = {customer.name: customer for customer in await world.people.customers()}
        for connection in await world.people.connections(customer_id=customers[name].id):
            if connection.id in world.origins and not world.origins[connection.id].away:
                found += (await collector.collect(customers[name], connection)).found
        return found
