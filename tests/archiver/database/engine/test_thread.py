"""The thread behind a connection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from archiver.database.engine.thread import WorkThread
from archiver.errors import ProcessError


@pytest.fixture
def thread() -> Iterator[WorkThread]:
    """A started thread."""
    made = WorkThread("test")
    made.start()
    yield made
    made.stop()


async def test_calls_run_in_order_on_one_thread(thread: WorkThread) -> None:
    """And never on the event loop's."""
    threads = [await thread.run(threading.get_ident) for _ in range(3)]
    order: list[int] = []
    await asyncio.gather(*(thread.run(lambda number=number: order.append(number)) for number in range(50)))  # type: ignore[misc]
    assert order == list(range(50))
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


async def test_an_error_reaches_its_caller_only(thread: WorkThread) -> None:
    """The next call is not concerned; an interrupt is passed on too."""
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0)
    with pytest.raises(SystemExit):
        await thread.run(lambda: exec("raise SystemExit"))  # noqa: S102  a statement in an expression
    assert await thread.run(lambda: 5) == 5


async def test_a_call_whose_caller_was_cancelled_before_it_began_is_left_out(thread: WorkThread) -> None:
    """One that had begun ends, and its result is dropped."""
    began, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> None:
        began.set()
        go_on.wait(10)
        done.append("first")

    one = asyncio.ensure_future(thread.run(first))
    two = asyncio.ensure_future(thread.run(lambda: done.append("second")))
    await asyncio.to_thread(began.wait, 10)
    one.cancel()
    two.cancel()
    await asyncio.wait([one, two])
    go_on.set()
    await thread.run(lambda: done.append("third"))
    assert done == ["first", "third"]


async def test_a_stopped_worker_says_so(thread: WorkThread) -> None:
    """Stopping twice is harmless, starting again possible."""
    thread.stop()
    thread.stop()
    with pytest.raises(ProcessError, match="not open"):
        await thread.run(lambda: None)
    thread.start()
    assert await thread.run(lambda: 1) == 1


def test_a_result_for_a_loop_that_is_closed_is_dropped(thread: WorkThread) -> None:
    """The thread lives on."""
    began, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        go_on.wait(10)

    async def leave() -> None:
        task = asyncio.ensure_future(thread.run(slow))
        await asyncio.to_thread(began.wait, 10)
        task.cancel()

    asyncio.run(leave())
    go_on.set()

    async def again() -> int:
        return await thread.run(lambda: 7)

    assert asyncio.run(again()) == 7
