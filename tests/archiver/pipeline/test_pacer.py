from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.destinations.port import CallKind
from archiver.errors import ThrottleKind
from archiver.pipeline.pacer import MOST_IN_FLIGHT, Pacer
from archiver.pipeline.rate import Phase

TRANSFER, COMMIT = CallKind.TRANSFER, CallKind.COMMIT
RATE, CONTENTION = ThrottleKind.RATE, ThrottleKind.CONTENTION


def call(pacer: Pacer, now: float, kind: CallKind = TRANSFER, latency: float = 0.1) -> float:
    """Makes a call that is taken, when its turn comes; returns when it ended."""
    now = max(now, pacer.next_call_at(now, kind))
    pacer.started(now, kind)
    pacer.ended(now + latency, kind, latency)
    return now + latency


def refuse(pacer: Pacer, now: float, retry_after: float | None, kind: CallKind = TRANSFER, throttle: ThrottleKind = RATE) -> float | None:
    """Makes a call that is refused at once."""
    now = max(now, pacer.next_call_at(now, kind))
    pacer.started(now, kind)
    return pacer.refused(now, kind, throttle, retry_after, now)


def test_one_call_goes_first_and_alone() -> None:
    """At the beginning there is room for one call, and for more when it went well."""
    pacer = Pacer(0.0)
    assert pacer.room(0.0) == 1
    pacer.started(0.0, TRANSFER)
    assert pacer.room(0.0) == 0
    assert pacer.next_call_at(0.1, TRANSFER) > 0.1
    pacer.ended(0.2, TRANSFER, 0.2)
    assert pacer.room(0.2) >= 2


def test_without_limits_many_calls_are_in_flight_soon() -> None:
    """A provider that refuses nothing and takes a fifth of a second gets as many calls as are ever worth it within eight seconds."""
    pacer = Pacer(0.0)
    now = 0.0
    while now < 8:
        now = call(pacer, now, latency=0.0)
        pacer._rate.latency = 0.2
    assert pacer.window == MOST_IN_FLIGHT
    assert pacer.snapshot().limit is None
    assert pacer.snapshot().phase is Phase.START


def test_room_is_what_the_rate_needs() -> None:
    """Room is at least what Little's law asks for and grows with the rate; what is busy takes of it, but never more than there is."""
    slow, fast = Pacer(0.0, learnt=b'{"limit": 2.0}'), Pacer(0.0, learnt=b'{"limit": 40.0}')
    for pacer in (slow, fast):
        call(pacer, 0.0, latency=0.2)
    assert 2 * 0.2 < slow.room(0.2) < fast.room(0.2) <= MOST_IN_FLIGHT
    assert fast.room(0.2) > 40 * 0.2
    assert slow.room(0.2, busy=1) == slow.room(0.2) - 1
    assert slow.room(0.2, busy=100) == 0


def at_once(pacer: Pacer, now: float, *, alone: bool = True) -> int:
    """How many calls go one after the other before one must wait for its turn."""
    calls = 0
    while pacer.next_call_at(now, TRANSFER, alone=alone) <= now:
        pacer.started(now, TRANSFER)
        now += 0.001
        pacer.ended(now, TRANSFER, 0.001)
        calls += 1
    return calls


def test_an_idle_lane_is_quick() -> None:
    """A single item's calls go one right after the other, at the beginning and after a pause; what follows keeps the pace."""
    pacer = Pacer(0.0)
    assert at_once(pacer, 0.0) == 5
    assert at_once(pacer, 1.0) <= 2
    assert at_once(pacer, 60.0) == 5


def test_a_backlog_does_not_begin_with_a_burst() -> None:
    """Where other calls wait, only two turns are made up for; where one is under way, none."""
    assert at_once(Pacer(0.0), 0.0, alone=False) == 3
    pacer = Pacer(0.0)
    now = call(pacer, 0.0, latency=0.001)
    pacer.started(now, TRANSFER)
    assert pacer.next_call_at(now, TRANSFER, alone=True) > now + 0.4


@pytest.mark.parametrize(("burst", "calls"), [(1.0, 1), (2.0, 2), (4.0, 3), (60.0, 5)])
def test_a_known_bucket_is_not_emptied_at_once(burst: float, calls: int) -> None:
    """Where a limit is known, an idle lane sends a part of what its bucket holds; a new process does not know what that is."""
    pacer = Pacer(0.0, learnt=msgspec.json.encode({"limit": 2.0, "burst": burst}))
    assert at_once(pacer, 0.0) == 1
    assert at_once(pacer, 100.0) == calls


