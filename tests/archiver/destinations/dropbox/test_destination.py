"""The way of a batch, its receipts, and what stands in the way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.destinations.dropbox import appends
from archiver.destinations.dropbox.content_hash import content_hash
from archiver.errors import QuotaFullError
from archiver.model import ConnectionState
from archiver.outcome import Archived, Deferred, Parked, Rejected, Throttled


async def test_a_receipt_says_what_dropbox_says(box: Any) -> None:
    """Path, id, revision and hash are Dropbox's; size and sha256 are ours and agree."""
    upload = whole(1, b"recording", "/2024/Call.wav")
    receipt = receipt_of((await put(box.open(), [upload]))[1], b"recording")
    [file] = box.sandbox.ledger().files
    assert (receipt.path, receipt.remote_id, receipt.revision) == (file.path, file.id, file.rev)
    assert receipt.remote_hash == f"dropbox:{content_hash(b'recording', upload.sha256)}"
    assert receipt.sha256 == file.sha256
    assert not receipt.recovered


async def test_the_file_has_the_time_of_the_call(box: Any) -> None:
    """What Dropbox shows as the file's time is when the thing happened, in whole seconds UTC."""
    upload = whole(7, b"x")
    await put(box.open(), [upload])
    [file] = box.sandbox.ledger().files
    happened = datetime.fromtimestamp(upload.delivery.item.occurred_at // 1000, UTC)
    assert file.client_modified == happened.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_time_that_no_calendar_has(box: Any) -> None:
    """Then the file has none of its own, and is archived all the same."""
    upload = whole(10**15, b"x")
    assert isinstance((await put(box.open(), [upload]))[10**15], Archived)


async def test_batches_and_streams_together(box: Any) -> None:
    """One call may bring both."""
    big = bytes(5_000_000)
    outcomes = await put(box.open(), [whole(1, b"a"), streamed(2, big), whole(3, b"c")])
    assert all(isinstance(outcome, Archived) for outcome in outcomes.values())
    assert len(box.stored()) == 3


async def test_other_bytes_stay(box: Any) -> None:
    """Another file at the path is looked at once, and left alone."""
    destination = box.open()
    await put(destination, [whole(1, b"theirs", "/x.wav")])
    outcome = (await put(destination, [whole(2, b"ours", "/x.wav")]))[2]
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "ConflictError"
    assert box.calls("get_metadata") == 1
    assert list(box.stored().values()) == [b"theirs"]


async def test_our_bytes_in_the_way_are_recovered(box: Any) -> None:
    """If Dropbox calls it a conflict although the bytes are ours, the look finds that out."""
    destination = box.open()
    await put(destination, [whole(1, b"ours", "/x.wav")])
    conflict = '{"entries":[{".tag":"failure","failure":{".tag":"path","path":{".tag":"conflict","conflict":{".tag":"file"}}}}]}'
    box.refuse(200, conflict, "*/finish_batch_v2", json=True)
    receipt = receipt_of((await put(destination, [whole(1, b"ours", "/x.wav")]))[1], b"ours")
    assert receipt.recovered
    assert receipt.revision


async def test_a_look_that_is_refused(box: Any) -> None:
    """Whether it is a conflict is not known then: the lane waits, nobody is rejected."""
    destination = box.open()
    await put(destination, [whole(1, b"theirs", "/x.wav")])
    box.refuse(429, "", "*/get_metadata", headers={"Retry-After": "5"})
    assert (await put(destination, [whole(2, b"ours", "/x.wav")]))[2] == Throttled(retry_after=5)


async def test_a_file_where_a_folder_should_be(box: Any) -> None:
    """For a person, and alone."""
    destination = box.open()
    await put(destination, [whole(1, b"x", "/x.wav")])
    outcomes = await put(destination, [whole(2, b"y", "/x.wav/below.wav"), whole(3, b"z", "/z.wav")])
    assert isinstance(outcomes[2], Rejected)
    assert isinstance(outcomes[3], Archived)


@pytest.mark.parametrize(("path", "plain"), [("/desktop.ini", "/desktop~"), ("/a/.dropbox", "/a/dropbox~")])
async def test_names_that_dropbox_does_not_take_become_plain_ones(box: Any, path: str, plain: str) -> None:
    """Its bytes are not sent again, and its neighbours are not held up; a repetition finds the same file."""
    destination = box.open()
    uploads = [whole(2, b"y", path), whole(3, b"z", "/z.wav")]
    outcomes = await put(destination, uploads)
    assert outcomes[2].receipt.path.startswith(f"/Archive{plain}")
    assert isinstance(outcomes[3], Archived)
    again = await put(box.open(), [whole(2, b"y", path)])
    assert again[2].receipt.path == outcomes[2].receipt.path
    assert len(box.sandbox.ledger().files) == 2


@pytest.mark.parametrize("path", ["/\ud800.wav", "no-slash.wav"])
async def test_a_path_that_would_spoil_the_call(box: Any, path: str) -> None:
    """It is rejected before it is sent, so its neighbours travel."""
    destination = box.open(root="/")
    outcomes = await put(destination, [whole(1, b"x", path), whole(2, b"y", "/y.wav")])
    assert isinstance(outcomes[1], Rejected)
    assert isinstance(outcomes[2], Archived)
    stream = streamed(3, b"x")
    bad = type(stream)(delivery=whole(3, b"x", path).delivery, stream=stream.stream)
    assert isinstance((await put(destination, [bad]))[3], Rejected)


@pytest.mark.parametrize("path", ["/del\x7f.wav", '/quote"\\.wav', "/line\nbreak.wav"])
async def test_signs_that_need_care_on_the_wire(box: Any, path: str) -> None:
    """They arrive, or are refused by Dropbox for their item only; the call is well-formed."""
    outcomes = await put(box.open(), [whole(1, b"x", path), whole(2, b"y", "/y.wav")])
    assert isinstance(outcomes[1], (Archived, Rejected))
    assert isinstance(outcomes[2], Archived)


async def test_damaged_bytes_never_become_a_file(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not have the hash that came with it is refused before the commit."""
    destination = box.open()
    with monkeypatch.context() as patch:
        patch.setattr(appends, "body_hash", lambda _: "0" * 64)  # as if the bytes had changed on the way
        first = await put(destination, [whole(1, b"x" * 100)])
    assert first[1].reason == "IntegrityError"
    assert box.stored() == {}
    receipt_of((await put(destination, [whole(1, b"x" * 100)]))[1], b"x" * 100)


async def test_a_dropbox_that_stores_something_else(box: Any) -> None:
    """It is never called archived, and what it stored is left for a person: nothing is ever deleted or overwritten."""
    destination = box.open()
    box.fault("corrupt", "*/finish_batch_v2")
    first = await put(destination, [whole(1, b"x" * 100)])
    assert first[1].reason == "IntegrityError"
    second = await put(destination, [whole(1, b"x" * 100)])
    assert isinstance(second[1], Rejected)


async def test_a_confirmation_of_other_bytes_is_none(box: Any) -> None:
    """Size and hash in the answer are compared with ours, whatever the answer calls itself."""
    for number, lie in enumerate(('"size":2,"content_hash":"h"', '"size":1')):
        box.refuse(200, f'{{"entries":[{{".tag":"success","id":"i","rev":"r",{lie}}}]}}', "*/finish_batch_v2", json=True)
        outcome = (await put(box.open(), [whole(number, b"x")]))[number]
        assert isinstance(outcome, Deferred)
        assert outcome.reason == "IntegrityError"


async def test_ping_tells_name_and_space(box: Any) -> None:
    """Whose it is, and how much room there is."""
    destination = box.open()
    await put(destination, [whole(1, b"x" * 1000)])
    account = await destination.ping()
    assert "@" in account.name
    assert account.used_bytes == 1000
    assert account.free_bytes


async def test_ping_finds_a_full_dropbox(box: Any) -> None:
    """So that a parked lane is not waked for nothing."""
    box.account = box.sandbox.add_account("small", quota_bytes=10)
    destination = box.open()
    await put(destination, [whole(1, b"x" * 10)])
    with pytest.raises(QuotaFullError):
        await destination.ping()


@pytest.mark.parametrize(
    ("tag", "state"),
    [("no_write_permission", ConnectionState.MISCONFIGURED), ("insufficient_space", ConnectionState.QUOTA_FULL)],
)
async def test_what_parks_a_lane(box: Any, tag: str, state: ConnectionState) -> None:
    """A word for each state, and a hint that is not needed to understand it."""
    failure = f'{{".tag":"failure","failure":{{".tag":"path","path":{{".tag":"{tag}"}}}}}}'
    box.refuse(200, f'{{"entries":[{failure}]}}', "*/finish_batch_v2", json=True)
    outcome = (await put(box.open(), [whole(1, b"x")]))[1]
    assert isinstance(outcome, Parked)
    assert outcome.state is state
    assert tag in outcome.reason
