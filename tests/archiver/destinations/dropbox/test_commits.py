"""Files made visible: who leads, who follows, and what collides."""

from __future__ import annotations

import asyncio
from typing import Any

from archiver.destinations.conformance import put, whole
from archiver.destinations.dropbox.commits import Commits
from archiver.destinations.dropbox.wire import Entry
from archiver.destinations.port import CallKind
from archiver.errors import ReconnectNeededError, ThrottledError, ThrottleKind, TransientError
from archiver.outcome import Archived, Deferred, Parked, Throttled

OK = b'{".tag":"success","id":"id:1","rev":"1","size":1,"content_hash":"h","path_display":"/x"}'


class Account:
    """Stands where the API stands: commits when it is told to, as it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.answers: list[Exception | list[bytes] | None] = []
        self.go = asyncio.Semaphore(0)
        self.entered = asyncio.Semaphore(0)
        self.before_turn: Exception | None = None

    async def call(self, request: Any, receive: Any) -> Any:
        """One call: the turn, the body, the answer."""
        if self.before_turn is not None:
            raise self.before_turn
        body = request.body()
        paths = [part.split(b'"')[0].decode() for part in body.split(b'"path":"')[1:]]
        self.batches.append(paths)
        self.entered.release()
        await self.go.acquire()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return receive(b'{"entries":[' + b",".join(answer or [OK] * len(paths)) + b"]}")


def entries(*names: str) -> list[Entry]:
    """Entries whose bytes are there."""
    made = []
    for name in names:
        entry = Entry(whole(1, b"x"), f"/{name}", 1, "", "h")
        entry.session_id = f"session-{name}"
        made.append(entry)
    return made


async def test_what_gathers_makes_the_next_commit() -> None:
    """While one commit runs, three callers gather; one call commits all of them."""
    account = Account()
    commits = Commits(account)  # type: ignore[arg-type]
    groups = [entries("a"), entries("b1", "b2"), entries("c"), entries("d")]
    async with asyncio.TaskGroup() as group:
        group.create_task(commits.commit(groups[0]))
        await account.entered.acquire()
        for some in groups[1:]:
            group.create_task(commits.commit(some))
        await asyncio.sleep(0)
        account.go.release()
        account.go.release()
    assert account.batches == [["/a"], ["/b1", "/b2", "/c", "/d"]]
    assert all(entry.done for some in groups for entry in some)


async def test_no_more_than_a_thousand_per_call() -> None:
    """A larger crowd is committed in several calls, in order."""
    account = Account()
    commits = Commits(account)  # type: ignore[arg-type]
    crowd = [entries(*(f"{group}-{number}" for number in range(300))) for group in range(8)]
    async with asyncio.TaskGroup() as group:
        for some in crowd:
            group.create_task(commits.commit(some))
        await account.entered.acquire()
        for _ in range(4):
            account.go.release()
    assert [len(batch) for batch in account.batches] == [300, 1000, 1000, 100]
    assert all(entry.done for some in crowd for entry in some)


async def test_a_cancelled_leader_strands_nobody() -> None:
    """Its followers' entries are committed by the next leader; its own are not."""
    account = Account()
    commits = Commits(account)  # type: ignore[arg-type]
    first, leader, follower = entries("first"), entries("leader"), entries("follower")
    async with asyncio.TaskGroup() as group:
        group.create_task(commits.commit(first))
        await account.entered.acquire()
        leading = group.create_task(commits.commit(leader))
        group.create_task(commits.commit(follower))
        await asyncio.sleep(0)
        account.go.release()
        await account.entered.acquire()  # the leader's call is under way, with both
        leading.cancel()
        account.go.release()
    assert account.batches == [["/first"], ["/leader", "/follower"], ["/follower"]]
    assert follower[0].done
    assert leader[0].open
    assert not commits._pending


async def test_the_next_commit_is_sent_before_anybody_is_told() -> None:
    """Whoever shared a commit hears of its end when the next one is on its way; only its leader does before."""
    account, told = Account(), list[str]()
    commits = Commits(account)  # type: ignore[arg-type]

    async def one(name: str) -> None:
        await commits.commit(entries(name))
        told.append(f"{name} done, commits {len(account.batches)}")

    async with asyncio.TaskGroup() as group:
        group.create_task(one("a"))
        await account.entered.acquire()
        for name in ("b", "c", "d"):
            group.create_task(one(name))
        await asyncio.sleep(0)
        account.go.release()  # a ends; b leads, with c and d
        await account.entered.acquire()
        group.create_task(one("e"))
        await asyncio.sleep(0)
        account.go.release()  # b ends; e leads
        await account.entered.acquire()
        account.go.release()
    assert told == ["a done, commits 1", "b done, commits 2", "c done, commits 3", "d done, commits 3", "e done, commits 3"]


