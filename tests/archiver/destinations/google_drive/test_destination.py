"""The way of a batch: never two files for one item, whatever is lost; every failure has its outcome."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.destinations.port import Upload
from archiver.errors import MisconfiguredError, QuotaFullError, ReconnectNeededError
from archiver.model import ConnectionState, Session
from archiver.outcome import Archived, Deferred, Outcome, Parked, Rejected, Throttled, Unavailable
from archiver.sandbox.google.drive import FOLDER

KIB = 1024
WIDE = frozenset({"https://www.googleapis.com/auth/drive"})


def again(upload: Upload, outcome: Outcome) -> Upload:
    """The next try of an upload, with what the Database keeps of the last one."""
    session = outcome.session if isinstance(outcome, (Deferred, Throttled, Unavailable)) else None
    return msgspec.structs.replace(upload, delivery=msgspec.structs.replace(upload.delivery, session=session))


async def first(box: Any, destination: Any, upload: Upload) -> Outcome:
    """The outcome of a single upload."""
    del box
    return (await put(destination, [upload]))[upload.delivery.id]


async def test_a_batch_looks_once(box: Any) -> None:
    """Ten files in a new folder: three looks for the folders, one for the files, one call for ids, ten uploads."""
    outcomes = await put(box.open(), [whole(number, b"%d" % number) for number in range(10)])
    assert all(isinstance(outcome, Archived) for outcome in outcomes.values())
    assert box.calls("upload.multipart") == 10
    assert box.calls("files.list") == 3  # the folders by key, the top one by name, the files
    assert box.calls("files.create") == 3
    assert box.calls("files.generateIds") == 1


@pytest.mark.parametrize("lag", [0.0, 3600.0])
async def test_an_answer_that_was_lost(box: Any, lag: float) -> None:
    """The file is there already, under the id that was kept: found by search or, where that lags behind, by the conflict."""
    box.drive.set_limits("acme", list_lag=lag)
    box.fault("lose_answer", "upload.multipart")
    upload = whole(1, b"sound")
    destination = box.open()
    lost = await first(box, destination, upload)
    assert isinstance(lost, Deferred)
    assert lost.session is not None
    receipt = receipt_of(await first(box, box.open(), again(upload, lost)), b"sound")
    assert receipt.recovered
    assert receipt.remote_id == lost.session.id
    assert len(box.stored()) == 1


async def test_the_id_is_kept_before_the_call(box: Any) -> None:
    """A process that is killed in the middle of its call has kept the id; the next one cannot make a second file."""
    box.drive.set_limits("acme", list_lag=3600.0)
    kept: dict[int, Session] = {}
    log: list[str] = []

    def save(number: int) -> Any:
        def remember(session: Session) -> None:
            kept[number] = session
            log.append("save")

        return remember

    async def keep(session: Session) -> None:
        kept[2] = session
        log.append("keep")
        assert box.calls("upload.multipart") == 0

    uploads = [msgspec.structs.replace(whole(number, b"x"), save_session=save(number), keep_session=keep) for number in (1, 2)]
    put_many = asyncio.ensure_future(put(box.open(), uploads))
    for _ in range(2):
        await box.pace.began.acquire()
    put_many.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put_many
    assert log == ["save", "save", "keep"]
    later = [whole(number, b"x") for number in (1, 2)]
    later = [msgspec.structs.replace(one, delivery=msgspec.structs.replace(one.delivery, session=kept[one.delivery.id])) for one in later]
    outcomes = await put(box.open(), later)
    assert receipt_of(outcomes[1], b"x").recovered
    receipt_of(outcomes[2], b"x")
    assert len(box.stored()) == 2


@pytest.mark.parametrize("big", [False, True])
async def test_an_id_that_another_account_was_promised(box: Any, big: bool) -> None:
    """The connection has another account now: Google does not take the id, and the next try takes a new one."""
    session = Session(id="1abcdefghijklmnop", offset=0, started_at=1)
    upload = streamed(1, b"sound", session=session) if big else whole(1, b"sound")
    upload.delivery = msgspec.structs.replace(upload.delivery, session=session)
    outcome = await first(box, box.open(), upload)
    assert isinstance(outcome, Deferred)
    assert outcome.session is None
    receipt_of(await first(box, box.open(), again(upload, outcome)), b"sound")


async def test_a_stored_bit_that_is_wrong_is_taken_back(box: Any) -> None:
    """Nothing wrong stays visible, and the next try, under another id, is right."""
    box.fault("corrupt", "upload.multipart")
    upload, destination = whole(1, b"sound"), box.open()
    wrong = await first(box, destination, upload)
    assert isinstance(wrong, Deferred)
    assert (wrong.reason, wrong.session) == ("IntegrityError", None)
    assert box.stored() == {}
    receipt_of(await first(box, destination, again(upload, wrong)), b"sound")


@pytest.mark.parametrize(
    ("status", "reason", "message", "expected"),
    [
        (403, "userRateLimitExceeded", "User Rate Limit Exceeded", Throttled(retry_after=None)),
        (403, "userRateLimitExceeded", "User rate limit exceeded.", Throttled(retry_after=1800.0)),
        (429, "rateLimitExceeded", "Rate Limit Exceeded", Throttled(retry_after=None)),
        (403, "storageQuotaExceeded", "x", ConnectionState.QUOTA_FULL),
        (403, "insufficientPermissions", "x", ConnectionState.RECONNECT_NEEDED),
        (403, "domainPolicy", "x", ConnectionState.MISCONFIGURED),
    ],
)
async def test_what_stops_the_lane(box: Any, status: int, reason: str, message: str, expected: Any) -> None:
    """A refusal that concerns the whole Drive ends the batch: the rest is not tried, no item is charged, nothing is stored."""
    box.refuse(status, reason, "upload.multipart", message=message, times=0)
    outcomes = await put(box.open(), [whole(number, b"x") for number in range(3)])
    for outcome in outcomes.values():
        if isinstance(expected, Throttled):
            assert isinstance(outcome, Throttled)
            assert outcome.retry_after == expected.retry_after
        else:
            assert isinstance(outcome, Parked)
            assert outcome.state is expected
        assert "CANARY" not in repr(outcome)
    assert box.calls("upload.multipart") == 1
    assert box.stored() == {}


async def test_a_failure_of_one_is_not_that_of_the_others(box: Any) -> None:
    """A 503 defers one item; its neighbours are archived."""
    box.fault("reply", "upload.multipart", status=503, body="<html>")
    outcomes = await put(box.open(), [whole(number, b"x") for number in range(3)])
    assert [type(outcomes[number]) for number in range(3)] == [Deferred, Archived, Archived]


async def test_a_folder_that_went_is_made_again(box: Any) -> None:
    """The customer deletes our folder, or puts it into the bin: the try fails, the next one makes another one."""
    destination = box.open()
    await put(destination, [whole(1, b"1")])
    (folder,) = [file for file in box.drive.users["acme"].drive if file.name == "Archive"]
    await box.client.call("PATCH", f"/drive/v3/files/{folder.id}", data='{"trashed": true}')
    assert box.stored() == {}
    upload = whole(2, b"2")
    outcome = await first(box, destination, upload)
    assert isinstance(outcome, Deferred)
    assert box.stored() == {}
    receipt_of(await first(box, destination, again(upload, outcome)), b"2")
    (folder,) = [file for file in box.drive.users["acme"].drive if file.name == "Archive" and not file.trashed]
    await box.client.call("DELETE", f"/drive/v3/files/{folder.id}")
    upload = whole(3, b"3")
    outcome = await first(box, destination, upload)
    assert isinstance(outcome, Deferred)
    receipt_of(await first(box, destination, again(upload, outcome)), b"3")


async def test_a_file_that_the_customer_moved_is_not_written_again(box: Any) -> None:
    """It is known by its key: wherever it is and whatever it is called now, the item is archived."""
    upload = whole(1, b"sound")
    receipt = receipt_of(await first(box, box.open(), upload), b"sound")
    await box.client.call("PATCH", f"/drive/v3/files/{receipt.remote_id}?addParents=x", data='{"name": "mine.wav"}')
    await box.client.call("PATCH", f"/drive/v3/files/{receipt.remote_id}", data='{"name": "mine.wav"}')
    found = receipt_of(await first(box, box.open(), upload), b"sound")
    assert (found.remote_id, found.recovered) == (receipt.remote_id, True)
    assert len(box.stored()) == 1


async def test_what_is_there_is_told_by_its_id_and_without_its_bytes(box: Any) -> None:
    """A file in another folder is found, with its hash; one that was renamed or thrown away is not there; nothing is downloaded."""
    uploads = [whole(number, b"%d" % number) for number in range(4)]
    outcomes = await put(box.open(), uploads)
    receipts = [receipt_of(outcomes[number], b"%d" % number) for number in range(4)]
    changes = {1: '{"trashed": true}', 2: '{"name": "mine.wav"}'}
    for number, change in changes.items():
        await box.client.call("PATCH", f"/drive/v3/files/{receipts[number].remote_id}", data=change)
    await box.client.call("PATCH", f"/drive/v3/files/{receipts[3].remote_id}?addParents=x", data="{}")
    searches = box.calls("files.list")
    found = await box.open().look(receipts)
    assert [None if one is None else (one.size, one.hash) for one in found] == [
        (1, receipts[0].remote_hash),
        None,
        None,
        (1, receipts[3].remote_hash),
    ]
    assert (box.calls("files.get"), box.calls("files.list"), box.calls("files.download")) == (4, searches, 0)


async def test_what_is_in_the_bin_is_not_archived(box: Any) -> None:
    """A file that the customer threw away is uploaded anew; one that was thrown away before its receipt, after one more try."""
    upload = whole(1, b"sound")
    receipt = receipt_of(await first(box, box.open(), upload), b"sound")
    await box.client.call("PATCH", f"/drive/v3/files/{receipt.remote_id}", data='{"trashed": true}')
    session = Session(id=receipt.remote_id, offset=0, started_at=1)
    waits = await first(
        box, box.open(), msgspec.structs.replace(upload, delivery=msgspec.structs.replace(upload.delivery, session=session))
    )
    assert isinstance(waits, Deferred)
    assert waits.session is None
    assert not receipt_of(await first(box, box.open(), again(upload, waits)), b"sound").recovered
    assert len(box.stored()) == 1


async def test_somebody_elses_things_are_left_alone(box: Any) -> None:
    """With the wide scope they are seen: a file of other bytes, and a folder where a file belongs, are conflicts."""
    login = box.drive.login("acme", scopes=WIDE)
    box.client.login = login
    _, folder, _ = await box.client.call("POST", "/drive/v3/files", data=f'{{"name":"Archive","mimeType":"{FOLDER}"}}')
    _, theirs = await box.client.upload(b"theirs", name="a.wav", parents=[folder["id"]])
    await box.client.call("POST", "/drive/v3/files", data=f'{{"name":"b.wav","mimeType":"{FOLDER}","parents":["{folder["id"]}"]}}')
    destination = box.open(access_token=login.access_token)
    uploads = [whole(1, b"ours", "/a.wav"), whole(2, b"ours", "/b.wav"), whole(3, b"ours", "/A.wav"), whole(4, b"theirs", "/a.wav")]
    outcomes = await put(destination, uploads)
    assert [type(outcomes[number]) for number in (1, 2, 3, 4)] == [Rejected, Rejected, Archived, Archived]
    assert receipt_of(outcomes[4], b"theirs").remote_id == theirs["id"]
    assert box.stored() == {"/a.wav": b"theirs", "/A.wav": b"ours"}


async def test_a_shared_drive(box: Any) -> None:
    """Everything goes there, also big files; the account's name says which it is."""
    shared = box.drive.users["acme"].drive.add_shared("Calls", box.drive.clock.now())
    login = box.drive.login("acme", scopes=WIDE)
    destination = box.open(access_token=login.access_token, shared_drive=shared)
    outcomes = await put(destination, [whole(1, b"1"), whole(2, b"2")])
    outcomes |= await put(destination, [streamed(3, bytes(300 * KIB))])
    assert all(isinstance(outcome, Archived) for outcome in outcomes.values())
    assert {file.drive_id for file in box.drive.users["acme"].visible()} == {shared}
    assert receipt_of((await put(destination, [whole(1, b"1")]))[1], b"1").recovered
    assert (await destination.ping()).name == "acme@sandbox.test: Calls"
    await box.open(access_token=login.access_token, shared_drive=shared).remove(receipt_of(outcomes[1], b"1"))
    assert len(box.stored()) == 2