def test_retry_after_is_obeyed() -> None:
    """Until it is over there is no room and no turn, for any kind of call; then one call goes first."""
    pacer = Pacer(0.0)
    until = refuse(pacer, 0.0, 15.0)
    assert until is not None
    assert 15.0 < until < 15.1
    assert pacer.throttled_until == until
    assert pacer.throttled_by is RATE
    assert pacer.room(14.9) == 0
    for kind in CallKind:
        assert pacer.next_call_at(0.1, kind) >= until
    assert pacer.room(until) == 1


@pytest.mark.parametrize(("said", "most"), [(1e9, 3601), (float("inf"), 3601), (float("nan"), 1.1), (-5.0, 1.1), (0.0, 0.1)])
def test_strange_retry_afters_are_survived(said: float, most: float) -> None:
    """More than an hour is an hour; what is no time is treated as if nothing had been told."""
    until = refuse(Pacer(0.0), 0.0, said)
    assert until is not None
    assert until <= most


def test_without_retry_after_it_waits_longer_each_time() -> None:
    """1, 2, 4 … 60 seconds at most, with jitter from the seed; a call that goes well begins anew."""
    waits: list[list[float]] = []
    for seed in range(200):
        pacer, now, waited = Pacer(0.0, seed=seed), 0.0, []
        for _ in range(8):
            now = max(now, pacer.next_call_at(now, TRANSFER))
            until = refuse(pacer, now, None)
            assert until is not None
            waited.append(until - now)
            now = until
        waits.append(waited)
        now = call(pacer, now)
        until = refuse(pacer, now, None)
        assert until is not None
        assert until - max(now, pacer._last) <= 1.1
    for index, most in enumerate([1, 2, 4, 8, 16, 32, 60, 60]):
        assert most * 0.9 < max(waited[index] for waited in waits) <= most + 0.1
        assert min(waited[index] for waited in waits) < most * (0.1 if index < 2 else 0.8)


def test_calls_under_way_are_no_further_evidence() -> None:
    """Ten calls refused together count as one refusal, but the longest Retry-After of them holds."""
    one, ten = Pacer(0.0), Pacer(0.0)
    for pacer in (one, ten):
        now = 0.0
        for _ in range(50):
            now = call(pacer, now, latency=0.01)
        for _ in range(10):
            pacer.started(now, TRANSFER)
        pacer.refused(now + 0.1, TRANSFER, RATE, 5.0, now)
    for index in range(9):
        ten.refused(now + 0.2, TRANSFER, RATE, 5.0 + index, now)
    assert ten.snapshot().limit == one.snapshot().limit
    assert ten.throttled_until == pytest.approx(now + 0.2 + 13 + 0.05)
    assert ten.in_flight == 0


def test_a_provider_that_refuses_again_is_left_alone_for_longer() -> None:
    """If the Retry-After was over and the call that went first is refused again and again, the waits double."""
    pacer, now, waits = Pacer(0.0), 0.0, []
    for _ in range(6):
        now = max(now, pacer.next_call_at(now, TRANSFER))
        until = refuse(pacer, now, 1.0)
        assert until is not None
        waits.append(round(until - now))
        now = until
    assert waits == [1, 2, 4, 8, 16, 32]


def test_commits_that_collide_do_not_touch_the_rate() -> None:
    """After too many write operations, commits go one at a time and apart; transfers go on at their rate."""
    pacer = Pacer(0.0)
    now = call(pacer, 0.0)
    before = pacer.snapshot()
    assert refuse(pacer, now, 1.0, COMMIT, CONTENTION) is None
    after = pacer.snapshot()
    assert after.rate >= before.rate
    assert after.limit is None
    assert pacer.next_call_at(now, COMMIT) >= now + 1
    assert pacer.next_call_at(now, TRANSFER) < now + 1
    now = max(now + 1.1, pacer.next_call_at(now + 1.1, COMMIT))
    pacer.started(now, COMMIT)
    assert pacer.next_call_at(now + 0.9, COMMIT) > now + 0.9  # one at a time
    pacer.ended(now + 1, COMMIT, 1.0)
    assert now + 1 < pacer.next_call_at(now + 1, COMMIT) < now + 1.5  # apart


