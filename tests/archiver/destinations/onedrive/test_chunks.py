"""Big files: every order of losing answers and processes ends with the same bytes, once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from archiver.destinations.conformance import put, receipt_of, streamed
from archiver.destinations.port import Upload
from archiver.model import Session
from archiver.outcome import Archived, Deferred, Outcome, Throttled

GRAIN = 320 * 1024
DATA = bytes(range(256)) * 4 * 1300  # 4 fragments of a grain, and a bit


async def first(destination: Any, upload: Upload) -> Outcome:
    """The outcome of a single upload."""
    return (await put(destination, [upload]))[upload.delivery.id]


def unsized(data: bytes, **changes: Any) -> Upload:
    """A stream whose size the source does not tell, or tells wrongly."""
    upload = streamed(1, data)
    item = msgspec.structs.replace(upload.delivery.item, **({"size": None} | changes))
    return msgspec.structs.replace(upload, delivery=msgspec.structs.replace(upload.delivery, item=item))


async def test_fragments_are_what_the_reference_wants(box: Any, cut_up: Any) -> None:
    """Multiples of 320 KiB but for the last; each but that is saved."""
    cut_up(1)
    saved: list[Session] = []
    receipt_of(await first(box.open(), streamed(1, DATA, save_session=saved.append)), DATA)
    assert [session.offset for session in saved] == [GRAIN, 2 * GRAIN, 3 * GRAIN, 4 * GRAIN]
    assert box.calls("upload.fragment") == 5
    assert box.calls("upload.status") == 0


@pytest.mark.parametrize("lost", [1, 2, 4, 5])
async def test_a_fragment_whose_answer_was_lost(box: Any, cut_up: Any, lost: int) -> None:
    """The next try asks how far it came and goes on there, also if that is beyond what was saved; nothing is sent twice."""
    cut_up(1)
    box.fault("lose_answer", "upload.fragment", nth=lost)
    outcome = await first(box.open(), streamed(1, DATA))
    assert isinstance(outcome, Deferred)
    receipt = receipt_of(await first(box.open(), streamed(1, DATA, session=outcome.session)), DATA)
    assert box.calls("upload.fragment") == 5
    assert receipt.recovered is (lost == 5)
    assert list(box.stored().values()) == [DATA]


@pytest.mark.parametrize("missing", [0, 100])
async def test_a_fragment_of_which_only_a_part_was_kept(box: Any, cut_up: Any, missing: int) -> None:
    """The storage says where it stands, in a 202 or behind a 416, and gets the rest."""
    cut_up(2)
    outcome = await first(box.open(), streamed(1, DATA, fail_at=4 * GRAIN))
    assert isinstance(outcome, Deferred)
    assert outcome.session is not None
    status, _ = await box.client.fragment(outcome.session.id, DATA[2 * GRAIN : 3 * GRAIN], 2 * GRAIN, len(DATA))
    assert status == 202
    if missing:  # it says less than it has: the fragment that follows is refused, and it is asked again
        told = json.dumps({"nextExpectedRanges": [f"{2 * GRAIN}-"]})
        box.fault("reply", "upload.status", status=200, body=told, content_type="application/json")
    receipt_of(await first(box.open(), streamed(1, DATA, session=outcome.session)), DATA)
    assert list(box.stored().values()) == [DATA]


async def test_a_refusal_in_the_middle_keeps_the_place(box: Any, cut_up: Any) -> None:
    """Throttled with the session: the next try sends only the rest."""
    cut_up(1)
    box.fault("reply", "upload.fragment", nth=3, status=429, headers={"Retry-After": "9"})
    outcome = await first(box.open(), streamed(1, DATA))
    assert isinstance(outcome, Throttled)
    assert outcome.session is not None
    assert outcome.session.offset == 2 * GRAIN
    receipt_of(await first(box.open(), streamed(1, DATA, session=outcome.session)), DATA)
    assert box.calls("upload.fragment") == 6


async def test_an_upload_that_has_ended_begins_anew(box: Any, cut_up: Any) -> None:
    """A session that is over costs a transfer, not the item."""
    cut_up(1)
    saved: list[Session] = []
    await first(box.open(), streamed(1, DATA, save_session=saved.append, fail_at=4 * GRAIN))
    box.onedrive.clock.advance(8 * 86_400.0)
    destination = box.open(access_token=box.onedrive.login("acme").access_token)
    receipt_of(await first(destination, streamed(1, DATA, session=saved[-1])), DATA)
    assert box.calls("upload.begin") == 2


@pytest.mark.parametrize("route", ["upload.status", "upload.fragment"])
async def test_an_address_that_has_ended_says_nothing_of_the_account(box: Any, cut_up: Any, route: str) -> None:
    """A 401 for it begins the upload anew, and parks nobody."""
    cut_up(1)
    saved: list[Session] = []
    await first(box.open(), streamed(1, DATA, save_session=saved.append, fail_at=4 * GRAIN))
    box.refuse(401, "unauthenticated", route)
    receipt_of(await first(box.open(), streamed(1, DATA, session=saved[-1])), DATA)
    assert box.calls("upload.begin") == 2


async def test_a_source_that_gives_other_bytes_begins_anew(box: Any, cut_up: Any) -> None:
    """Old and new bytes are never mixed."""
    cut_up(1)
    saved: list[Session] = []
    await first(box.open(), streamed(1, DATA, save_session=saved.append, fail_at=4 * GRAIN))
    other = DATA[::-1]
    receipt_of(await first(box.open(), streamed(1, other, session=saved[-1])), other)
    assert list(box.stored().values()) == [other]


@pytest.mark.parametrize("data", [b"", b"x", DATA])
async def test_a_size_that_nobody_tells(box: Any, data: bytes) -> None:
    """The source is read twice: Graph wants to know the size first."""
    receipt_of(await first(box.open(), unsized(data)), data)
    assert list(box.stored().values()) == [data]


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, 3 * GRAIN])
async def test_a_size_that_was_told_wrongly(box: Any, cut_up: Any, size: int) -> None:
    """Nothing becomes visible."""
    cut_up(1)
    outcome = await first(box.open(), unsized(DATA, size=size))
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "SourceChangedError"
    assert box.stored() == {}


async def test_bytes_of_another_hash_than_declared(box: Any) -> None:
    """Nothing becomes visible."""
    outcome = await first(box.open(), unsized(DATA, size=len(DATA), sha256="0" * 64))
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "SourceChangedError"
    assert box.stored() == {}


@pytest.mark.parametrize("place", ["", "ftp://example.com/x", "http://example.com/x", "https://", "https://a b/", "https://[/"])
async def test_bytes_go_nowhere_without_tls(box: Any, place: str) -> None:
    """An address that cannot be one, in an answer or in a saved session, gets nothing."""
    body = json.dumps({"uploadUrl": place})
    box.fault("reply", "upload.begin", status=200, body=body, content_type="application/json")
    assert isinstance(await first(box.open(), streamed(1, DATA)), Deferred)
    saved = Session(id=place, offset=GRAIN, started_at=1)
    assert isinstance(await first(box.open(), streamed(1, DATA, session=saved)), Archived)


async def test_what_is_held_does_not_depend_on_the_size(box: Any, cut_up: Any) -> None:
    """A stream is asked for no more than a fragment ahead of what was sent."""
    cut_up(1)
    ahead: list[int] = []

    async def stream(offset: int) -> AsyncIterator[bytes]:
        for start in range(offset, len(DATA), 64 * 1024):
            ahead.append(start - box.record.received_bytes)
            yield DATA[start : start + 64 * 1024]

    receipt_of(await first(box.open(), msgspec.structs.replace(streamed(1, DATA), stream=stream)), DATA)
    assert max(ahead) <= 2 * GRAIN
