"""One edge between two stages: ask, deliver, cancel. Demand is a counter here; nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Any, Literal, Protocol

from genstage.errors import SubscriptionError
from genstage.terms import CancelMode, DeliveryMode, DemandMode, SlowMode, TermOptions, Terms

__all__ = [
    "CancelMode",
    "CancelReason",
    "DeliveryMode",
    "DemandMode",
    "Downstream",
    "SlowMode",
    "Subscription",
    "TermOptions",
    "Terms",
    "Upstream",
]

CancelReason = Literal["cancelled", "ended"] | BaseException
"""Why a subscription is over: somebody cancelled it, the stream ended, or the producer failed with this exception."""


class Upstream(Protocol):
    """The end of a subscription that gives events."""

    name: str

    def subscribe(self, edge: Subscription) -> None:
        """Takes in a consumer; raises `SubscriptionError` if its terms do not fit."""
        ...

    def ask(self, edge: Subscription, count: int) -> None:
        """So many more events are wanted."""
        ...

    def retract(self, edge: Subscription, count: int) -> int:
        """So many fewer are wanted; returns how many of them had not been delivered."""
        ...

    def cancel(self, edge: Subscription) -> None:
        """None are wanted any more."""
        ...

    def take_back(self, edge: Subscription, events: list[Any]) -> bool:
        """Here are delivered events that were not handled, to be given out before all others; whether there is a place for them."""
        ...


class Downstream(Protocol):
    """The end of a subscription that takes events."""

    name: str

    def deliver(self, edge: Subscription, events: list[Any]) -> None:
        """Here are events that were asked for; the list is yours."""
        ...

    def opened(self, edge: Subscription) -> None:
        """The subscription is open, perhaps again."""
        ...

    def interrupted(self, edge: Subscription) -> None:
        """The producer has failed; the subscription opens again after its back-off."""
        ...

    def lost(self, edge: Subscription) -> None:
        """No more will come over this subscription; after a failure of the producer (see ``edge.reason``) it may be `renew`-ed."""
        ...


class _Gap:
    """Stands in for a producer that has failed, until the subscription opens again: remembers what is wanted."""

    def __init__(self, upstream: Upstream, timer: asyncio.TimerHandle) -> None:
        self.name = upstream.name
        self.upstream = upstream
        self.timer = timer

    def subscribe(self, edge: Subscription) -> None:
        """Nobody subscribes to a gap."""

    def ask(self, edge: Subscription, count: int) -> None:
        """Will be asked for."""
        edge.outstanding += count

    def retract(self, edge: Subscription, count: int) -> int:
        """Will not be asked for."""
        taken = min(count, edge.outstanding)
        edge.outstanding -= taken
        return taken

    def cancel(self, edge: Subscription) -> None:
        """It will not open again."""
        edge.outstanding = 0
        self.timer.cancel()

    def take_back(self, edge: Subscription, events: list[Any]) -> bool:
        """The producer's buffer outlives its failure."""
        return self.upstream.take_back(edge, events)


