"""Many small files in one body, and what happens when it is too large."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from archiver.destinations.conformance import put, receipt_of, whole
from archiver.outcome import Archived, Deferred, Parked, Throttled
from archiver.sandbox import Sandbox


@pytest.fixture(params=[60 * 1024])
async def header_bytes(request: pytest.FixtureRequest) -> int:
    """How long a header the sandbox takes."""
    return int(request.param)


@pytest.fixture
async def box(header_bytes: int, box: Any) -> AsyncIterator[Any]:
    """An account in a sandbox that takes headers of this length."""
    async with Sandbox(header_bytes=header_bytes) as sandbox, aiohttp.ClientSession() as http:
        yield type(box)(sandbox, http)


def batch(number: int, size: int = 10, first: int = 0) -> list[Any]:
    """So many small files."""
    return [whole(index, bytes([index % 251]) * size) for index in range(first, first + number)]


async def test_a_full_batch_is_one_call(box: Any) -> None:
    """Three hundred files, the most that the Uploader gives, go in one body."""
    uploads = batch(300)
    outcomes = await put(box.open(), uploads)
    assert all(isinstance(outcome, Archived) for outcome in outcomes.values())
    assert box.record.calls == {
        "files/upload_session/start_batch": 1,
        "files/upload_session/append_batch": 1,
        "files/upload_session/finish_batch_v2": 1,
    }


@pytest.mark.parametrize("header_bytes", [8 * 1024], indirect=True)
async def test_a_header_that_is_too_long_is_halved_and_remembered(box: Any) -> None:
    """Everything arrives, and the next batch does not try the long header again."""
    destination = box.open()
    for upload, outcome in zip(batch(300), (await put(destination, batch(300))).values(), strict=True):
        receipt_of(outcome, upload.data or b"")
    assert destination._appends.arg_bytes <= 8 * 1024
    before = box.calls("append_batch")
    assert before < 300 / 38 + 5
    await put(destination, batch(38, first=1000))
    assert box.calls("append_batch") == before + 1


@pytest.mark.parametrize("header_bytes", [200], indirect=True)
async def test_no_header_is_short_enough(box: Any) -> None:
    """Then each file goes by itself, and all arrive."""
    destination = box.open()
    outcomes = await put(destination, batch(20))
    assert all(isinstance(outcome, Archived) for outcome in outcomes.values())
    assert box.calls("start") == 20
    assert destination._appends.arg_bytes == 0
    assert len(box.stored()) == 20


async def test_one_by_one_stops_at_a_refusal(box: Any) -> None:
    """What was sent before is committed, the rest is told to wait without being sent."""
    destination = box.open()
    destination._appends.arg_bytes = 0
    box.refuse(429, "", "*/start", nth=3, headers={"Retry-After": "7"})
    outcomes = await put(destination, batch(5))
    assert [type(outcomes[number]) for number in range(5)] == [Archived, Archived, Throttled, Throttled, Throttled]
    assert box.calls("start") == 3


@pytest.mark.parametrize("refusal", [(413, "", False), (409, '{"error": {".tag": "payload_too_large"}}', True)])
async def test_a_body_that_is_too_large_is_halved(box: Any, refusal: tuple[int, str, bool]) -> None:
    """The header stays, the body shrinks."""
    destination = box.open()
    status, body, json = refusal
    box.refuse(status, body, "*/append_batch", json=json)
    outcomes = await put(destination, batch(60, size=100_000))
    assert all(isinstance(outcome, Archived) for outcome in outcomes.values())
    assert destination._appends.body_bytes == 4 * 1024 * 1024
    assert box.calls("append_batch") == 3


async def test_a_single_file_that_is_too_large(box: Any) -> None:
    """There is nothing to halve: it is tried again later, and charged."""
    box.refuse(413, "", "*/append_batch", times=0)
    outcome = (await put(box.open(), [whole(1, b"x")]))[1]
    assert isinstance(outcome, Deferred)
    assert box.calls("append_batch") == 1


async def test_bodies_have_a_limit(box: Any) -> None:
    """Nine mebibytes make two bodies."""
    destination = box.open()
    outcomes = await put(destination, batch(90, size=104_858))
    assert all(isinstance(outcome, Archived) for outcome in outcomes.values())
    assert box.calls("append_batch") == 2


async def test_entries_fail_alone(box: Any) -> None:
    """An entry that fails inside a reply that succeeds does not take its neighbours with it."""
    box.fault("fail_entries", "*/append_batch", tag="not_found", entries=(1, 3))
    outcomes = await put(box.open(), batch(5))
    assert [type(outcomes[number]) for number in range(5)] == [Archived, Deferred, Archived, Deferred, Archived]


async def test_a_reset_concerns_its_call_only(box: Any) -> None:
    """Of two bodies, the second is sent although the first was lost."""
    box.fault("lose_answer", "*/append_batch")
    outcomes = await put(box.open(), batch(120, size=100_000))
    kinds: list[type] = [type(outcomes[number]) for number in range(120)]
    assert kinds == [Deferred] * 83 + [Archived] * 37


async def test_what_concerns_the_lane_ends_the_batch(box: Any) -> None:
    """If the first body is refused for the whole lane, the second is not sent."""
    box.refuse(403, '{"error": {".tag": "invalid_account_type"}}', "*/append_batch", json=True)
    outcomes = await put(box.open(), batch(120, size=100_000))
    assert all(isinstance(outcome, Parked) for outcome in outcomes.values())
    assert box.calls("append_batch") == 1
