"""What happens on the way to a real S3: answers are lost, keys are taken, permissions lack, parts are left."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from aiohttp import web

from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.destinations.s3.store import _hash_of
from archiver.errors import MisconfiguredError, ReconnectNeededError
from archiver.model import ConnectionState, Session
from archiver.outcome import Archived, Deferred, Parked, Rejected, Throttled, Unavailable
from support.seaweed import READER, Seaweed, free_ports

MIB = 1024 * 1024
DATA = hashlib.sha256(b"x").digest() * (20 * MIB // 32)


async def test_a_lost_answer_is_recovered(bucket: Any) -> None:
    """An object whose answer was lost is found again, and is there once."""
    destination = bucket.open()
    receipt_of((await put(destination, [whole(1, b"first")]))[1], b"first")
    bucket.between.lose = 2  # the second time aiohttp itself tries, since the connection had been used before
    assert isinstance((await put(destination, [whole(2, b"second")]))[2], Deferred)
    outcome = (await put(destination, [whole(2, b"second")]))[2]
    assert receipt_of(outcome, b"second").recovered
    assert len(bucket.stored()) == 2


async def test_the_receipt_has_the_storages_own_hash(bucket: Any) -> None:
    """A small object's is its SHA-256, a big one's the SHA-256 of its parts' hashes."""
    small = receipt_of((await put(bucket.open(), [whole(1, b"hello")]))[1], b"hello")
    assert small.remote_hash == f"sha256:{hashlib.sha256(b'hello').hexdigest()}"
    assert small.revision
    assert small.path == f"/{bucket.prefix}/archive/2024/item-1.wav"
    big = receipt_of((await put(bucket.open(), [streamed(2, DATA)]))[2], DATA)
    digests = [hashlib.sha256(DATA[start : start + 8 * MIB]).digest() for start in range(0, len(DATA), 8 * MIB)]
    assert big.remote_hash == f"sha256-parts:{hashlib.sha256(b''.join(digests)).hexdigest()}-3"


async def test_what_is_noted_beside_an_object(bucket: Any) -> None:
    """An object has the item's type, the time of the call in rclone's form, and its SHA-256."""
    await put(bucket.open(), [whole(1, b"hello")])
    found = bucket.server.client.head_object(Bucket="calls", Key=f"{bucket.prefix}/archive/2024/item-1.wav")
    assert found["ContentType"] == "audio/x-wav"
    assert found["Metadata"] == {"mtime": "1700000001.000", "sha256": hashlib.sha256(b"hello").hexdigest()}


async def test_a_lost_answer_of_a_big_object_is_recovered_by_reading_only(bucket: Any) -> None:
    """If the object was completed and nobody heard of it, the next try sends nothing."""
    saved: list[Session] = []
    destination = bucket.open()

    def lose_completion(request: web.Request) -> None:
        if request.method == "POST" and "uploadId" in request.query:
            bucket.between.lose = 1

    bucket.between.refuse = lose_completion
    assert isinstance((await put(destination, [streamed(1, DATA, save_session=saved.append)]))[1], Deferred)
    bucket.between.refuse = None
    bucket.between.seen.clear()
    outcome = (await put(destination, [streamed(1, DATA, session=saved[-1])]))[1]
    assert receipt_of(outcome, DATA).recovered
    assert {method for method, _ in bucket.between.seen} <= {"HEAD", "GET"}


async def test_a_big_conflict_is_seen_before_anything_is_sent(bucket: Any) -> None:
    """Other bytes at a big item's key stay, and not a part is sent."""
    bucket.server.client.put_object(Bucket="calls", Key=f"{bucket.prefix}/archive/2024/big-1.wav", Body=b"somebody's own")
    outcome = (await put(bucket.open(), [streamed(1, DATA)]))[1]
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "ConflictError"
    assert bucket.stored() == {"/archive/2024/big-1.wav": b"somebody's own"}
    assert not [path for method, path in bucket.between.seen if method != "HEAD"]


async def test_a_big_object_is_never_completed_over_another(bucket: Any) -> None:
    """Whoever takes the key while the parts are on their way keeps it, and the parts are removed."""

    def take(request: web.Request) -> None:
        if request.method == "POST" and "uploadId" in request.query:
            bucket.server.client.put_object(Bucket="calls", Key=f"{bucket.prefix}/archive/2024/big-1.wav", Body=b"quicker")

    bucket.between.refuse = take
    outcome = (await put(bucket.open(), [streamed(1, DATA)]))[1]
    assert isinstance(outcome, Rejected)
    assert bucket.stored() == {"/archive/2024/big-1.wav": b"quicker"}
    assert bucket.uploads() == []


async def test_a_source_that_changes_begins_anew(bucket: Any) -> None:
    """Parts of what a source gave before are not mixed with what it gives now, and do not stay."""
    saved: list[Session] = []
    await put(bucket.open(), [streamed(1, DATA, save_session=saved.append, fail_at=19 * MIB)])
    other = bytes(len(DATA))
    outcome = (await put(bucket.open(), [streamed(1, other, session=saved[-1])]))[1]
    assert isinstance(outcome, Deferred)
    assert outcome.session is None
    assert bucket.uploads() == []
    receipt_of((await put(bucket.open(), [streamed(1, other)]))[1], other)
    assert bucket.stored() == {"/archive/2024/big-1.wav": other}