async def test_whoever_is_to_lead_and_is_cancelled_strands_nobody() -> None:
    """It was woken in order to lead; then somebody else must."""
    account = Account()
    commits = Commits(account)  # type: ignore[arg-type]
    first, leader, follower = entries("first"), entries("leader"), entries("follower")
    async with asyncio.TaskGroup() as group:

        async def ends() -> None:
            await commits.commit(first)
            tasks[0].cancel()  # it was woken in this turn of the loop, and has not run yet

        group.create_task(ends())
        await account.entered.acquire()
        tasks = [group.create_task(commits.commit(some)) for some in (leader, follower)]
        await asyncio.sleep(0)
        account.go.release()
        account.go.release()
        await account.entered.acquire()
    assert account.batches == [["/first"], ["/follower"]]
    assert follower[0].done
    assert leader[0].open
    assert not commits._pending


async def test_a_cancelled_follower_is_forgotten() -> None:
    """What it had pending is not committed for nobody."""
    account = Account()
    commits = Commits(account)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as group:
        group.create_task(commits.commit(entries("leader")))
        await account.entered.acquire()
        group.create_task(commits.commit(entries("follower"))).cancel()
        account.go.release()
    assert account.batches == [["/leader"]]
    assert not commits._pending


async def test_an_error_is_everybodys() -> None:
    """A call that fails ends all that were in it, and none that came later."""
    account = Account()
    account.answers = [TransientError("lost"), None]
    account.go = asyncio.Semaphore(10)
    commits = Commits(account)  # type: ignore[arg-type]
    lost, later = entries("a", "b"), entries("c")
    await commits.commit(lost)
    await commits.commit(later)
    assert [str(entry.error) for entry in lost] == ["lost", "lost"]
    assert later[0].done


async def test_a_lane_that_is_throttled_commits_nothing() -> None:
    """If the turn is refused, everybody who waits hears it at once, and nothing was sent."""
    account = Account()
    account.before_turn = ThrottledError("wait", retry_after=9)
    commits = Commits(account)  # type: ignore[arg-type]
    both = [entries("a"), entries("b")]
    await asyncio.gather(*(commits.commit(some) for some in both))
    account.before_turn = ReconnectNeededError("gone")
    third = entries("c")
    await commits.commit(third)
    assert [type(some[0].error) for some in [*both, third]] == [ThrottledError, ThrottledError, ReconnectNeededError]
    assert account.batches == []


async def test_collisions_are_bounded() -> None:
    """A collision is tried at the next commits, and after three the lane hears of it."""
    account = Account()
    account.go = asyncio.Semaphore(10)
    account.answers = [ThrottledError("collision", retry_after=1, kind=ThrottleKind.CONTENTION)] * 3
    commits = Commits(account)  # type: ignore[arg-type]
    some = entries("a")
    await commits.commit(some)
    assert isinstance(some[0].error, ThrottledError)
    assert len(account.batches) == 3


async def test_only_the_colliding_entries_are_committed_again(box: Any) -> None:
    """Entries that fail with too_many_write_operations inside a success go again, without new bytes; the pacer hears of it."""
    box.fault("fail_entries", "*/finish_batch_v2", tag="too_many_write_operations", entries=(1, 2))
    outcomes = await put(box.open(), [whole(number, b"x") for number in range(5)])
    assert all(isinstance(outcome, Archived) for outcome in outcomes.values())
    assert box.calls("append_batch") == 1
    assert box.calls("finish_batch_v2") == 2
    commits = [(items, type(error)) for kind, items, error in box.pace.calls if kind is CallKind.COMMIT]
    assert commits == [(5, ThrottledError), (2, type(None))]


async def test_a_commit_that_goes_on_colliding(box: Any) -> None:
    """Then it is a value, of its own kind, and its bytes are still there for the next try."""
    box.sandbox.set_limits("acme", commit_seconds=0.2, commit_wait=0.0)
    other, destination = box.open(root="/Other"), box.open()
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(put(other, [whole(1, b"x")]))
        await box.pace.committing.wait()
        outcomes = await put(destination, [whole(2, b"y")])
    assert isinstance(slow.result()[1], Archived)
    assert outcomes[2] == Throttled(retry_after=1, kind=ThrottleKind.CONTENTION)
    box.sandbox.set_limits("acme", commit_seconds=0.0)
    assert isinstance((await put(destination, [whole(2, b"y")]))[2], Archived)
    assert box.calls("append_batch") == 2


async def test_a_lost_answer_is_harmless(box: Any) -> None:
    """The commit happened, its answer was lost: the next try succeeds, and there is one file with one revision."""
    destination = box.open()
    box.fault("lose_answer", "*/finish_batch_v2")
    uploads = [whole(number, b"x") for number in range(3)]
    assert all(isinstance(outcome, Deferred) for outcome in (await put(destination, uploads)).values())
    assert len(box.stored()) == 3
    assert all(isinstance(outcome, Archived) for outcome in (await put(destination, uploads)).values())
    assert [file.revisions for file in box.sandbox.ledger().files] == [1, 1, 1]


async def test_a_full_dropbox_parks_what_does_not_fit(box: Any) -> None:
    """Entries that fit are archived, the others park the lane."""
    box.account = box.sandbox.add_account("acme2", quota_bytes=1500)
    outcomes = await put(box.open(), [whole(number, b"x" * 1000) for number in range(2)])
    assert isinstance(outcomes[0], Archived)
    assert isinstance(outcomes[1], Parked)
    assert outcomes[1].state == "quota_full"
