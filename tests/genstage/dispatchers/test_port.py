from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from genstage import (
    AnswerError,
    BroadcastDispatcher,
    DemandDispatcher,
    Dispatcher,
    KeyedDispatcher,
    PartitionDispatcher,
    Subscription,
    SubscriptionError,
)
from genstage.dispatchers import as_list

NewEdge = Callable[..., Subscription]
DISPATCHERS = (DemandDispatcher(), BroadcastDispatcher(), PartitionDispatcher(2), KeyedDispatcher())
TERMS: dict[str, Any] = {"key": "a", "partition": 1, "selector": bool, "slow": "drop", "options": 5}


@pytest.mark.parametrize("dispatcher", DISPATCHERS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("term", TERMS)
def test_terms_that_mean_nothing_are_refused(dispatcher: Dispatcher, term: str, new_edge: NewEdge) -> None:
    """A slip is not taken for a wish: the subscriber learns which dispatcher the term is for, and the producer is not hurt."""
    needed = {name: TERMS[name] for name in dispatcher.means & {"key", "partition"}}
    edge = new_edge(**needed | {term: TERMS[term]})
    fresh = dispatcher.fresh()
    if term in dispatcher.means:
        fresh.subscribe(edge)
    else:
        with pytest.raises(SubscriptionError, match=r"leave (it|them|key|partition|selector|slow) out"):
            fresh.subscribe(edge)
        assert fresh.wanted == 0


def test_a_list_is_taken_as_it_is() -> None:
    """No copy is made of a list; any other iterable becomes one; what is none is refused."""
    events = [1, 2]
    assert as_list(events) is events
    assert as_list(range(2)) == [0, 1]
    with pytest.raises(AnswerError, match="must return a list of events"):
        as_list(None)