async def test_tokens_run_out_and_are_revoked(box: Any) -> None:
    """A refresh in the middle is not noticed; a link that was revoked parks the lane."""
    destination = box.open_linked()
    receipt_of(await first(box, destination, whole(1, b"1")), b"1")
    box.fault("expire_token", "files.list")
    receipt_of(await first(box, destination, whole(2, b"2")), b"2")
    box.drive.revoke("acme")
    outcome = await first(box, destination, whole(3, b"3"))
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.RECONNECT_NEEDED
    with pytest.raises(ReconnectNeededError):
        await destination.ping()


async def test_links_of_a_project_in_testing_die(box: Any) -> None:
    """After a week a person must connect again, and is told so."""
    box.drive.grants.testing = True
    login = box.drive.login("acme")
    destination = box.open_linked(refresh_token=login.refresh_token)
    box.drive.clock.advance(7 * 86_400 + 1)
    with pytest.raises(ReconnectNeededError) as error:
        await destination.ping()
    assert error.value.hint == "Connect this Google Drive again."


async def test_nobody_answers(box: Any) -> None:
    """Unavailable, not the item's fault; the id is not lost."""
    destination = box.open(api_url="http://127.0.0.1:1")
    outcome = await first(box, destination, whole(1, b"1"))
    assert isinstance(outcome, Unavailable)


async def test_ping(box: Any) -> None:
    """Whose Drive it is and how full; a full one says so; a scope that was not granted too."""
    account = await box.open().ping()
    assert (account.name, account.used_bytes, account.free_bytes) == ("acme@sandbox.test", 0, 15 * 1024**4)
    box.drive.users["acme"].quota_bytes = 1
    await box.client.upload(b"1")
    with pytest.raises(QuotaFullError):
        await box.open().ping()
    with pytest.raises(ReconnectNeededError):
        await box.open(access_token=box.drive.login("acme", scopes=frozenset({"email"})).access_token).ping()
    box.refuse(403, "accessNotConfigured", "about.get")
    with pytest.raises(MisconfiguredError):
        await box.open().ping()


@pytest.mark.parametrize("path", ["no-slash.wav", "/a//b.wav", "/a/", "/\ud800.wav"])
async def test_a_path_that_cannot_be_one(box: Any, path: str) -> None:
    """It is rejected, without a call, and its neighbours are archived."""
    outcomes = await put(box.open(), [whole(1, b"x", path), whole(2, b"x")])
    assert isinstance(outcomes[1], Rejected)
    assert isinstance(outcomes[2], Archived)
