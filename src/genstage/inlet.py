"""The taking side of a stage: its subscriptions, what they bring to its workers, and when that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from genstage.handling import Handling
from genstage.hands import Begun
from genstage.inbox import Inbox, Job
from genstage.outlet import Outlet
from genstage.post import Post
from genstage.subscription import Subscription
from genstage.terms import Terms
from genstage.workers import DEPTH, Workers

__all__ = ["Inlet", "InletHooks"]

InletHooks = tuple[Callable[[Subscription], None] | None, Callable[[Subscription], None] | None]
"""Who is told of a subscription that has opened, and of one that is over or interrupted; None: nobody."""


class Inlet(Workers):
    """The taking side of one stage."""

    __slots__ = ("_cancelled", "_done", "_gone", "_lone_ends", "_permanent", "_subscribed", "edges")

    def __init__(self, post: Post, inbox: Inbox, handling: Handling, hooks: InletHooks = (None, None)) -> None:
        super().__init__(post, inbox, handling)
        self.edges: dict[Subscription, None] = {}
        self._subscribed, self._cancelled = hooks
        self._permanent = 0
        self._lone_ends = False
        self._done = False
        self._gone: asyncio.Future[None] | None = None

    def edge_to(self, outlet: Outlet, terms: Terms) -> Subscription:
        """Makes a subscription of this stage; it is not open yet."""
        watch = self._post.watch
        return Subscription(outlet, self, terms) if watch is None else watch.connect(outlet, self, terms)

    def connect(self, edge: Subscription) -> None:
        """Takes in a subscription that is about to open."""
        self.edges[edge] = None
        self._permanent += edge.terms.cancel == "permanent"

    def disconnect(self, edge: Subscription) -> None:
        """Forgets a subscription that could not open."""
        del self.edges[edge]
        self._permanent -= edge.terms.cancel == "permanent"

    def opened(self, edge: Subscription) -> None:
        """A subscription is open, perhaps again."""
        if self._subscribed is not None:
            self._subscribed(edge)

    def deliver(self, edge: Subscription, events: list[Any]) -> None:
        """Takes events in; those that the turn of a stage gives to an idle one are handled at once."""
        turns = self._turns
        depth = turns.depth
        if depth and self._short and not self._inside and not self._barred and not self.inbox.waiting and depth < DEPTH:
            count, gate = len(events), self._gate
            if (count <= edge.split or edge.manual) and (gate is None or gate.wanted > 0):
                self._do(edge, events, count, depth)
                turns.depth = depth
                if self.closing:
                    self._look_for_the_end()
                return
            events = self._handle_now(edge, events, depth)
            if not events:
                return
        elif turns.giver is not None and self._eager and self._idle:
            events = self._begin_now(edge, events, turns.giver)
            if not events:
                return
        self.inbox.put(edge, events)
        if not self._inline:
            self.stir()
        elif not self._queued:
            self._queued = True
            if turns.running:
                turns.ready.append(self)
            else:
                turns.put(self)

    def _handle_now(self, edge: Subscription, events: list[Any], depth: int) -> list[Any]:
        """Handles what was delivered, within the turn of the stage that gave it; returns what must wait."""
        gate = self._gate
        count, start = len(events), 0
        split = count if edge.manual else edge.split or count
        while start < count and self._short and not self._barred and (gate is None or gate.wanted > 0):
            piece = events if count <= split else events[start : start + split]
            start += split
            if not self._do(edge, piece, len(piece), depth):
                break
        self._turns.depth = depth
        if self.closing:
            self._look_for_the_end()
        return events[start:] if start else events

    def _begin_now(self, edge: Subscription, events: list[Any], giver: asyncio.Task[Any]) -> list[Any]:
        """Has what was delivered begun by workers that sleep, in the time of the task that gave it; returns what must wait."""
        turns, gate = self._turns, self._gate
        rank = turns.rank
        count, start = len(events), 0
        split = count if edge.manual else edge.split or count
        while start < count and rank < DEPTH and self._idle and not self._barred and not self.inbox.waiting:
            if len(self.tasks) > self.limit or (gate is not None and gate.wanted <= 0):
                break
            piece = events if count <= split else events[start : start + split]
            start += split
            self._begin((edge, piece, len(piece)), giver, rank)
        turns.giver, turns.rank = giver, rank
        if self.closing:
            self._look_for_the_end()
        return events[start:] if start else events

    def _begin(self, job: Job, giver: asyncio.Task[Any], rank: int) -> None:
        """Begins a call of an asynchronous handler; if it awaits nothing it ends here, else its worker goes on with it."""
        edge, payload, count = job
        turns, outlet = self._turns, self._outlet
        hand = self._idle.pop()
        self.in_flight += count
        turns.giver = None
        result = hand.begin(job, self._handle(payload), giver)
        if hand.begun is None:
            try:
                if outlet is not None:
                    turns.giver, turns.rank = giver, rank + 1
                    outlet.emit(result, bounded=False)
                    turns.giver = None
                elif result is not None:
                    self._refuse(result)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the worker raises it
                turns.giver = None
                hand.begun = Begun(job, error=error)
        if hand.begun is not None:
            hand.wake()
            return
        self.in_flight -= count
        self.handled += count
        edge.handled(count)
        if self.draining and not edge.level:
            edge.cancel()
        self._idle.append(hand)
        if self._barred:
            self._bar()
        if len(self.tasks) > self.limit:
            self._wake()

    def interrupted(self, edge: Subscription) -> None:
        """The producer has failed; the subscription opens again by itself."""
        if self._cancelled is not None:
            self._cancelled(edge)

    def lost(self, edge: Subscription) -> None:
        """A subscription is over; with the last permanent one the stage finishes what waits and ends.

        If the producer has failed that is a failure of this stage too, unless the subscription is temporary.
        """
        if self._cancelled is not None:
            self._cancelled(edge)
        error = edge.reason
        if isinstance(error, BaseException) and edge.terms.cancel != "temporary" and not self.closing and not self._done:
            if self._post.warden.failed(error):
                edge.renew()
                return
            error.add_note(
                f"{self.name} has a {edge.terms.cancel} subscription to the stage that failed, and no restart left: give one of them "
                "resubscribe=Backoff(), restarts=Restarts() or cancel='temporary'"
            )
        self.disconnect(edge)
        if edge.terms.cancel == "permanent" and not self._permanent:
            self.close()
        else:
            self._look_for_the_end()

    def end_when_alone(self) -> None:
        """From now on, being without any subscription ends the stage, whatever the terms were."""
        self._lone_ends = True
        self._look_for_the_end()

    def drain(self) -> None:
        """Ends subscriptions with manual demand and forgets what they brought; finishes what comes over the others, until they are over.

        An automatic one that was silenced (``max_demand = 0``, or `Subscription.retract`) is over when nothing of it is in hand:
        it would never ask for what may be held for it. One that waits for its producer to come back need not wait any longer.
        """
        self.draining = True
        for edge in list(self.edges):
            if edge.manual or not edge.level or edge.interrupted:
                edge.cancel()
        self.forget(only_manual=True)
        self.end_when_alone()

    def close(self) -> None:
        """Ends all subscriptions; the stage finishes what waits and ends."""
        if not self.closing:
            self.closing = True
            for edge in list(self.edges):
                edge.cancel()
            self._look_for_the_end()

    def halt(self) -> list[Any]:
        """Ends all subscriptions; what was not begun is returned, what was begun is finished."""
        rest = self.forget()
        self.close()
        self._look_for_the_end()  # closed before, it may have ended with the last of what waited
        return rest

    def forget(self, *, only_manual: bool = False) -> list[Any]:
        """Takes out what was not begun: all of it, or what came by manual demand."""
        gone = self.inbox.clear((lambda edge: edge.manual) if only_manual else None)
        self._clamp_marks()
        return gone

    def abort(self) -> bool:
        """As `halt`, but running handlers are cancelled; returns whether there were any."""
        self.halt()
        for task in self.tasks:
            task.cancel()
        return self.busy > 0

    async def gone(self) -> None:
        """Returns when the stage has ended and no worker is left."""
        if not self._done:
            if self._gone is None:
                self._gone = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._gone)

    def _returning(self) -> list[Any]:
        return [edge for edge in self.edges if edge.terms.delivery == "at_least_once"]

    def _look_for_the_end(self) -> None:
        if self._lone_ends and not self.edges:
            self.closing = True
        super()._look_for_the_end()

    def _finish(self) -> None:
        if not self._done:
            self._done = True
            while self._marks:
                self._pass_mark(self._marks.popleft()[1])
            self._handling.done()
            if self._gone is not None and not self._gone.done():
                self._gone.set_result(None)
