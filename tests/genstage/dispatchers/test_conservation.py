"""What every dispatcher must hold, whatever happens: no demand and no event is lost or made up."""

# ruff: noqa: D102 - rules and invariants are named for what they do; the ends implement documented protocols

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from genstage import DemandDispatcher, Dispatcher, KeyedDispatcher, Subscription, Terms
from genstage.dispatchers import Deliveries

KEYS = ("a", "b", "c")


class Nobody:
    """Both ends of a subscription, for dispatchers, which call nobody."""

    name = "nobody"

    def subscribe(self, edge: Subscription) -> None: ...

    def ask(self, edge: Subscription, count: int) -> None: ...

    def retract(self, edge: Subscription, count: int) -> int:
        return 0

    def cancel(self, edge: Subscription) -> None: ...

    def deliver(self, edge: Subscription, events: list[Any]) -> None: ...

    def lost(self, edge: Subscription) -> None: ...


class Conservation(RuleBasedStateMachine):
    """Random subscribing, asking, taking back, cancelling, telling and answering; books are kept beside the dispatcher."""

    keyed = False

    def __init__(self) -> None:
        super().__init__()
        self.dispatcher: Dispatcher = KeyedDispatcher() if self.keyed else DemandDispatcher()
        self.edges: list[Subscription] = []
        self.balance: dict[Subscription, int] = {}  # asked, minus delivered, minus taken back
        self.made: dict[Any, int] = defaultdict(int)  # events made per key, numbered from 0
        self.given: dict[Any, list[int]] = defaultdict(list)  # delivered or discarded, in order
        self.told: Any = None

    def key(self, data: st.DataObject) -> Any:
        return data.draw(st.sampled_from(KEYS)) if self.keyed else None

    def take(self, deliveries: Deliveries) -> None:
        for edge, events in deliveries:
            assert events
            self.balance[edge] -= len(events)
            for key, number in events:
                assert key == edge.key
                self.given[key].append(number)

    @initialize()
    def begin(self) -> None:
        assert self.dispatcher.wanted == 0

    @rule(data=st.data())
    def subscribe(self, data: st.DataObject) -> None:
        edge = Subscription(Nobody(), Nobody(), Terms(key=self.key(data), demand="manual"))
        self.dispatcher.subscribe(edge)
        self.edges.append(edge)
        self.balance[edge] = 0

    @precondition(lambda self: self.edges)
    @rule(data=st.data(), count=st.integers(1, 20))
    def ask(self, data: st.DataObject, count: int) -> None:
        edge = data.draw(st.sampled_from(self.edges))
        self.balance[edge] += count
        self.take(self.dispatcher.ask(edge, count))

    @precondition(lambda self: self.edges)
    @rule(data=st.data(), count=st.integers(0, 20))
    def retract(self, data: st.DataObject, count: int) -> None:
        edge = data.draw(st.sampled_from(self.edges))
        self.balance[edge] -= self.dispatcher.retract(edge, count)

    @precondition(lambda self: self.edges)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        edge = data.draw(st.sampled_from(self.edges))
        self.edges.remove(edge)
        del self.balance[edge]
        for key, events in self.dispatcher.cancel(edge):
            self.given[key] += [number for _, number in events]

    @precondition(lambda self: self.told is None and self.dispatcher.wanted)
    @rule()
    def tell(self) -> None:
        self.told = self.dispatcher.tell()
        per_key: dict[Any, int] = defaultdict(int)
        for edge, count in self.balance.items():
            if count:
                per_key[edge.key] += count
        assert self.told == (dict(per_key) if self.keyed else per_key[None])

    @precondition(lambda self: self.told is not None)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        told, self.told = self.told, None
        wanted = told if self.keyed else {None: told}
        answer = {key: self.make(key, data.draw(st.integers(0, count))) for key, count in wanted.items()}
        count, deliveries, discards = self.dispatcher.dispatch(answer if self.keyed else answer[None], bounded=True)
        assert count == sum(map(len, answer.values()))
        self.take(deliveries)
        for key, events in discards:
            self.given[key] += [number for _, number in events]

    def make(self, key: Any, count: int) -> list[tuple[Any, int]]:
        first = self.made[key]
        self.made[key] += count
        return [(key, number) for number in range(first, first + count)]

    @invariant()
    def demand_is_conserved(self) -> None:
        assert {edge: edge.outstanding for edge in self.edges} == self.balance
        assert self.dispatcher.wanted == sum(self.balance.values())

    @invariant()
    def no_event_is_lost_and_order_is_kept(self) -> None:
        for key, numbers in self.given.items():
            assert numbers == list(range(len(numbers))), key
        assert self.dispatcher.buffered == sum(self.made.values()) - sum(map(len, self.given.values()))

    @invariant()
    def nobody_waits_for_what_is_there(self) -> None:
        for edge in self.edges:
            assert not (edge.outstanding and self.dispatcher.holds(edge))


class KeyedConservation(Conservation):
    """The same with demand per key."""

    keyed = True


BOUNDED = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestDemandDispatcher = Conservation.TestCase
TestDemandDispatcher.settings = BOUNDED
TestKeyedDispatcher = KeyedConservation.TestCase
TestKeyedDispatcher.settings = BOUNDED
