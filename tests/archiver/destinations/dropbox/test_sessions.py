"""Sessions in advance, and sessions that are kept."""

from __future__ import annotations

import asyncio
from typing import Any

from archiver.destinations.conformance import put, receipt_of, whole
from archiver.destinations.dropbox.sessions import SESSION_SECONDS, KeptSessions, OpenSession, SessionPool
from archiver.destinations.dropbox.wire import Entry
from archiver.outcome import Archived, Deferred, Throttled
from genstage.clock import SystemClock


class Hands:
    """A clock whose hands are moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        """What the hands show."""
        return self.now

    def wall(self) -> float:
        """The same."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Moves the hands."""
        self.now += seconds


async def test_an_idle_lane_asks_for_what_it_needs(box: Any) -> None:
    """One file, one session; long after, again."""
    clock = Hands()
    destination = box.open(clock=clock)
    for number in range(3):
        await put(destination, [whole(number, b"x")])
        clock.now += 3600
    assert box.calls("start_batch") == 3
    assert not destination._appends._sessions._open


async def test_a_busy_lane_asks_once_per_thousand(box: Any) -> None:
    """A lane that goes on asks for many more each time, up to the thousand."""
    destination = box.open(clock=Hands())
    for batch in range(40):
        await put(destination, [whole(number, b"x") for number in range(batch * 100, batch * 100 + 100)])
    # 100 + 800 + 1000 + 1000 + 1000 + 1000
    assert box.calls("start_batch") == 6
    assert len(box.stored()) == 4000


async def test_many_workers_wait_for_one_call(box: Any) -> None:
    """Workers that need sessions at once share one call."""
    destination = box.open()
    async with asyncio.TaskGroup() as group:
        for worker in range(8):
            group.create_task(put(destination, [whole(worker * 100 + number, b"x") for number in range(100)]))
    assert box.calls("start_batch") <= 2


async def test_more_than_a_call_gives(box: Any) -> None:
    """What all the waiting need may be more than a thousand."""
    pool = SessionPool(box.open()._api, SystemClock())
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(pool.take(300)) for _ in range(8)]
    taken = [session.id for task in tasks for session in task.result()]
    assert len(set(taken)) == 2400
    assert box.calls("start_batch") <= 4


async def test_a_refused_refill_harms_nobody_else(box: Any) -> None:
    """Who is refused hears it; the next one asks anew, and counts only itself."""
    pool = SessionPool(box.open()._api, SystemClock())
    box.refuse(429, "", "*/start_batch")
    results = await asyncio.gather(pool.take(10), pool.take(20), return_exceptions=True)
    assert isinstance(results[0], Exception)
    assert isinstance(results[1], list)
    assert len(results[1]) == 20
    assert pool._wanted == 0


async def test_old_sessions_are_forgotten(box: Any) -> None:
    """Before Dropbox forgets them."""
    clock = Hands()
    pool = SessionPool(box.open()._api, clock)
    pool.give_back(await pool.take(5))
    clock.now += SESSION_SECONDS - 1
    pool.give_back(await pool.take(1))
    assert box.calls("start_batch") == 1
    clock.now += SESSION_SECONDS
    await pool.take(1)
    assert box.calls("start_batch") == 2


async def test_refused_sessions_are_used_again(box: Any) -> None:
    """Sessions whose bytes were refused for the rate are still empty."""
    destination = box.open()
    box.refuse(429, "", "*/append_batch")
    assert isinstance((await put(destination, [whole(1, b"x")]))[1], Throttled)
    assert isinstance((await put(destination, [whole(1, b"x")]))[1], Archived)
    assert box.calls("start_batch") == 1


async def test_an_unknown_session_empties_the_pool(box: Any) -> None:
    """If Dropbox does not know one, the others are as old; the next try gets fresh ones."""
    destination = box.open()
    destination._appends._sessions.give_back([OpenSession("pid_upload_session:stale", destination._clock.time())] * 5)
    outcome = (await put(destination, [whole(1, b"x")]))[1]
    assert isinstance(outcome, Deferred)
    assert isinstance((await put(destination, [whole(1, b"x")]))[1], Archived)


async def test_a_refused_commit_costs_no_second_transfer(box: Any) -> None:
    """After a 429 at the commit the next try of the same file only commits."""
    destination = box.open()
    box.refuse(429, "", "*/finish_batch_v2", headers={"Retry-After": "15"})
    upload = whole(1, b"x" * 1000)
    assert await put(destination, [upload]) == {1: Throttled(retry_after=15)}
    receipt_of((await put(destination, [upload]))[1], b"x" * 1000)
    assert box.calls("append_batch") == 1
    assert box.record.received_bytes == 1000


async def test_other_bytes_do_not_get_a_kept_session(box: Any) -> None:
    """A file that changed meanwhile is sent again."""
    destination = box.open()
    box.refuse(429, "", "*/finish_batch_v2")
    await put(destination, [whole(1, b"old")])
    receipt_of((await put(destination, [whole(1, b"new")]))[1], b"new")
    assert list(box.stored().values()) == [b"new"]


def test_kept_sessions_are_bounded_and_end() -> None:
    """Only so many, only so long; the oldest goes first."""
    clock = Hands()
    kept = KeptSessions(clock)
    entries = [Entry(whole(number, b"x"), "/x", 1, "", f"hash-{number}") for number in range(2001)]
    for entry in entries:
        entry.session_id = "s"
        kept.keep(entry)
        entry.session_id = ""
    assert not kept.recall(entries[0])
    assert kept.recall(entries[1])
    assert not kept.recall(entries[1])
    clock.now += SESSION_SECONDS + 1
    assert not kept.recall(entries[2])
