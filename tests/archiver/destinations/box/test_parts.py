"""Big files: every order of losing answers and processes ends with the same bytes, once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from archiver.destinations.box.parts import SESSION_BYTES
from archiver.destinations.conformance import put, receipt_of, streamed
from archiver.destinations.port import Upload
from archiver.model import Session
from archiver.outcome import Archived, Deferred, Outcome, Throttled

MIB = 1024 * 1024
DATA = bytes(range(256)) * 4 * 1024 * 4 + b"and a bit"  # 4 MiB, so 4 parts and a bit


async def first(destination: Any, upload: Upload) -> Outcome:
    """The outcome of a single upload."""
    return (await put(destination, [upload]))[upload.delivery.id]


def unread(upload: Upload) -> Upload:
    """The same, whose source must not be read."""

    def stream(offset: int) -> AsyncIterator[bytes]:
        raise AssertionError(f"read again from {offset}")

    return msgspec.structs.replace(upload, stream=stream)


def unsized(data: bytes, **changes: Any) -> Upload:
    """A stream whose size the source does not tell, or tells wrongly."""
    upload = streamed(1, data)
    item = msgspec.structs.replace(upload.delivery.item, **({"size": None} | changes))
    return msgspec.structs.replace(upload, delivery=msgspec.structs.replace(upload.delivery, item=item))


async def test_a_session_from_twenty_megabytes_on(account: Any) -> None:
    """Below, Box has none; from there on its parts have the size that it wants."""
    destination = account.open()
    small, big = b"s" * (SESSION_BYTES - 1), b"b" * SESSION_BYTES
    receipt_of(await first(destination, streamed(1, small)), small)
    assert account.calls("session.begin") == 0
    receipt_of(await first(destination, streamed(2, big)), big)
    assert account.calls("session.part") == 3, "8 MiB each, and the rest"


async def test_each_part_is_saved(account: Any, cut_up: Any) -> None:
    """What is saved last needs nothing but the commit."""
    cut_up(MIB)
    saved: list[Session] = []
    receipt_of(await first(account.open(), streamed(1, DATA, save_session=saved.append)), DATA)
    assert [session.offset for session in saved] == [MIB, 2 * MIB, 3 * MIB, 4 * MIB, len(DATA)]
    assert (account.calls("session.part"), account.calls("session.get"), account.calls("session.parts")) == (5, 0, 0)


@pytest.mark.parametrize("lost", [1, 2, 4, 5])
async def test_a_part_whose_answer_was_lost(account: Any, cut_up: Any, lost: int) -> None:
    """The next try asks which parts are there, also beyond what was saved; nothing is sent twice."""
    cut_up(MIB)
    account.fault("lose_answer", "session.part", nth=lost)
    outcome = await first(account.open(), streamed(1, DATA))
    assert isinstance(outcome, Deferred)
    receipt = receipt_of(await first(account.open(), streamed(1, DATA, session=outcome.session)), DATA)
    assert account.calls("session.part") == 5
    assert not receipt.recovered
    assert list(account.stored().values()) == [DATA]


async def test_a_commit_whose_answer_was_lost(account: Any, cut_up: Any) -> None:
    """The session is gone and the name is taken: by this very file, which is recognised without reading the source again."""
    cut_up(MIB)
    account.fault("lose_answer", "session.commit")
    outcome = await first(account.open(), streamed(1, DATA))
    assert isinstance(outcome, Deferred)
    receipt = receipt_of(await first(account.open(), streamed(1, DATA, session=outcome.session)), DATA)
    assert receipt.recovered
    assert account.box.ledger().files[0].revisions == 1
    assert account.calls("session.part") == 5


async def test_box_takes_its_time(account: Any, cut_up: Any) -> None:
    """A commit that is answered with 202 is made again when Box said, is charged to nobody, and nothing is read or sent again."""
    cut_up(MIB)
    account.box.set_limits("acme", commit_lag=2)
    outcome = await first(account.open(), streamed(1, DATA))
    for _ in range(2):
        assert isinstance(outcome, Deferred)
        assert (outcome.reason, outcome.charged, outcome.retry_after) == ("UnfinishedError", False, 1.0)
        assert outcome.session is not None
        outcome = await first(account.open(), unread(streamed(1, DATA, session=outcome.session)))
    receipt_of(outcome, DATA)
    assert (account.calls("session.part"), account.calls("session.commit")) == (5, 3)


@pytest.mark.parametrize(("said", "wait"), [("", 1.0), ("x", 1.0), ("9999999", 300.0), ("5", 5.0)])
async def test_its_patience_has_a_limit(account: Any, cut_up: Any, said: str, wait: float) -> None:
    """Whatever the 202 says, it is asked again within minutes."""
    cut_up(MIB)
    account.fault("reply", "session.commit", status=202, headers={"Retry-After": said})
    outcome = await first(account.open(), streamed(1, DATA))
    assert isinstance(outcome, Deferred)
    assert outcome.retry_after == wait


async def test_a_refusal_in_the_middle_keeps_the_place(account: Any, cut_up: Any) -> None:
    """Throttled with the session: the next try sends only the rest."""
    cut_up(MIB)
    account.fault("reply", "session.part", nth=3, status=429, headers={"Retry-After": "9"})
    outcome = await first(account.open(), streamed(1, DATA))
    assert isinstance(outcome, Throttled)
    assert outcome.session is not None
    assert outcome.session.offset == 2 * MIB
    receipt_of(await first(account.open(), streamed(1, DATA, session=outcome.session)), DATA)
    assert account.calls("session.part") == 6


@pytest.mark.parametrize(
    ("route", "status", "code"),
    [
        ("session.parts", 404, "not_found"),
        ("session.parts", 400, "invalid_upload_session_id"),
        ("session.get", 403, "forbidden"),
        ("session.part", 410, "session_expired"),
        ("session.part", 409, "part_conflict"),
        ("session.part", 416, "range_overlaps_existing_range"),
        ("session.commit", 410, "upload_failed"),
        ("session.commit", 400, "parts_mismatch"),
        ("session.commit", 412, "bad_digest"),
    ],
)
async def test_a_session_that_has_ended_begins_anew(account: Any, cut_up: Any, route: str, status: int, code: str) -> None:
    """It costs a transfer, not the item, and parks nobody."""
    cut_up(MIB)
    outcome = await first(account.open(), streamed(1, DATA, fail_at=2 * MIB + 1))
    assert isinstance(outcome, Deferred)
    account.refuse(status, code, route)
    receipt_of(await first(account.open(), streamed(1, DATA, session=outcome.session)), DATA)
    assert account.calls("session.begin") == 2
    assert list(account.stored().values()) == [DATA]


async def test_a_session_of_another_user_begins_anew(account: Any, cut_up: Any) -> None:
    """The storage was connected again as somebody else meanwhile; and sessions end by themselves."""
    cut_up(MIB)
    outcome = await first(account.open(), streamed(1, DATA, fail_at=2 * MIB + 1))
    assert isinstance(outcome, Deferred)
    other = account.box.add_user("other")
    account.box.set_limits("other", session_bytes=1)
    receipt_of(await first(account.open(access_token=other.access_token), streamed(1, DATA, session=outcome.session)), DATA)
    account.box.clock.advance(8 * 86_400.0)
    form = {"client_id": account.login.client_id, "client_secret": account.login.client_secret, "grant_type": "refresh_token"}
    renewed = account.box.grants.trade({**form, "refresh_token": account.login.refresh_token}, account.box.clock.now())
    destination = account.open(access_token=renewed["access_token"])
    receipt_of(await first(destination, streamed(1, DATA, session=outcome.session)), DATA)


async def test_a_source_that_gives_other_bytes_begins_anew(account: Any, cut_up: Any) -> None:
    """Old and new bytes are never mixed."""
    cut_up(MIB)
    outcome = await first(account.open(), streamed(1, DATA, fail_at=3 * MIB))
    assert isinstance(outcome, Deferred)
    other = DATA[::-1]
    receipt_of(await first(account.open(), streamed(1, other, session=outcome.session)), other)
    assert list(account.stored().values()) == [other]


async def test_parts_that_are_missing_are_sent(account: Any, cut_up: Any) -> None:
    """A session that says to be whole, of which Box lists less: the source is read again, and the rest is sent."""
    cut_up(MIB)
    account.box.set_limits("acme", commit_lag=1)
    outcome = await first(account.open(), streamed(1, DATA))
    assert isinstance(outcome, Deferred)
    assert outcome.session is not None
    (session,) = account.box._sessions.values()
    del session.parts[MIB]
    receipt_of(await first(account.open(), streamed(1, DATA, session=outcome.session)), DATA)
    assert account.calls("session.part") == 6


@pytest.mark.parametrize("data", [b"", b"x", DATA])
@pytest.mark.parametrize("sessions", [True, False])
async def test_a_size_that_nobody_tells(account: Any, cut_up: Any, data: bytes, *, sessions: bool) -> None:
    """The source is read twice: Box wants to know the size, or the hash, first."""
    if sessions:
        cut_up(MIB)
    receipt_of(await first(account.open(), unsized(data)), data)
    assert list(account.stored().values()) == [data]


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, 3 * MIB])
@pytest.mark.parametrize("sessions", [True, False])
async def test_a_size_that_was_told_wrongly(account: Any, cut_up: Any, size: int, *, sessions: bool) -> None:
    """Nothing becomes visible."""
    if sessions:
        cut_up(MIB)
    outcome = await first(account.open(), unsized(DATA, size=size))
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "SourceChangedError"
    assert account.stored() == {}


@pytest.mark.parametrize("sessions", [True, False])
async def test_bytes_of_another_hash_than_declared(account: Any, cut_up: Any, *, sessions: bool) -> None:
    """Nothing becomes visible."""
    if sessions:
        cut_up(MIB)
    outcome = await first(account.open(), unsized(DATA, size=len(DATA), sha256="0" * 64))
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "SourceChangedError"
    assert account.stored() == {}


@pytest.mark.parametrize("part_size", [0, -1, 10**12])
async def test_parts_of_a_size_that_cannot_be(account: Any, cut_up: Any, part_size: int) -> None:
    """They would be sent for ever, or held whole."""
    cut_up(MIB)
    body = json.dumps({"id": "F00", "part_size": part_size})
    account.fault("reply", "session.begin", status=201, body=body, content_type="application/json")
    assert isinstance(await first(account.open(), streamed(1, DATA)), Deferred)
    assert account.calls("session.part") == 0


@pytest.mark.parametrize("session_id", ["", "../files/1", "a?b", "ü", "x" * 201])
async def test_an_id_that_cannot_be_one(account: Any, cut_up: Any, session_id: str) -> None:
    """In an answer, or saved: no call is made to where it would lead."""
    cut_up(MIB)
    body = json.dumps({"id": session_id, "part_size": MIB})
    account.fault("reply", "session.begin", status=201, body=body, content_type="application/json")
    assert isinstance(await first(account.open(), streamed(1, DATA)), Deferred)
    saved = Session(id=session_id, offset=MIB, started_at=1)
    assert isinstance(await first(account.open(), streamed(1, DATA, session=saved)), Archived)
    assert account.calls("session.get") == 0


async def test_what_is_held_does_not_depend_on_the_size(account: Any, cut_up: Any) -> None:
    """A stream is asked for no more than a part ahead of what was sent."""
    cut_up(MIB)
    ahead: list[int] = []

    async def stream(offset: int) -> AsyncIterator[bytes]:
        for start in range(offset, len(DATA), 64 * 1024):
            ahead.append(start - account.record.received_bytes)
            yield DATA[start : start + 64 * 1024]

    receipt_of(await first(account.open(), msgspec.structs.replace(streamed(1, DATA), stream=stream)), DATA)
    assert max(ahead) <= MIB


async def test_many_parts_are_listed_page_by_page(account: Any, cut_up: Any) -> None:
    """More than a thousand of them."""
    cut_up(1000)
    data = DATA[: 1_100 * 1000]
    account.box.set_limits("acme", commit_lag=1)
    outcome = await first(account.open(), streamed(1, data))
    assert isinstance(outcome, Deferred)
    receipt_of(await first(account.open(), unread(streamed(1, data, session=outcome.session))), data)
    assert account.calls("session.parts") == 2


async def test_wrong_bytes_of_a_commit_are_taken_back(account: Any, cut_up: Any) -> None:
    """As with small files."""
    cut_up(MIB)
    account.fault("corrupt", "session.commit")
    outcome = await first(account.open(), streamed(1, DATA))
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "IntegrityError"
    assert account.stored() == {}