def test_commits_that_must_wait_long_throttle_the_lane() -> None:
    """Nothing can be archived without a commit: if the wait is long, the demand goes away."""
    pacer = Pacer(0.0)
    until = refuse(pacer, 0.0, 300.0, COMMIT, CONTENTION)
    assert until is not None
    assert pacer.throttled_by is CONTENTION
    assert pacer.room(1.0) == 0
    assert pacer.next_call_at(1.0, TRANSFER) >= 300


def committing(seconds: float, learnt: bytes = b"") -> tuple[Pacer, float]:
    """A pacer, and the time, after a commit that took so long."""
    pacer = Pacer(0.0, learnt=learnt)
    now = call(pacer, call(pacer, 0.0), COMMIT, latency=seconds)
    return pacer, now


def test_where_commits_take_long_more_is_gathered_for_each() -> None:
    """As many as can move their bytes while one runs; where commits are as quick as other calls, no more than before."""
    quick, slow = committing(0.1)[0], committing(3.0)[0]
    assert slow.window >= slow.snapshot().rate * 3.0
    assert slow.window > 3 * quick.window


def lock(seconds: float, pacer: Pacer, now: float) -> float:
    """A cycle at a provider whose commits are one at a time: a call's bytes take so long to commit, and calls go on meanwhile."""
    pacer.started(now, COMMIT)
    began, end = now, now + 0.1 + seconds * pacer._carried
    for _ in range(30):
        now = call(pacer, now, latency=0.01)
        if now >= end:
            break
    pacer.ended(max(now, end), COMMIT, max(now, end) - began)
    return max(now, end)


def test_a_rate_that_nobody_needs_is_not_tried() -> None:
    """Where commits are one at a time and slow, calls are a few times as fast as commits can carry, also before the first has ended."""
    for seconds, carried in ((0.4, 2.5), (0.01, 100.0)):
        pacer, now = Pacer(0.0), 0.0
        now = call(pacer, now)
        for _ in range(60):
            now = lock(seconds, pacer, now)
        assert pacer.snapshot().rate <= 3 * carried + 1
        assert pacer.snapshot().rate > 1.2 * carried
    pacer.started(now, COMMIT)
    assert pacer._useful(now + 60) < pacer._useful(now + 0.001) / 10


def test_commits_beside_each_other_do_not_bound_the_rate() -> None:
    """They are not what is scarce, however long each takes."""
    pacer = Pacer(0.0)
    now = call(pacer, 0.0)
    for _ in range(2):
        pacer.started(now, COMMIT)
    for _ in range(200):
        now = call(pacer, now, latency=0.0)
    assert pacer.snapshot().rate > 100


@pytest.mark.parametrize(("burst", "early"), [(60, True), (1, False)])
def test_a_commit_that_takes_long_goes_a_turn_early(burst: int, early: bool) -> None:
    """Where the bucket has room for that; the call after it goes a turn later, so the rate is kept."""
    pacer, now = committing(3.0, b'{"limit": 12.0, "burst": %d}' % burst)
    now += 60
    for _ in range(4):
        now = call(pacer, now, latency=0.0)
    turn = pacer.next_call_at(now, TRANSFER)
    assert (pacer.next_call_at(now, COMMIT) < turn) is early
    pacer.started(pacer.next_call_at(now, COMMIT), COMMIT)
    assert pacer.next_call_at(now, TRANSFER) > turn + 0.07


def test_only_commits_that_take_long_wait_for_nobody() -> None:
    """Others let some calls pass, which would else need commits of their own."""
    assert committing(0.1, b'{"limit": 12.0}')[0].passes > 6
    assert committing(3.0, b'{"limit": 12.0}')[0].passes <= 0


def test_failures_make_it_feel_its_way() -> None:
    """After three failures in a row one call at a time is made, until one goes well."""
    pacer = Pacer(0.0)
    now = call(pacer, 0.0)
    for _ in range(3):
        now = max(now, pacer.next_call_at(now, TRANSFER))
        pacer.started(now, TRANSFER)
        pacer.failed(TRANSFER)
    assert pacer.window == 1
    call(pacer, now)
    assert pacer.window > 1


