"""What every dispatcher must hold, whatever happens: no demand and no event is lost or made up."""

# ruff: noqa: D102 - rules and invariants are named for what they do; the ends implement documented protocols

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from genstage import (
    BroadcastDispatcher,
    DemandDispatcher,
    Dispatcher,
    KeyedDispatcher,
    PartitionDispatcher,
    Subscription,
    Terms,
    dispatchers,
)
from genstage.dispatchers import Deliveries, Discards

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

    prototype: Dispatcher = DemandDispatcher()
    keyed = False

    def __init__(self) -> None:
        super().__init__()
        self.dispatcher = self.prototype.fresh()
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

    prototype = KeyedDispatcher()
    keyed = True


class FairConservation(Conservation):
    """The same where everybody is served in turn."""

    prototype = DemandDispatcher(fair=True, shuffle=list.reverse)


class Books(RuleBasedStateMachine):
    """Random use of a dispatcher that decides by itself who gets which events: each subscription's account, kept beside it."""

    prototype: Dispatcher

    def __init__(self) -> None:
        super().__init__()
        self.dispatcher = self.prototype.fresh()
        self.edges: list[Subscription] = []
        self.balance: dict[Subscription, int] = {}
        self.got: dict[Subscription, list[int]] = {}
        self.made = 0
        self.told: int | None = None

    def terms(self, data: st.DataObject) -> dict[str, Any]:
        raise NotImplementedError

    def note(self, edge: Subscription, events: list[int]) -> None:
        """For subclasses: a subscription got events."""

    def lose(self, discards: Discards) -> None:
        """For subclasses: nobody gets these."""

    def take(self, deliveries: Deliveries) -> None:
        for edge, events in deliveries:
            assert events
            self.balance[edge] -= len(events)
            assert self.balance[edge] >= 0
            self.got[edge] += events
            self.note(edge, events)

    @rule(data=st.data())
    def subscribe(self, data: st.DataObject) -> None:
        edge = Subscription(Nobody(), Nobody(), Terms(demand="manual", **self.terms(data)))
        self.dispatcher.subscribe(edge)
        self.edges.append(edge)
        self.balance[edge] = 0
        self.got[edge] = []

    @precondition(lambda self: self.edges)
    @rule(data=st.data(), count=st.integers(1, 12))
    def ask(self, data: st.DataObject, count: int) -> None:
        edge = data.draw(st.sampled_from(self.edges))
        self.balance[edge] += count
        self.asked(edge)
        self.take(self.dispatcher.ask(edge, count))

    def asked(self, edge: Subscription) -> None:
        """For subclasses: somebody asks."""

    @precondition(lambda self: self.edges)
    @rule(data=st.data(), count=st.integers(1, 12))
    def retract(self, data: st.DataObject, count: int) -> None:
        edge = data.draw(st.sampled_from(self.edges))
        self.balance[edge] -= self.dispatcher.retract(edge, count)

    @precondition(lambda self: self.edges)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.forget(data.draw(st.sampled_from(self.edges)))

    def forget(self, edge: Subscription) -> None:
        self.edges.remove(edge)
        del self.balance[edge]
        assert self.dispatcher.cancel(edge) == []

    @precondition(lambda self: self.told is None and self.dispatcher.wanted)
    @rule()
    def tell(self) -> None:
        self.told = self.dispatcher.tell()
        assert self.told == self.dispatcher.wanted

    @precondition(lambda self: self.told is not None)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        assert self.told is not None
        count = data.draw(st.integers(0, self.told))
        self.told = None
        events = list(range(self.made, self.made + count))
        self.made += count
        self.dispatched(events)
        given, deliveries, discards = self.dispatcher.dispatch(events[:], bounded=True)
        assert given == count
        self.take(deliveries)
        self.lose(discards)
        for edge in self.dispatcher.expel():
            self.forget(edge)

    def dispatched(self, events: list[int]) -> None:
        """For subclasses: these are about to be given out."""

    @invariant()
    def demand_is_conserved(self) -> None:
        assert {edge: edge.outstanding for edge in self.edges} == self.balance

    @invariant()
    def nobody_waits_for_what_is_there(self) -> None:
        for edge in self.edges:
            assert not (edge.outstanding and self.dispatcher.holds(edge))


