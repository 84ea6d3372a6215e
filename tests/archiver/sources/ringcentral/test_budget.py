"""The limits as the headers tell them: pure, against the sandbox's meter, which is strict."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.sandbox.ringcentral.limits import GroupLimit, GroupMeter
from archiver.sources.ringcentral.budget import Budget, Grant, Told

GROUPS = {"recording": "Heavy", "call-log": "Heavy", "message-sync": "Light"}
HEAVY = GroupLimit(calls=10)


class Provider:
    """RingCentral's side: answers calls some time after they were sent."""

    def __init__(self, limit: GroupLimit = HEAVY) -> None:
        self.limit = limit
        self.meter = GroupMeter()

    def call(self, budget: Budget, grant: Grant, sent: float, *, transit: float = 0.0, back: float = 0.0) -> bool:
        """One call: when it counts, and what its answer tells."""
        route, arrived = "recording", sent + transit
        admitted = self.meter.admit(arrived, self.limit)
        headers = self.meter.headers("Heavy", arrived, self.limit)
        told = Told(group="heavy", limit=self.limit.calls, remaining=int(headers["X-Rate-Limit-Remaining"]), window=self.limit.window)
        if admitted:
            budget.answered(grant, route, arrived + back, told)
        else:
            budget.refused(grant, arrived + back, told, float(headers["Retry-After"]))
        return admitted


def taken(budget: Budget, route: str, now: float, *, look: bool = False) -> Grant:
    """A grant that must be there."""
    grant = budget.take(route, now, look=look)
    assert isinstance(grant, Grant)
    return grant


def test_until_the_first_answer_one_call_goes_at_a_time() -> None:
    """Nobody knows the limit yet; the first answer tells it."""
    budget, provider = Budget(GROUPS), Provider()
    first = taken(budget, "recording", 0.0)
    assert isinstance(budget.take("recording", 0.0, look=False), float)
    taken(budget, "message-sync", 0.0)  # another group
    provider.call(budget, first, 0.0, transit=0.01, back=0.01)
    for _ in range(9):
        taken(budget, "recording", 0.02)
    assert isinstance(budget.take("recording", 0.02, look=False), float)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 2), st.booleans()), min_size=40, max_size=120))
def test_no_call_is_ever_refused(calls: list[tuple[float, float, bool]]) -> None:
    """However long calls and answers travel, and whoever makes them: the strictest reading of the limit is kept."""
    budget, provider = Budget(GROUPS), Provider()
    now = 1000.0
    for transit, back, look in calls:
        grant = budget.take("call-log" if look else "recording", now, look=look)
        while not isinstance(grant, Grant):
            now += grant
            grant = budget.take("call-log" if look else "recording", now, look=look)
        assert provider.call(budget, grant, now, transit=transit, back=back)
        now += transit + back  # one after the other, as far as this test is concerned


def test_the_limit_is_used() -> None:
    """With work all the time, at least 97 in a hundred permitted calls are made."""
    budget, provider = Budget(GROUPS), Provider()
    now, made = 0.0, 0
    while now < 3600:
        grant = budget.take("recording", now, look=False)
        if isinstance(grant, Grant):
            provider.call(budget, grant, now, transit=0.05, back=0.05)
            made += 1
        else:
            now += grant
    assert provider.meter.refused == 0
    assert made >= 0.97 * 10 * 60


def test_a_penalty_is_never_poked() -> None:
    """After a 429 nothing of the group goes out before it is over, for looks and content alike; other groups go on."""
    budget = Budget(GROUPS)
    grant = taken(budget, "recording", 0.0)
    told = Told(group="heavy", limit=10, remaining=0, window=60)
    budget.refused(grant, 5.0, told, 60.0)
    for now in (5.0, 30.0, 64.9):
        assert isinstance(budget.take("recording", now, look=False), float)
        assert isinstance(budget.take("call-log", now, look=True), float)
    taken(budget, "message-sync", 5.0)
    taken(budget, "recording", 65.2)


def test_a_refusal_of_another_sort_stops_everything() -> None:
    """Without the headers it is a limit on something else, such as the address: all groups wait."""
    budget = Budget(GROUPS)
    budget.refused(taken(budget, "recording", 0.0), 0.0, Told(), None)
    assert isinstance(budget.take("message-sync", 59.0, look=True), float)
    taken(budget, "message-sync", 60.2, look=True)


def test_what_others_spend_is_believed() -> None:
    """Another process uses the same user: less remains than we used, so as much less is taken."""
    budget = Budget(GROUPS)
    grant = taken(budget, "recording", 0.0)
    budget.answered(grant, "recording", 0.1, Told(group="heavy", limit=10, remaining=2, window=60))
    taken(budget, "recording", 0.2)
    taken(budget, "recording", 0.2)
    assert isinstance(budget.take("recording", 0.2, look=False), float)
    taken(budget, "recording", 60.3)


def test_a_group_is_what_the_answer_says() -> None:
    """Groups are renamed and routes are moved: the headers are believed, not the description."""
    budget = Budget(GROUPS)
    grant = taken(budget, "message-sync", 0.0)
    budget.answered(grant, "message-sync", 0.1, Told(group="feather", limit=2, remaining=1, window=10))
    taken(budget, "message-sync", 0.2)
    assert isinstance(budget.take("message-sync", 0.2, look=True), float)
    taken(budget, "message-sync", 10.3)


def test_content_is_told_how_much_room_there_is() -> None:
    """As many as the window has left; none before the limit is known but one, none in a penalty, and then when to ask again."""
    budget, provider = Budget(GROUPS), Provider()
    assert budget.room("recording", 0.0, wanted=True) == (1, 0.0)
    first = taken(budget, "recording", 0.0)
    assert budget.room("recording", 0.0, wanted=True)[0] == 0
    provider.call(budget, first, 0.0)
    assert budget.room("recording", 0.0, wanted=True) == (9, 0.0)
    for _ in range(9):
        provider.call(budget, taken(budget, "recording", 1.0), 1.0)
    room, wait = budget.room("recording", 2.0, wanted=True)
    assert room == 0
    assert 58.0 < wait < 58.3
    assert budget.room("recording", 2.0 + wait, wanted=True) == (1, 0.0)
    assert budget.room("attachment", 2.0, wanted=True) == (1, 0.0)
    budget.rest("attachment", 2.0, 30.0)
    assert budget.room("attachment", 3.0, wanted=False) == (0, 29.1)


def test_looking_has_a_fifth_while_content_waits() -> None:
    """Neither starves the other: of ten calls two are looks, eight are content; alone each has all."""
    for wanted in (True, False):
        budget, provider = Budget(GROUPS), Provider()
        counts = {True: 0, False: 0}
        now = 0.0
        provider.call(budget, taken(budget, "recording", now), now)
        while now < 3600:
            for look in (True, False):
                if look or (wanted and budget.room("recording", now, wanted=True)[0]):
                    grant = budget.take("call-log" if look else "recording", now, look=look)
                    if isinstance(grant, Grant):
                        counts[look] += 1
                        provider.call(budget, grant, now)
            now += 0.5
        assert provider.meter.refused == 0
        assert sum(counts.values()) >= 575
        assert 100 <= counts[True] <= 140 if wanted else counts[True] >= 575


def test_a_lost_answer_counts() -> None:
    """A call whose answer was lost may have been counted: the window takes it in."""
    budget, provider = Budget(GROUPS), Provider()
    provider.call(budget, taken(budget, "recording", 0.0), 0.0)
    for _ in range(9):
        budget.lost(taken(budget, "recording", 1.0), 1.0)
    assert isinstance(budget.take("recording", 2.0, look=False), float)
