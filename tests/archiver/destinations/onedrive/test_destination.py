"""The way of an item: never two files for one, never over another one; every failure has its outcome."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.destinations.port import Upload
from archiver.errors import MisconfiguredError, QuotaFullError, ReconnectNeededError, ThrottledError
from archiver.model import ConnectionState
from archiver.outcome import Archived, Deferred, Outcome, Parked, Rejected, Throttled, Unavailable

KIB = 1024
PATH = "/archive/2024/item-1.wav"
BIG = "/archive/2024/big-1.wav"


async def first(destination: Any, upload: Upload) -> Outcome:
    """The outcome of a single upload."""
    return (await put(destination, [upload]))[upload.delivery.id]


async def test_one_call_for_a_small_file(box: Any) -> None:
    """The folders on the way are made with it; the receipt has the hash that the storage told."""
    receipt = receipt_of(await first(box.open(), whole(1, b"sound")), b"sound")
    assert receipt.path == f"/Archive{PATH}"
    assert receipt.remote_hash.startswith("quickxor:")
    assert receipt.revision.startswith('"c:')
    assert not receipt.recovered
    assert {name: count for name, count in box.record.calls.items() if count} == {"upload.content": 1}


async def test_a_personal_drive_tells_two_hashes(personal: Any) -> None:
    """Both are compared; one of them stands in the receipt."""
    receipt = receipt_of(await first(personal.open(), whole(1, b"sound")), b"sound")
    assert receipt.remote_hash.startswith("quickxor:")
    (found,) = await personal.open().look([msgspec.structs.replace(receipt, remote_hash=f"sha256:{receipt.sha256}")])
    assert found is not None
    assert found.hash == f"sha256:{receipt.sha256}", "a receipt is compared with the hash of its own kind"


@pytest.mark.parametrize("route", ["upload.content", "upload.fragment"])
async def test_an_answer_that_was_lost(box: Any, route: str) -> None:
    """The file is there already: it is recognised by its bytes, and not written again."""
    box.fault("lose_answer", route)
    upload = whole(1, b"sound") if route == "upload.content" else streamed(1, b"sound" * KIB)
    data = upload.data or b"sound" * KIB
    destination = box.open()
    lost = await first(destination, upload)
    assert isinstance(lost, Deferred)
    again = msgspec.structs.replace(upload, delivery=msgspec.structs.replace(upload.delivery, session=lost.session))
    receipt = receipt_of(await first(box.open(), again), data)
    assert receipt.recovered
    assert box.stored() == {upload.delivery.path: data}
    assert box.onedrive.ledger().files[0].revisions == 1


@pytest.mark.parametrize("upload", [whole(1, b"ours"), streamed(1, b"ours")])
async def test_what_somebody_else_wrote_stays(box: Any, upload: Upload) -> None:
    """Other bytes at the path, or a folder, or a name that differs by case only: a conflict for a person."""
    path = upload.delivery.path
    await box.client.put(f"/Archive{path.upper()}", b"theirs")
    outcome = await first(box.open(), upload)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "ConflictError"
    assert list(box.stored().values()) == [b"theirs"]
    await box.client.put(f"/Other{path}/inside.wav", b"x")
    assert isinstance(await first(box.open(root="/Other"), upload), Rejected)


@pytest.mark.parametrize("upload", [whole(1, b"sound"), streamed(1, b"sound")])
async def test_what_was_stored_wrong_is_taken_back(box: Any, upload: Upload) -> None:
    """Nothing wrong stays, and the next try succeeds."""
    box.fault("corrupt", "upload.content" if upload.data else "upload.fragment")
    outcome = await first(box.open(), upload)
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "IntegrityError"
    assert box.stored() == {}
    assert isinstance(await first(box.open(), upload), Archived)


async def test_a_hash_that_comes_later(box: Any) -> None:
    """There is no receipt without a hash; the next try finds the file and its hash."""
    box.onedrive.set_limits("acme", hash_lag=60.0)
    outcome = await first(box.open(), whole(1, b"sound"))
    assert isinstance(outcome, Deferred)
    assert box.stored() == {PATH: b"sound"}
    box.onedrive.clock.advance(61.0)
    assert receipt_of(await first(box.open(), whole(1, b"sound")), b"sound").recovered


@pytest.mark.parametrize("route", ["upload.content", "upload.begin", "upload.fragment"])
@pytest.mark.parametrize(
    ("status", "code", "inner", "expected"),
    [
        (429, "activityLimitReached", "throttledRequest", Throttled(retry_after=7.0)),
        (503, "serviceNotAvailable", "", Throttled(retry_after=7.0)),
        (509, "bandwidthLimitExceeded", "", Throttled(retry_after=7.0)),
        (507, "quotaLimitReached", "insufficientStorage", ConnectionState.QUOTA_FULL),
        (403, "quotaLimitReached", "", ConnectionState.QUOTA_FULL),
        (403, "accessDenied", "", ConnectionState.MISCONFIGURED),
        (402, "paymentRequired", "", ConnectionState.MISCONFIGURED),
        (400, "invalidRequest", "pathIsTooLong", Rejected),
        (400, "invalidRequest", "", Deferred),
        (413, "", "", Rejected),
        (423, "resourceLocked", "", Deferred),
        (500, "generalException", "", Deferred),
        (504, "", "", Deferred),
        (301, "", "", ConnectionState.MISCONFIGURED),
    ],
)
async def test_each_refusal_has_its_outcome(box: Any, route: str, status: int, code: str, inner: str, expected: Any) -> None:  # noqa: PLR0917  the row
    """Throttled with its seconds, parked with its state, rejected or deferred; free text is never quoted."""
    headers = {"Retry-After": "7"} if isinstance(expected, Throttled) else {}
    box.refuse(status, code, route, inner=inner, headers=headers)
    outcome = await first(box.open(), whole(1, b"sound") if route == "upload.content" else streamed(1, b"sound"))
    assert "CANARY" not in repr(outcome)
    match expected:
        case Throttled():
            assert isinstance(outcome, Throttled)
            assert outcome.retry_after == 7.0
        case ConnectionState():
            assert isinstance(outcome, Parked)
            assert outcome.state is expected
        case _:
            assert isinstance(outcome, expected)
    assert box.stored() == {}
    assert isinstance(await first(box.open(), whole(1, b"sound")), Archived)


async def test_a_busy_server_without_seconds_is_a_failure(box: Any) -> None:
    """A 503 without Retry-After tells nothing of the rate."""
    box.refuse(503, "serviceNotAvailable", "upload.content")
    assert isinstance(await first(box.open(), whole(1, b"sound")), Deferred)


async def test_a_token_that_ran_out_is_renewed_once(box: Any) -> None:
    """An expired token costs a call; a revoked authorisation parks the lane."""
    destination = box.open_linked()
    await destination.ping()
    box.fault("expire_token", "upload.content")
    assert isinstance(await first(destination, whole(1, b"sound")), Archived)
    box.onedrive.revoke("acme")
    outcome = await first(destination, whole(2, b"sound"))
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.RECONNECT_NEEDED
    with pytest.raises(ReconnectNeededError):
        await box.open().ping()


async def test_it_slows_down_before_it_is_refused(box: Any) -> None:
    """As soon as Graph says that little is left, the lane waits for the next minute: not one call is refused."""
    box.onedrive.set_limits("acme", units=100, window=3600.0)
    destination = box.open()
    outcomes = [await first(destination, whole(number, b"sound")) for number in range(60)]
    archived = sum(isinstance(outcome, Archived) for outcome in outcomes)
    assert archived == 49, "100 units at two each, less a reserve of two in a hundred"
    (refused,) = {type(outcome) for outcome in outcomes if not isinstance(outcome, Archived)}
    assert refused is Throttled
    assert isinstance(outcomes[-1], Throttled)
    assert 0 < (outcomes[-1].retry_after or 0) <= 3600
    assert box.record.refused == {}
    assert isinstance(box.pace.calls[-1][2], ThrottledError), "the pacer hears of it"


async def test_a_drive_that_is_not_there(box: Any) -> None:
    """A wrong id, or an account without a OneDrive, concerns the whole lane."""
    destination = box.open(drive_id="b!nobody")
    for upload in (whole(1, b"sound"), streamed(2, b"sound")):
        outcome = await first(destination, upload)
        assert isinstance(outcome, Parked)
        assert outcome.state is ConnectionState.MISCONFIGURED
    with pytest.raises(MisconfiguredError) as error:
        await destination.ping()
    assert "drive_id" in error.value.hint


async def test_a_library_wants_the_wide_scope(box: Any) -> None:
    """Without it the lane is parked; with it the file is in the library."""
    library = box.onedrive.add_library("Calls")
    outcome = await first(box.open(drive_id=library), whole(1, b"sound"))
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.MISCONFIGURED
    wide = box.onedrive.login("acme", frozenset({"Files.ReadWrite.All", "offline_access"}))
    destination = box.open(drive_id=library, access_token=wide.access_token)
    receipt_of(await first(destination, whole(1, b"sound")), b"sound")
    assert [file.path for file in box.onedrive.ledger().files_of("Calls")] == [f"/Archive{PATH}"]
    assert (await destination.ping()).name == "Calls"


async def test_whose_drive_it_is_and_how_full(box: Any, personal: Any) -> None:
    """The e-mail address, also where the drive does not tell it; a full one says so."""
    account = await box.open().ping()
    assert (account.name, account.used_bytes, account.free_bytes) == ("acme@sandbox.test", 0, 1024**4)
    assert (await personal.open().ping()).name == "acme@sandbox.test"
    box.onedrive.users["acme"].drive.quota_bytes = 5
    await first(box.open(), whole(1, b"sound"))
    with pytest.raises(QuotaFullError):
        await box.open().ping()
    outcome = await first(box.open(), whole(2, b"sound"))
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.QUOTA_FULL


@pytest.mark.parametrize("path", ["/" + "a/" * 200 + "b.wav", "/a/../b.wav", "/a//b.wav", "/", "a.wav", "/\ud800.wav"])
async def test_a_path_that_cannot_be(box: Any, path: str) -> None:
    """Rejected without a call."""
    assert isinstance(await first(box.open(), whole(1, b"x", path)), Rejected)
    assert box.record.calls == {}


async def test_taking_back_leaves_no_copy_in_the_bin(box: Any, personal: Any) -> None:
    """Deleted for good where the drive can; a retention label keeps it, and that is said."""
    for one in (box, personal):
        receipt = receipt_of(await first(one.open(), whole(1, b"sound")), b"sound")
        (item,) = one.onedrive.users["acme"].drive.files()
        item.locked = True
        assert not await one.open().remove(receipt)
        item.locked = False
        assert await one.open().remove(receipt)
        assert one.stored() == {}
    box.refuse(405, "methodNotAllowed", "item.delete")
    receipt = receipt_of(await first(box.open(), whole(1, b"sound")), b"sound")
    assert await box.open().remove(receipt), "a cloud that does not know how puts it into its bin"
    assert box.stored() == {}


async def test_nobody_listens(box: Any) -> None:
    """The provider cannot be reached: nothing is charged."""
    destination = box.open(api_url="http://127.0.0.1:1")
    assert isinstance(await first(destination, whole(1, b"x")), Unavailable)