class BroadcastConservation(Books):
    """Every subscription gets what it should have: all that was dispatched while it took part and that it selects."""

    prototype = BroadcastDispatcher()

    def __init__(self) -> None:
        super().__init__()
        self.due: dict[Subscription, list[int]] = {}  # of those that take part
        self.left: list[int] = []  # for the first who takes part
        self.missed: dict[Subscription, set[int]] = defaultdict(set)

    def terms(self, data: st.DataObject) -> dict[str, Any]:
        selector = data.draw(st.sampled_from([None, lambda event: event % 3 == 0]))
        return {"slow": data.draw(st.sampled_from(["wait", "wait", "drop", "cancel"])), "selector": selector}

    def select(self, edge: Subscription, events: list[int]) -> list[int]:
        return [event for event in events if edge.terms.selector is None or edge.terms.selector(event)]

    def asked(self, edge: Subscription) -> None:
        if edge not in self.due:
            self.due[edge], self.left = self.select(edge, self.left), []

    def dispatched(self, events: list[int]) -> None:
        for edge, due in self.due.items():
            mine = self.select(edge, events)
            if edge.terms.slow != "wait" and len(mine) > self.balance[edge]:
                self.missed[edge].update(mine[self.balance[edge] :])
            due.extend(mine)
        if not self.due:
            self.left += events

    def forget(self, edge: Subscription) -> None:
        super().forget(edge)
        due = self.due.pop(edge, None)
        if due is not None and not self.due:
            self.left = [event for event in due if event not in self.missed[edge]][len(self.got[edge]) :]

    @precondition(lambda self: any(self.got[edge] for edge in self.due))
    @rule(data=st.data(), count=st.integers(1, 5))
    def fail(self, data: st.DataObject, count: int) -> None:
        """A consumer fails, and what it had not handled goes back: it gets it again, in order."""
        edge = data.draw(st.sampled_from([edge for edge in self.due if self.got[edge]]))
        events = self.got[edge][-count:]
        del self.got[edge][-count:]
        deliveries = self.dispatcher.restore(edge, events)
        assert deliveries is not None
        self.take(deliveries)

    @invariant()
    def each_gets_all_that_is_its(self) -> None:
        for edge, due in self.due.items():
            expected = [event for event in due if event not in self.missed[edge]]
            assert self.got[edge] == expected[: len(self.got[edge])]
            assert self.dispatcher.holds(edge) == (len(self.got[edge]) < len(expected))
            assert edge.dropped == (len(self.missed[edge]) if edge.terms.slow == "drop" else 0)

    @invariant()
    def no_more_is_asked_than_all_can_take(self) -> None:
        waited_for = [edge.outstanding for edge in self.due if edge.terms.slow == "wait"]
        others = [edge.outstanding for edge in self.due]
        assert self.dispatcher.wanted == (min(waited_for) if waited_for else max(others, default=0))


class PartitionConservation(Books):
    """Every event reaches one consumer of its partition, in order; what is asked for always fits."""

    prototype = PartitionDispatcher(3, buffer_size=15)

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[int, list[int]] = defaultdict(list)

    def terms(self, data: st.DataObject) -> dict[str, Any]:
        return {"partition": data.draw(st.integers(0, 2))}

    def note(self, edge: Subscription, events: list[int]) -> None:
        assert {event % 3 for event in events} == {edge.terms.partition}
        self.given[edge.terms.partition] += events

    def lose(self, discards: Discards) -> None:
        assert discards == []

    @invariant()
    def no_event_is_lost_and_order_is_kept(self) -> None:
        for partition, events in self.given.items():
            assert events == list(range(partition, self.made, 3))[: len(events)]
        assert self.dispatcher.buffered == self.made - sum(map(len, self.given.values()))

    @invariant()
    def what_is_asked_fits(self) -> None:
        waiting = [len(range(partition, self.made, 3)) - len(self.given[partition]) for partition in range(3)]
        assert self.dispatcher.wanted == min(sum(self.balance.values()), 15 - max(waiting))


MACHINES = (Conservation, KeyedConservation, FairConservation, BroadcastConservation, PartitionConservation)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
def test_no_demand_and_no_event_is_lost(machine: type[RuleBasedStateMachine]) -> None:
    """Asked = delivered + taken back + outstanding; every event is somewhere, once, in order; nobody waits for what is there."""
    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))


def test_every_dispatcher_is_tried() -> None:
    """A new dispatcher needs a machine here."""
    ours = {value for value in vars(dispatchers).values() if isinstance(value, type) and issubclass(value, Dispatcher)} - {Dispatcher}
    assert {type(machine.prototype) for machine in MACHINES} == ours
