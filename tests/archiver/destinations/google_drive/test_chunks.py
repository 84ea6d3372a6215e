"""Big files: chunks, kills between them, sessions that are lost, sources that change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from archiver.destinations.conformance import put, receipt_of, streamed
from archiver.destinations.port import Upload
from archiver.model import Session
from archiver.outcome import Archived, Deferred, Outcome, Throttled, Unavailable

MIB = 1024 * 1024
Cut = Callable[[int], None]


async def one(destination: Any, upload: Upload) -> Outcome:
    """The outcome of a single upload."""
    return (await put(destination, [upload]))[upload.delivery.id]


def session_of(outcome: Outcome) -> Session:
    """Where an upload stands that did not end."""
    assert isinstance(outcome, (Deferred, Throttled, Unavailable)), outcome
    assert outcome.session is not None
    return outcome.session


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 77])
async def test_every_length_arrives(box: Any, cut_up: Cut, size: int) -> None:
    """Also where the last chunk is a whole one, and where there is none."""
    cut_up(MIB)
    data = os.urandom(size)
    receipt_of(await one(box.open(), streamed(1, data)), data)
    assert box.stored() == {"/archive/2024/big-1.wav": data}
    assert box.calls("upload.chunk") == max(0, -(-size // MIB))


async def test_a_size_that_is_not_known(box: Any, cut_up: Cut) -> None:
    """It is told with the last chunk."""
    cut_up(MIB)
    data = os.urandom(2 * MIB + 5)
    upload = streamed(1, data)
    item = msgspec.structs.replace(upload.delivery.item, size=None)
    upload.delivery = msgspec.structs.replace(upload.delivery, item=item)
    receipt_of(await one(box.open(), upload), data)


@pytest.mark.parametrize(
    ("action", "nth"), [*((action, nth) for action in ("lose_answer", "reply") for nth in range(1, 5)), ("cut_response", 4)]
)
async def test_a_chunk_whose_answer_is_lost(box: Any, cut_up: Cut, action: str, nth: int) -> None:
    """Whichever it is, the last one too: the next try asks how far it is, goes on from there, and there is one file."""
    cut_up(MIB)
    data = os.urandom(3 * MIB + 77)
    box.fault(action, "upload.chunk", nth=nth, status=503)
    lost = await one(box.open(), streamed(1, data))
    sent = box.record.received_bytes
    receipt_of(await one(box.open(), streamed(1, data, session=session_of(lost))), data)
    assert box.stored() == {"/archive/2024/big-1.wav": data}
    assert box.record.received_bytes - sent <= len(data) - (nth - 1) * MIB, "what was confirmed is not sent again"


async def test_a_chunk_that_broke_off(box: Any, cut_up: Cut) -> None:
    """Google keeps a part of it; only the rest is sent."""
    cut_up(2 * MIB)
    data = os.urandom(5 * MIB)
    box.fault("cut_request", "upload.chunk", after_bytes=MIB)
    broken = await one(box.open(), streamed(1, data))
    receipt_of(await one(box.open(), streamed(1, data, session=session_of(broken))), data)


async def test_a_throttle_between_chunks_keeps_what_was_sent(box: Any, cut_up: Cut) -> None:
    """The lane waits; afterwards the upload goes on where it was."""
    cut_up(MIB)
    data = os.urandom(3 * MIB)
    box.refuse(403, "userRateLimitExceeded", "upload.chunk", nth=2)
    refused = await one(box.open(), streamed(1, data))
    assert isinstance(refused, Throttled)
    assert session_of(refused).offset == MIB
    receipt_of(await one(box.open(), streamed(1, data, session=session_of(refused))), data)
    assert box.calls("upload.resumable") == 1


async def test_a_source_that_gives_other_bytes_begins_anew(box: Any, cut_up: Cut) -> None:
    """What was sent before and what comes now are never mixed: neither in a longer file nor in a shorter one."""
    cut_up(MIB)
    data = os.urandom(3 * MIB)
    broken = await one(box.open(), streamed(1, data, fail_at=2 * MIB + 1))
    for changed in (b"x" + data[1:], data[: MIB // 2]):
        receipt_of(await one(box.open(), streamed(1, changed, session=session_of(broken))), changed)
        assert box.stored() == {"/archive/2024/big-1.wav": changed}
        (file,) = box.drive.users["acme"].visible()
        box.drive.users["acme"].drive.remove(file)
        broken = await one(box.open(), streamed(1, data, fail_at=2 * MIB + 1))


async def test_a_session_that_is_too_old_or_unknown_costs_a_transfer(box: Any, cut_up: Cut) -> None:
    """Not the item; the id stays the same, so that there is one file even if the old upload had ended."""
    cut_up(MIB)
    data = os.urandom(2 * MIB)
    broken = session_of(await one(box.open(), streamed(1, data, fail_at=MIB + 1)))
    file_id = broken.id.partition(" ")[0]
    unknown = msgspec.structs.replace(broken, id=f"{file_id} unknown")
    for session in (unknown, msgspec.structs.replace(broken, started_at=1)):
        receipt = receipt_of(await one(box.open(), streamed(1, data, session=session)), data)
        assert receipt.remote_id == file_id
    assert len(box.stored()) == 1


async def test_a_stored_bit_that_is_wrong_is_taken_back(box: Any, cut_up: Cut) -> None:
    """Nothing wrong stays visible."""
    cut_up(MIB)
    data = os.urandom(MIB + 1)
    box.fault("corrupt", "upload.chunk", times=0)
    wrong = await one(box.open(), streamed(1, data))
    assert isinstance(wrong, Deferred)
    assert (wrong.reason, wrong.session) == ("IntegrityError", None)
    assert box.stored() == {}


async def test_another_hash_than_was_declared(box: Any) -> None:
    """The file is not made."""
    upload = streamed(1, b"sound")
    item = msgspec.structs.replace(upload.delivery.item, sha256=hashlib.sha256(b"other").hexdigest())
    upload.delivery = msgspec.structs.replace(upload.delivery, item=item)
    outcome = await one(box.open(), upload)
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "SourceChangedError"
    assert box.stored() == {}


async def test_the_same_stream_again(box: Any) -> None:
    """It is read, compared, and not sent."""
    data = os.urandom(MIB)
    await one(box.open(), streamed(1, data))
    sent = box.record.received_bytes
    assert receipt_of(await one(box.open(), streamed(1, data)), data).recovered
    assert box.record.received_bytes == sent
    assert not isinstance(await one(box.open(), streamed(1, data + b"x")), Archived)
