"""What happens on the way to Google: answers are lost, names are taken, tokens end, parts arrive in part."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.errors import ConfigError, MisconfiguredError, ReconnectNeededError
from archiver.model import ConnectionState, Session
from archiver.outcome import Archived, Deferred, Parked, Rejected, Throttled
from archiver.sandbox.faults import Fault

MIB = 1024 * 1024
DATA = hashlib.sha256(b"x").digest() * (20 * MIB // 32)
BIG = "/archive/2024/big-1.wav"


async def test_the_receipt_has_the_storages_own_hash(place: Any) -> None:
    """Google tells an MD5 and a generation, of small objects as of big ones."""
    receipt = receipt_of((await put(place.open(), [whole(1, b"hello")]))[1], b"hello")
    assert receipt.remote_hash == "md5:5d41402abc4b2a76b9719d911017c592"
    assert receipt.remote_id == f"calls/calls/of acme/archive/2024/item-1.wav/{receipt.revision}"
    big = receipt_of((await put(place.open(), [streamed(1, DATA)]))[1], DATA)
    assert big.remote_hash == f"md5:{hashlib.md5(DATA, usedforsecurity=False).hexdigest()}"


async def test_what_is_noted_beside_an_object(place: Any) -> None:
    """An object has the item's type, the time of the call in rclone's form, and its SHA-256."""
    await put(place.open(), [whole(1, b"hello")])
    (found,) = place.storage.buckets["calls"].objects.values()
    assert found.said.content_type == "audio/x-wav"
    assert found.said.metadata == {"mtime": "2023-11-14T22:13:21.000Z", "sha256": hashlib.sha256(b"hello").hexdigest()}


@pytest.mark.parametrize("route", ["objects.insert", "uploads.put"])
async def test_a_lost_answer_is_recovered(place: Any, route: str) -> None:
    """An object whose answer was lost is found again, and is there once."""
    upload = whole(1, b"hello") if route == "objects.insert" else streamed(1, DATA)
    nth = 1 if route == "objects.insert" else 3  # the last of three parts
    place.storage.add_fault(Fault(action="lose_answer", route=route, nth=nth, times=2))
    outcomes = await put(place.open(), [upload])
    place.storage.clear_faults()
    if isinstance(outcomes[1], Deferred):
        session = outcomes[1].session
        outcomes = await put(place.open(), [upload if session is None else streamed(1, DATA, session=session)])
    assert isinstance(outcomes[1], Archived)
    assert list(place.storage.buckets["calls"].puts.values()) == [1]


async def test_a_token_that_ended_is_renewed(place: Any) -> None:
    """The call that finds it out is made once more, and no item waits."""
    destination = place.open()
    await put(destination, [whole(1, b"hello")])
    place.storage.expire_tokens()
    receipt_of((await put(destination, [whole(2, b"hello")]))[2], b"hello")


async def test_a_token_serves_every_lane_of_the_account(place: Any) -> None:
    """A lane that wakes asks for none if the process has one."""
    await put(place.open(), [whole(1, b"hello")])
    place.storage.add_fault(Fault(action="reply", route="token", times=0, status=500))
    receipt_of((await put(place.open(), [whole(2, b"hello")]))[2], b"hello")


async def test_a_key_that_was_removed(place: Any) -> None:
    """The lane is parked until there is another one."""
    place.storage.remove_account(place.key.email)
    with pytest.raises(ReconnectNeededError):
        await place.open().ping()
    outcome = (await put(place.open(), [whole(1, b"hello")]))[1]
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.RECONNECT_NEEDED


async def test_a_bucket_that_is_not_there(place: Any) -> None:
    """It is told by a ping, and parks the lane; small or big."""
    with pytest.raises(MisconfiguredError):
        await place.open(bucket="none").ping()
    for upload in (whole(1, b"x"), streamed(1, DATA)):
        outcome = (await put(place.open(bucket="none"), [upload]))[1]
        assert isinstance(outcome, Parked)
        assert outcome.state is ConnectionState.MISCONFIGURED


async def test_what_arrived_of_a_part_is_not_sent_again(place: Any) -> None:
    """Google keeps whole 256 KiB of a part that was cut off; the next try goes on behind them."""
    place.storage.add_fault(Fault(action="lose_answer", route="uploads.put", nth=2, times=2))
    saved: list[Session] = []
    outcome = (await put(place.open(), [streamed(1, DATA, save_session=saved.append)]))[1]
    assert isinstance(outcome, Deferred)
    assert saved[-1].offset == 8 * MIB
    place.storage.clear_faults()
    place.storage.calls.clear()
    receipt_of((await put(place.open(), [streamed(1, DATA, session=saved[-1])]))[1], DATA)
    assert place.storage.calls.count("uploads.put") == 2, "the question how far it is, and the last part"


async def test_other_bytes_never_become_visible(place: Any) -> None:
    """A big object whose bytes are not those that were read is refused at its end, and the next try begins anew."""
    place.storage.add_fault(Fault(action="corrupt", route="uploads.put", nth=3))
    outcome = (await put(place.open(), [streamed(1, DATA)]))[1]
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "IntegrityError"
    assert place.stored() == {}
    receipt_of((await put(place.open(), [streamed(1, DATA)]))[1], DATA)


async def test_a_big_conflict_is_seen_before_anything_is_sent(place: Any) -> None:
    """Other bytes at a big item's name stay, and not a part is sent."""
    await put(place.open(), [whole(2, b"somebody's own", BIG)])
    place.storage.calls.clear()
    assert isinstance((await put(place.open(), [streamed(1, DATA)]))[1], Rejected)
    assert set(place.storage.calls) == {"objects.get"}


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (403, "userRateLimitExceeded", Throttled),
        (503, "backendError", Deferred),
        (403, "forbidden", Parked),
        (403, "quotaExceeded", Parked),
        (403, "accountDisabled", Parked),
        (400, "uploadTooLarge", Rejected),
    ],
)
async def test_refusals(place: Any, status: int, reason: str, expected: type[object]) -> None:
    """Each reason has its outcome."""
    place.refuse(status, reason, route="objects.insert")
    assert isinstance((await put(place.open(), [whole(1, b"x")]))[1], expected)


async def test_retention(place: Any) -> None:
    """An object is kept for so long, small or big, and cannot be taken back; a bucket without retention parks the lane."""
    place.storage.add_bucket("kept", retention=True)
    destination = place.open(bucket="kept", retention="locked", retain_days="30")
    outcomes = await put(destination, [whole(2, b"hello")]) | await put(destination, [streamed(1, DATA)])
    assert not await destination.remove(receipt_of(outcomes[2], b"hello"))
    assert not await destination.remove(receipt_of(outcomes[1], DATA))
    assert isinstance((await put(place.open(retention="locked", retain_days="30"), [whole(1, b"x")]))[1], Parked)


@pytest.mark.parametrize(
    "options",
    [
        {"bucket": "gs://calls"},
        {"prefix": "a//b"},
        {"service_account": "canary-gcs-key"},
        {"service_account": json.dumps({"client_email": "x", "private_key": "canary-gcs-key", "private_key_id": "y"})},
        {"endpoint": "http://example.com"},
        {"retention": "locked"},
        {"retention": "forever", "retain_days": "1"},
    ],
)
async def test_options_that_cannot_work(place: Any, options: dict[str, str]) -> None:
    """They are told before anything is sent, and a secret is not shown."""
    with pytest.raises(ConfigError) as caught:
        place.open(**options)
    assert "canary" not in str(caught.value) + caught.value.hint