class Subscription:
    """A consumer's subscription to a producer, as a value one can hold. Made by ``consumer.subscribe(producer, …)``.

    Everything that is asked for is delivered, taken back or still outstanding; nothing else happens to it.
    """

    __slots__ = (
        "_attempt",
        "_downstream",
        "_max",
        "_opened",
        "_owed",
        "_upstream",
        "deliver",
        "dropped",
        "floor",
        "level",
        "manual",
        "outstanding",
        "over",
        "reason",
        "split",
        "terms",
        "turn",
    )

    def __init__(self, upstream: Upstream, downstream: Downstream, terms: Terms) -> None:
        self.terms = terms
        self.manual = terms.demand == "manual"
        """Whether `ask` is the user's business."""
        self.outstanding = 0
        """Asked for and not yet delivered."""
        self.dropped = 0
        """Events that it missed because it had no demand for them; with ``slow="drop"`` only."""
        self.over = False
        """No more will come: it was cancelled, the stream ended, or the producer failed."""
        self.reason: CancelReason | None = None
        """Why it is over, or was last interrupted."""
        self.split = 0
        """How many events one call of ``handle_events`` takes at most."""
        self.turn = 0  # the ledger's
        self.level = 0  # outstanding, plus delivered and not yet handled; counted with automatic demand only
        self.deliver = downstream.deliver  # for the toolkit: hands events to the consumer
        self._upstream = upstream
        self._downstream = downstream
        self._max = 0
        self.floor = 0
        """With automatic demand more is asked for when only so many events are asked for and not yet handled."""
        self._owed = 0  # what was outstanding when the producer failed
        self._attempt = 0
        self._opened = 0.0
        self._set_window(terms.max_demand)

    def __repr__(self) -> str:
        key = "" if self.terms.key is None else f" for {self.terms.key!r}"
        state = "over" if self.over else f"{self.outstanding} outstanding"
        return f"<Subscription of {self._downstream.name} to {self._upstream.name}{key}, {state}>"

    @property
    def key(self) -> Hashable:
        """Whose events are wanted; None with producers that are not keyed."""
        return self.terms.key

    @property
    def producer(self) -> str:
        """The name of the stage that gives."""
        return self._upstream.name

    @property
    def consumer(self) -> str:
        """The name of the stage that takes."""
        return self._downstream.name

    @property
    def max_demand(self) -> int:
        """With automatic demand, how many events may be asked for and not yet handled. A new value takes effect at once.

        A greater one asks for the difference; a smaller one takes back what has not been delivered; 0 asks for nothing from now on.
        A ``min_demand`` that was given stays, but is always less than ``max_demand``.
        """
        return self._max

    @max_demand.setter
    def max_demand(self, value: int) -> None:
        if self.manual:
            raise SubscriptionError('max_demand means nothing with demand="manual": use ask() and retract()')
        if value < 0:
            raise SubscriptionError(f"max_demand cannot be {value}; give 0 (ask for nothing) or more")
        self._set_window(value)
        if self.level < value:
            self.replenish()
        elif self.level > value:
            self.retract(self.level - value)

    @property
    def min_demand(self) -> int:
        """With automatic demand, more is asked for when only so many events are asked for and not yet handled."""
        return self.floor

    @property
    def interrupted(self) -> bool:
        """Whether the producer has failed and the subscription waits to open again; what is asked meanwhile is asked then."""
        return isinstance(self._upstream, _Gap)

    def ask(self, count: int) -> None:
        """Asks for so many more events; for manual demand. Does nothing once the subscription is over.

        Raises:
            SubscriptionError: The demand of this subscription is automatic, or the count negative.
        """
        if not self.manual:
            raise SubscriptionError('ask() is for subscriptions with demand="manual"; with automatic demand set max_demand')
        if count < 0:
            raise SubscriptionError(f"cannot ask for {count} events; retract() takes demand back")
        if count and not self.over:
            self._upstream.ask(self, count)

    def retract(self, count: int | None = None) -> int:
        """Takes back what was asked for and not yet delivered; the producer is not asked for it any more.

        What a running ``handle_demand`` was already told, and brings all the same, is kept and delivered to the next ask.
        With automatic demand the next event that is handled asks again: set ``max_demand = 0`` to stay silent.

        Args:
            count: At most so much; all if not given.

        Returns:
            How much was taken back.
        """
        if self.over:
            return 0
        taken = self._upstream.retract(self, self.outstanding if count is None else count)
        if not self.manual:
            self.level -= taken
        return taken

    def cancel(self) -> None:
        """Ends the subscription. What was delivered is still handled; what was not is not wanted any more."""
        if not self.over:
            self.over = True
            self.reason = "cancelled"
            self._upstream.cancel(self)
            self._downstream.lost(self)

    def open(self) -> None:
        """For the toolkit: presents itself to the producer, and asks for the first events if demand is automatic."""
        self._upstream.subscribe(self)
        self._downstream.opened(self)
        if not self.manual:
            self.replenish()

    def finish(self) -> None:
        """For the toolkit: the producer has nothing more."""
        if not self.over:
            self.over = True
            self.reason = "ended"
            self._downstream.lost(self)

    def sever(self, error: BaseException, owed: int) -> None:
        """For the toolkit: the producer has failed, and has forgotten this subscription.

        Args:
            error: What its handler raised.
            owed: What was outstanding; it is asked for again when the subscription opens again.
        """
        self.reason = error
        self.outstanding = 0
        self._owed = owed
        backoff = self.terms.resubscribe
        if backoff is None:
            self.over = True
            self._downstream.lost(self)
            return
        from random import random  # noqa: PLC0415 - seldom needed, and slow to load

        loop = asyncio.get_running_loop()
        if loop.time() - self._opened > backoff.most:
            self._attempt = 0
        delay = backoff.delay(self._attempt, random())  # noqa: S311 - spreads tries, guards nothing
        self._attempt += 1
        self.outstanding = owed
        self._upstream = _Gap(self._upstream, loop.call_later(delay, self._close_gap))
        self._downstream.interrupted(self)

    def renew(self) -> None:
        """For the toolkit: opens again after a failure of the producer, and asks for what had been outstanding."""
        self.over = False
        self._opened = asyncio.get_running_loop().time()
        try:
            self._upstream.subscribe(self)
        except SubscriptionError as error:  # the producer's own hook changed its mind
            self.over = True
            self.reason = error
            self._downstream.lost(self)
            return
        if not self.over:
            self._downstream.opened(self)
            if self._owed:
                self._upstream.ask(self, self._owed)
            self.handled(0)

    def give_back(self, events: list[Any]) -> bool:
        """For the toolkit: these were delivered and not handled; they go back to the producer, and are asked for again.

        Returns:
            Whether they did. The producer has no place for them if its stream has ended, or its dispatcher cannot take events back.
        """
        if self.over or not self._upstream.take_back(self, events):
            return False
        self._upstream.ask(self, len(events))
        return True

    def handled(self, count: int) -> None:
        """For the toolkit: the handler of so many events has ended."""
        if not self.manual:
            level = self.level - count
            most = self._max
            if self.floor < level or level >= most or self.over:
                self.level = level
            else:
                self.level = most
                self._upstream.ask(self, most - level)

    def replenish(self) -> None:
        """For the toolkit: asks for what is missing to ``max_demand``."""
        missing = self._max - self.level
        if missing > 0 and not self.over:
            self.level += missing
            self._upstream.ask(self, missing)

    def _close_gap(self) -> None:
        gap = self._upstream
        if isinstance(gap, _Gap) and not self.over:
            self._upstream = gap.upstream
            self._owed, self.outstanding = self.outstanding, 0
            self.renew()

    def _set_window(self, max_demand: int) -> None:
        given = self.terms.min_demand
        self._max = max_demand
        self.floor = max_demand // 2 if given is None else max(0, min(given, max_demand - 1))
        self.split = self._max - self.floor