async def test_what_was_sent_is_not_sent_again(bucket: Any) -> None:
    """A later try sends only the parts that are missing."""
    saved: list[Session] = []
    await put(bucket.open(), [streamed(1, DATA, save_session=saved.append, fail_at=19 * MIB)])
    assert saved[-1].offset == 16 * MIB
    bucket.between.seen.clear()
    receipt_of((await put(bucket.open(), [streamed(1, DATA, session=saved[-1])]))[1], DATA)
    assert [path.partition("?")[2].partition("&")[0] for method, path in bucket.between.seen if method == "PUT"] == ["partNumber=3"]


async def test_a_part_that_was_sent_twice_counts_once(bucket: Any) -> None:
    """A process that dies between a part and the saving of its offset sends it again; the upload goes on all the same."""
    data = DATA + bytes(8 * MIB)
    saved: list[Session] = []
    await put(bucket.open(), [streamed(1, data, save_session=saved.append, fail_at=27 * MIB)])
    later: list[Session] = []
    await put(bucket.open(), [streamed(1, data, session=saved[0], save_session=later.append, fail_at=27 * MIB)])
    assert (saved[0].offset, later[-1].offset) == (8 * MIB, 24 * MIB)
    bucket.between.seen.clear()
    receipt_of((await put(bucket.open(), [streamed(1, data, session=later[-1])]))[1], data)
    assert len([path for method, path in bucket.between.seen if method == "PUT"]) == 1


async def test_an_error_that_comes_with_a_good_status(bucket: Any) -> None:
    """S3 may say 200 and tell of a failure in the body: that is none of a success."""

    def fail(request: web.Request) -> web.Response | None:
        if request.method == "POST" and "uploadId" in request.query:
            return web.Response(text="<?xml version='1.0'?>\n\n<Error><Code>InternalError</Code></Error>", content_type="application/xml")
        return None

    bucket.between.refuse = fail
    outcome = (await put(bucket.open(), [streamed(1, DATA)]))[1]
    assert isinstance(outcome, Deferred)
    assert outcome.session is not None
    bucket.between.refuse = None
    receipt_of((await put(bucket.open(), [streamed(1, DATA, session=outcome.session)]))[1], DATA)


async def test_who_may_only_read_is_parked(bucket: Any) -> None:
    """Keys that may not write park the lane as misconfigured; a ping cannot tell."""
    destination = bucket.open(access_key=READER[0], secret_key=READER[1])
    outcome = (await put(destination, [whole(1, b"x")]))[1]
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.MISCONFIGURED
    await destination.ping()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"secret_key": "canary-s3-wrong"}, ReconnectNeededError),
        ({"access_key": "NOBODY"}, ReconnectNeededError),
        ({"bucket": "there-is-none"}, MisconfiguredError),
    ],
)
async def test_what_a_ping_finds(bucket: Any, options: dict[str, str], expected: type[Exception]) -> None:
    """A wrong key asks for another one, a bucket that is not there for other options; both park a lane."""
    with pytest.raises(expected):
        await bucket.open(**options).ping()
    assert isinstance((await put(bucket.open(**options), [whole(1, b"x")]))[1], Parked)


async def test_a_store_that_cannot_be_reached(bucket: Any) -> None:
    """Nobody's item is to blame."""
    destination = bucket.open(endpoint=f"http://127.0.0.1:{free_ports(1)[0]}")
    assert isinstance((await put(destination, [whole(1, b"x")]))[1], Unavailable)


async def test_a_throttle_without_seconds(bucket: Any) -> None:
    """Amazon seldom says when to come again; the pacer decides then."""
    bucket.refuse(503, "SlowDown")
    assert (await put(bucket.open(), [whole(1, b"x")]))[1] == Throttled(retry_after=None)


async def test_object_lock(seaweed: Seaweed, bucket: Any) -> None:
    """An object in a bucket with Object Lock cannot be removed before its time, whether it is small or big."""
    name = seaweed.bucket("locked", lock=True)
    destination = bucket.open(bucket=name, object_lock="compliance", retain_days="30", prefix="")
    outcomes = await put(destination, [whole(1, b"hello")]) | await put(destination, [streamed(2, DATA)])
    assert all(isinstance(outcome, Archived) for outcome in outcomes.values())
    assert not await destination.remove(receipt_of(outcomes[1], b"hello"))
    for key in ("archive/2024/item-1.wav", "archive/2024/big-2.wav"):
        found = seaweed.client.head_object(Bucket=name, Key=key)
        assert found["ObjectLockMode"] == "COMPLIANCE"
        with pytest.raises(seaweed.client.exceptions.ClientError, match="AccessDenied"):
            seaweed.client.delete_object(Bucket=name, Key=key, VersionId=found["VersionId"])


@pytest.mark.parametrize("path", ["/../x", "/a//b", "/a/./b", "x", "/a/", "/" + "y" * 1100])
async def test_no_path_leads_elsewhere(bucket: Any, path: str) -> None:
    """A path that a server could read as another one, or that is too long for a key, is rejected, and nothing is written."""
    outcome = (await put(bucket.open(), [whole(1, b"x", path)]))[1]
    assert isinstance(outcome, Rejected)
    assert bucket.between.seen == []


@pytest.mark.parametrize("checksum", ["\xe9\u20ac", "no base64", "QQ==", "-1"])
def test_a_checksum_that_is_none(checksum: str) -> None:
    """It tells nothing, whatever its signs are; the ETag may still tell."""
    assert _hash_of({}, "", checksum) == ""
    assert _hash_of({}, f'"{"0" * 32}"', checksum) == f"md5:{'0' * 32}"
