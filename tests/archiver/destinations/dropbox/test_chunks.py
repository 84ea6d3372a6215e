"""One big file: lost answers, saved sessions, and what is held in memory."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from archiver.destinations.conformance import put, receipt_of, streamed
from archiver.destinations.dropbox import chunks
from archiver.destinations.port import Upload
from archiver.model import Session
from archiver.outcome import Deferred, Throttled, Unavailable
from genstage.clock import SystemClock

MIB = 1024 * 1024
DATA = b"".join(hashlib.sha256(bytes([number])).digest() * (MIB // 32) for number in range(6)) + b"tail"


@pytest.fixture(autouse=True)
def small_chunks(cut_up: Callable[[int], None]) -> None:
    """Chunks of 2 MiB."""
    cut_up(2 * MIB)


async def test_the_calls_of_a_stream(box: Any) -> None:
    """A session, a chunk per call, the last one closes; saved after each."""
    saved: list[Session] = []
    outcome = (await put(box.open(), [streamed(1, DATA, save_session=saved.append)]))[1]
    receipt_of(outcome, DATA)
    assert box.record.calls == {
        "files/upload_session/start": 1,
        "files/upload_session/append_v2": 4,
        "files/upload_session/finish_batch_v2": 1,
    }
    assert [session.offset for session in saved] == [2 * MIB, 4 * MIB, 6 * MIB, len(DATA)]


@pytest.mark.parametrize("size", [0, 1, 2 * MIB])
async def test_a_stream_of_one_chunk_is_one_call(box: Any, size: int) -> None:
    """It is begun and closed with its bytes."""
    receipt_of((await put(box.open(), [streamed(1, DATA[:size])]))[1], DATA[:size])
    assert box.record.calls == {"files/upload_session/start": 1, "files/upload_session/finish_batch_v2": 1}


@pytest.mark.parametrize("nth", [1, 2, 4])
async def test_a_chunk_that_landed_is_not_stored_again(box: Any, nth: int) -> None:
    """The answer to a chunk is lost, the next try learns where Dropbox stands and goes on there: one chunk travels twice, at most."""
    destination = box.open()
    saved: list[Session] = []
    box.fault("lose_answer", "*/append_v2", nth=nth)
    first = (await put(destination, [streamed(1, DATA, save_session=saved.append)]))[1]
    assert isinstance(first, Deferred)
    second = (await put(destination, [streamed(1, DATA, session=first.session, save_session=saved.append)]))[1]
    receipt_of(second, DATA)
    assert box.record.received_bytes <= len(DATA) + 2 * MIB
    assert box.calls("start") == 1
    assert len(box.stored()) == 1


async def test_a_session_that_stands_behind(box: Any) -> None:
    """Dropbox has less than we believed: it is gone on with where it really stands."""
    destination = box.open()
    box.fault("lose_answer", "*/append_v2", nth=2)
    first = (await put(destination, [streamed(1, DATA)]))[1]
    wrong = Session(id=first.session.id, offset=6 * MIB, started_at=first.session.started_at)
    receipt_of((await put(destination, [streamed(1, DATA, session=wrong)]))[1], DATA)
    assert box.calls("start") == 1


async def test_a_session_that_stands_chunks_ahead(box: Any) -> None:
    """A process died before it saved several offsets: no byte that Dropbox has is sent again, but for the chunk by which that is learnt."""
    destination = box.open()
    box.fault("lose_answer", "*/append_v2", nth=3)
    first = (await put(destination, [streamed(1, DATA)]))[1]
    assert first.session.offset == 4 * MIB, "Dropbox has 6"
    saved = Session(id=first.session.id, offset=0, started_at=first.session.started_at)
    receipt_of((await put(destination, [streamed(1, DATA, session=saved)]))[1], DATA)
    assert box.calls("start") == 1
    assert box.record.received_bytes <= len(DATA) + 2 * MIB


@pytest.mark.parametrize("ahead", range(1, 7))
async def test_a_session_that_stands_ahead_of_what_was_read(box: Any, cut_up: Callable[[int], None], ahead: int) -> None:
    """Wherever Dropbox stands when a first chunk is refused, short of it, beyond it, or exactly where reading has come to: it goes on."""
    cut_up(MIB)
    destination = box.open()
    box.refuse(429, "", "*/append_v2", nth=ahead + 1, headers={"Retry-After": "1"})
    first = (await put(destination, [streamed(1, DATA)]))[1]
    assert first.session.offset == ahead * MIB
    saved = Session(id=first.session.id, offset=0, started_at=first.session.started_at)
    receipt_of((await put(destination, [streamed(1, DATA, session=saved)]))[1], DATA)
    assert box.calls("start") == 1


async def test_a_session_that_stands_elsewhere_each_time(box: Any) -> None:
    """It is believed once; then the item waits, and goes on from there at the next try."""
    destination = box.open()
    box.fault("lose_answer", "*/append_v2", nth=2)
    first = (await put(destination, [streamed(1, DATA)]))[1]
    wrong = '{"error_summary":"","error":{".tag":"incorrect_offset","correct_offset":%d}}'
    for offset in (0, 2 * MIB):
        box.refuse(409, wrong % offset, "*/append_v2", json=True)
    lost = Session(id=first.session.id, offset=6 * MIB, started_at=first.session.started_at)
    second = (await put(destination, [streamed(1, DATA, session=lost)]))[1]
    assert isinstance(second, Deferred)
    assert second.session is not None


async def test_a_refused_chunk_keeps_its_session(box: Any) -> None:
    """A 429 in the middle costs nothing that was sent before."""
    destination = box.open()
    box.refuse(429, "", "*/append_v2", nth=3, headers={"Retry-After": "15"})
    first = (await put(destination, [streamed(1, DATA)]))[1]
    assert isinstance(first, Throttled)
    assert (first.retry_after, first.session.offset) == (15, 4 * MIB)
    receipt_of((await put(destination, [streamed(1, DATA, session=first.session)]))[1], DATA)
    assert box.record.received_bytes == len(DATA)


async def test_a_refused_commit_keeps_its_session(box: Any) -> None:
    """Everything is there: the next try only commits."""
    destination = box.open()
    box.refuse(429, "", "*/finish_batch_v2")
    first = (await put(destination, [streamed(1, DATA)]))[1]
    assert first.session.offset == len(DATA)
    receipt_of((await put(destination, [streamed(1, DATA, session=first.session)]))[1], DATA)
    assert box.record.received_bytes == len(DATA)
    assert box.calls("append_v2") == 4


async def test_a_dropbox_that_went_away_keeps_its_session(box: Any) -> None:
    """No connection in the middle of a file: the session waits."""
    destination = box.open()

    async def stream(offset: int) -> AsyncIterator[bytes]:
        for start in range(offset, len(DATA), MIB):
            if start == 4 * MIB:
                await box.sandbox.close()
            yield DATA[start : start + MIB]

    upload = Upload(delivery=streamed(1, DATA).delivery, stream=stream)
    outcome = (await put(destination, [upload]))[1]
    assert isinstance(outcome, (Unavailable, Deferred))
    assert outcome.session.offset == 2 * MIB


async def test_a_commit_whose_answer_a_dead_process_never_read(box: Any) -> None:
    """All bytes were sent and the file is visible: the next process finds it at its path, and sends nothing again."""
    saved: list[Session] = []
    receipt_of((await put(box.open(), [streamed(1, DATA, save_session=saved.append)]))[1], DATA)
    sent = box.record.received_bytes
    receipt = receipt_of((await put(box.open(), [streamed(1, DATA, session=saved[-1])]))[1], DATA)
    assert receipt.recovered
    assert receipt.revision
    assert box.record.received_bytes == sent
    assert len(box.stored()) == 1


async def test_a_session_that_is_gone_and_never_was_committed(box: Any) -> None:
    """Nothing stands at the path, or something else: it begins anew, and what stands there stays."""
    gone = Session(id="pid_upload_session:gone", offset=len(DATA), started_at=int(SystemClock().wall() * 1000))
    outcome = (await put(box.open(), [streamed(1, DATA, session=gone)]))[1]
    assert isinstance(outcome, Deferred)
    assert outcome.session is None
    receipt_of((await put(box.open(), [streamed(1, DATA)]))[1], DATA)
    other = DATA[:-1] + b"x"
    outcome = (await put(box.open(), [streamed(1, other, session=gone)]))[1]
    assert isinstance(outcome, Deferred)
    assert list(box.stored().values()) == [DATA]


async def test_a_look_for_an_earlier_commit_that_is_refused(box: Any) -> None:
    """Whether the file is there is not known then: the lane waits, and the item is not charged."""
    gone = Session(id="pid_upload_session:gone", offset=len(DATA), started_at=int(SystemClock().wall() * 1000))
    box.refuse(429, "", "*/get_metadata", headers={"Retry-After": "5"})
    assert (await put(box.open(), [streamed(1, DATA, session=gone)]))[1] == Throttled(retry_after=5)


async def test_a_session_of_last_week(box: Any) -> None:
    """It is not even tried."""
    session = Session(id="pid_upload_session:old", offset=2 * MIB, started_at=1)
    receipt_of((await put(box.open(), [streamed(1, DATA, session=session)]))[1], DATA)
    assert box.calls("append_v2") == 4


async def test_an_expired_token_in_the_middle(box: Any) -> None:
    """The same session goes on with the new token."""
    destination = box.open_linked()
    box.fault("expire_token", "*/append_v2", nth=3)
    receipt_of((await put(destination, [streamed(1, DATA)]))[1], DATA)
    assert box.calls("start") == 1
    assert box.record.received_bytes == len(DATA)


async def test_damaged_bytes_never_become_a_file(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not have the hash that came with it is refused before the commit, and the next try begins anew."""
    destination = box.open()
    with monkeypatch.context() as patch:
        patch.setattr(chunks, "body_hash", lambda _: "0" * 64)  # as if the bytes had changed on the way
        first = (await put(destination, [streamed(1, DATA)]))[1]
    assert isinstance(first, Deferred)
    assert first.reason == "IntegrityError"
    assert first.session is None
    assert box.stored() == {}
    receipt_of((await put(destination, [streamed(1, DATA)]))[1], DATA)