def test_what_was_learnt_comes_back() -> None:
    """A pacer that begins with what another one learnt begins near its rate; one that learnt nothing says nothing."""
    pacer = Pacer(0.0)
    assert pacer.learnt() == b""
    now = 0.0
    for _ in range(100):
        now = call(pacer, now, latency=0.01)
    refuse(pacer, now, 15.0)
    known = pacer.snapshot().limit
    assert known is not None
    again = Pacer(5.0, learnt=pacer.learnt())
    assert again.snapshot().limit == pytest.approx(known, rel=0.001)
    assert again.snapshot().phase is Phase.LIVE
    assert again.learnt() == pacer.learnt()


@given(
    st.one_of(
        st.binary(max_size=60), st.builds(msgspec.json.encode, st.dictionaries(st.sampled_from(["limit", "burst", "price"]), st.floats()))
    )
)
def test_junk_is_no_knowledge(junk: bytes) -> None:
    """Whatever stands in the database: no error, and a rate that makes sense."""
    pacer = Pacer(0.0, learnt=junk)
    assert 0 < pacer.snapshot().rate <= 10_000
    assert math.isfinite(pacer.next_call_at(0.0, TRANSFER))


def test_a_throttle_from_another_life_holds() -> None:
    """A Retry-After that an earlier process was given holds here too, but no longer than an hour."""
    pacer = Pacer(100.0)
    pacer.throttle_until(100.0, 130.0)
    assert pacer.next_call_at(100.0, TRANSFER) == 130.0
    pacer.throttle_until(100.0, 110.0)
    assert pacer.throttled_until == 130.0
    pacer.throttle_until(100.0, 1e9)
    assert pacer.throttled_until == 3700.0


class Chaos:
    """Does to a pacer whatever it is told, and knows what must hold all the time."""

    def __init__(self) -> None:
        self.pacer = Pacer(0.0)
        self.now = 0.0
        self.flying: list[tuple[float, CallKind]] = []
        self.asked = -math.inf

    def start(self, kind: CallKind) -> None:
        """A call, if its turn has come."""
        at = self.pacer.next_call_at(self.now, kind)
        assert at >= self.asked
        assert at - self.now <= 3700
        if at <= self.now:
            self.pacer.started(self.now, kind)
            self.flying.append((self.now, kind))

    def end(self) -> None:
        """The oldest call goes well."""
        began, kind = self.flying.pop(0)
        self.now += 0.01
        self.pacer.ended(self.now, kind, self.now - began)

    def refuse(self, throttle: ThrottleKind, retry_after: float | None) -> None:
        """The oldest call is refused."""
        began, kind = self.flying.pop(0)
        self.pacer.refused(self.now, kind, throttle, retry_after, began)
        if throttle is RATE:
            self.asked = max(self.asked, self.now + (retry_after or 0))

    def step(self, what: str, kind: CallKind, retry_after: float | None, seconds: float) -> None:
        """One event."""
        if what == "start":
            self.start(kind)
        elif what == "wait":
            self.now += seconds
        elif self.flying:
            match what:
                case "end":
                    self.end()
                case "fail":
                    self.pacer.failed(self.flying.pop()[1])
                case _:
                    self.refuse(ThrottleKind(what), retry_after)

    def check(self) -> None:
        """What must hold all the time."""
        assert self.pacer.in_flight == len(self.flying)
        assert 0 <= self.pacer.room(self.now) <= MOST_IN_FLIGHT
        assert self.pacer.room(self.now) == 0 or self.now >= self.pacer.throttled_until
        assert math.isfinite(self.pacer.next_call_at(self.now, TRANSFER))
        assert 0 < self.pacer.snapshot().rate <= 10_000


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["start", "start", "end", "end", "fail", "rate", "contention", "wait"]),
        st.sampled_from([TRANSFER, TRANSFER, COMMIT]),
        st.one_of(st.none(), st.floats(0, 400)),
        st.floats(0, 30),
    ),
    max_size=150,
)


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_whatever_happens_it_obeys_and_goes_on(events: list[tuple[str, CallKind, float | None, float]]) -> None:
    """No turn before a Retry-After is over, but always one within reach; room only where it may be used; nothing is lost from sight."""
    chaos = Chaos()
    for what, kind, retry_after, seconds in events:
        chaos.step(what, kind, retry_after, seconds)
        chaos.check()
    while chaos.flying:
        chaos.end()
    for _ in range(20):  # alive: within some turns a call can be made
        chaos.now = chaos.pacer.next_call_at(chaos.now, TRANSFER)
    assert chaos.pacer.next_call_at(chaos.now, TRANSFER) <= chaos.now