async def test_a_source_that_changed(box: Any) -> None:
    """Fewer bytes than were sent before, or another hash than declared: nothing is committed."""
    destination = box.open()
    box.refuse(429, "", "*/append_v2", nth=3)
    first = (await put(destination, [streamed(1, DATA)]))[1]
    second = (await put(destination, [streamed(1, DATA[:MIB], session=first.session)]))[1]
    assert second.reason == "SourceChangedError"
    assert box.stored() == {}


async def test_a_source_that_changed_between_two_tries_is_sent_anew(box: Any) -> None:
    """Same size, other bytes, no declared hash: what Dropbox has of the first bytes is not mixed with the new ones."""
    destination = box.open()
    box.refuse(429, "", "*/append_v2", nth=3, headers={"Retry-After": "1"})
    first = (await put(destination, [streamed(1, DATA)]))[1]
    assert isinstance(first, Throttled)
    assert first.session is not None
    assert first.session.offset == 4 * MIB
    other = b"other" + DATA[5:]
    receipt_of((await put(destination, [streamed(1, other, session=first.session)]))[1], other)
    assert box.calls("start") == 2


async def test_a_source_that_changed_when_all_was_sent_is_sent_anew(box: Any) -> None:
    """Nothing was missing but the commit; the last byte is another one."""
    destination = box.open()
    box.refuse(429, "", "*/finish_batch_v2", headers={"Retry-After": "1"})
    first = (await put(destination, [streamed(1, DATA)]))[1]
    other = DATA[:-1] + b"!"
    receipt_of((await put(destination, [streamed(1, other, session=first.session)]))[1], other)
    assert box.calls("start") == 2


async def test_memory_does_not_grow_with_the_file(box: Any, cut_up: Callable[[int], None]) -> None:
    """Forty mebibytes pass through less than ten, with chunks of two."""
    cut_up(2 * MIB)
    piece = bytes(MIB)

    async def stream(offset: int) -> AsyncIterator[bytes]:
        for _ in range(offset, 40 * MIB, MIB):
            yield bytes(piece)

    box.sandbox.world.faults.clear()
    upload = Upload(delivery=streamed(1, b"").delivery, stream=stream)
    destination = box.open()
    tracemalloc.start()
    try:
        outcome = (await put(destination, [upload]))[1]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcome.receipt.size == 40 * MIB
    assert peak < 12 * MIB  # the sandbox is in this process too
