"""The way of an item: never two files for one, never over another one; every failure has its outcome."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec
import pytest

from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.destinations.port import Upload
from archiver.errors import MisconfiguredError, QuotaFullError, ReconnectNeededError
from archiver.model import ConnectionState
from archiver.outcome import Archived, Deferred, Outcome, Parked, Rejected, Throttled, Unavailable

PATH = "/archive/2024/item-1.wav"


async def first(destination: Any, upload: Upload) -> Outcome:
    """The outcome of a single upload."""
    return (await put(destination, [upload]))[upload.delivery.id]


async def test_one_call_for_a_small_file(account: Any) -> None:
    """Its folders are made once; the receipt has the hash that the storage told."""
    destination = account.open()
    receipt = receipt_of(await first(destination, whole(1, b"sound")), b"sound")
    assert receipt.path == f"/Archive{PATH}"
    assert receipt.remote_hash == f"sha1:{hashlib.sha1(b'sound', usedforsecurity=False).hexdigest()}"
    assert receipt.revision
    assert not receipt.recovered
    assert isinstance(await first(destination, whole(2, b"more")), Archived)
    assert {name: count for name, count in account.record.calls.items() if count} == {"folders.create": 3, "files.upload": 2}


async def test_folders_are_made_once_however_many_wait(account: Any) -> None:
    """Eight uploads at once into a folder that is not there."""
    destination = account.open()
    outcomes = await asyncio.gather(*(first(destination, whole(number, b"%d" % number)) for number in range(8)))
    assert all(isinstance(outcome, Archived) for outcome in outcomes)
    assert account.calls("folders.create") == 3


@pytest.mark.parametrize("upload", [whole(1, b"sound"), streamed(1, b"sound")])
async def test_an_answer_that_was_lost(account: Any, upload: Upload) -> None:
    """The file is there already: it is recognised by its hash, and not written again."""
    account.fault("lose_answer", "files.upload")
    assert isinstance(await first(account.open(), upload), Deferred)
    receipt = receipt_of(await first(account.open(), upload), b"sound")
    assert receipt.recovered
    assert account.stored() == {upload.delivery.path: b"sound"}
    assert account.box.ledger().files[0].revisions == 1


@pytest.mark.parametrize("upload", [whole(1, b"ours"), streamed(1, b"ours")])
async def test_what_somebody_else_wrote_stays(account: Any, upload: Upload) -> None:
    """Other bytes at the path, a folder, a name that differs by case only, a file where a folder belongs: a conflict for a person."""
    path = upload.delivery.path
    await account.client.put(f"/Archive{path.upper()}", b"theirs")
    outcome = await first(account.open(), upload)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "ConflictError"
    assert list(account.stored().values()) == [b"theirs"]
    await account.client.folder(f"/Other{path}")
    assert isinstance(await first(account.open(root="/Other"), upload), Rejected)
    await account.client.put("/Third/archive", b"theirs")
    assert isinstance(await first(account.open(root="/Third"), upload), Rejected)


@pytest.mark.parametrize("upload", [whole(1, b"sound"), streamed(1, b"sound")])
async def test_what_was_stored_wrong_is_taken_back(account: Any, upload: Upload) -> None:
    """Nothing wrong stays, not in the trash either, and the next try succeeds."""
    account.fault("corrupt", "files.upload")
    outcome = await first(account.open(), upload)
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "IntegrityError"
    assert account.stored() == {}
    assert account.box.users["acme"].tree.trash == {}
    assert isinstance(await first(account.open(), upload), Archived)


async def test_bytes_that_changed_on_the_way_never_become_a_file(account: Any) -> None:
    """Box compares with the hash in the header before it keeps anything."""
    account.refuse(400, "bad_digest", "files.upload")
    assert isinstance(await first(account.open(), whole(1, b"sound")), Deferred)
    status, answer = await account.client.put("/a/b.wav", b"sound", sha1="0" * 40)
    assert (status, answer["code"]) == (400, "bad_digest")
    assert account.stored() == {}


@pytest.mark.parametrize("route", ["folders.create", "files.upload", "session.begin", "session.part"])
@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (429, "rate_limit_exceeded", Throttled(retry_after=7.0)),
        (503, "unavailable", Throttled(retry_after=7.0)),
        (403, "storage_limit_exceeded", ConnectionState.QUOTA_FULL),
        (507, "", ConnectionState.QUOTA_FULL),
        (403, "access_denied_insufficient_permissions", ConnectionState.MISCONFIGURED),
        (403, "insufficient_scope", ConnectionState.MISCONFIGURED),
        (403, "forbidden_by_policy", ConnectionState.MISCONFIGURED),
        (400, "terms_of_service_required", ConnectionState.MISCONFIGURED),
        (403, "file_size_limit_exceeded", Rejected),
        (400, "item_name_invalid", Rejected),
        (400, "item_name_too_long", Rejected),
        (413, "request_entity_too_large", Rejected),
        (403, "access_denied_item_locked", Deferred),
        (423, "", Deferred),
        (409, "operation_blocked_temporary", Deferred),
        (409, "name_temporarily_reserved", Deferred),
        (409, "item_name_in_use", Deferred),
        (400, "bad_request", Deferred),
        (500, "internal_server_error", Deferred),
        (502, "bad_gateway", Deferred),
        (301, "", ConnectionState.MISCONFIGURED),
    ],
)
async def test_each_refusal_has_its_outcome(account: Any, cut_up: Any, route: str, status: int, code: str, expected: Any) -> None:  # noqa: PLR0917  the row
    """Throttled with its seconds, parked with its state, rejected or deferred; free text is never quoted."""
    if route.startswith("session"):
        cut_up(100)
    account.refuse(status, code, route, headers={"Retry-After": "7"} if isinstance(expected, Throttled) else {})
    outcome = await first(account.open(), streamed(1, b"sound" * 30))
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
    assert account.stored() == {}
    assert isinstance(await first(account.open(), streamed(1, b"sound" * 30)), Archived)


async def test_a_token_that_ran_out_is_renewed_once(account: Any) -> None:
    """An expired token costs a call; a revoked authorisation parks the lane."""
    destination = account.open_linked()
    await destination.ping()
    account.fault("expire_token", "files.upload")
    assert isinstance(await first(destination, whole(1, b"sound")), Archived)
    account.box.revoke("acme")
    outcome = await first(destination, whole(2, b"sound"))
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.RECONNECT_NEEDED
    with pytest.raises(ReconnectNeededError):
        await account.open().ping()


async def test_the_minute_has_its_uploads(account: Any) -> None:
    """Beyond them the lane hears for how long, and the pacer hears it too."""
    account.box.set_limits("acme", uploads=2, retry_after=31)
    destination = account.open()
    outcomes = [await first(destination, whole(number, b"sound")) for number in range(3)]
    assert [type(outcome) for outcome in outcomes] == [Archived, Archived, Throttled]
    assert isinstance(outcomes[2], Throttled)
    assert outcomes[2].retry_after == 31.0
    assert account.pace.calls[-1][2] is not None


async def test_a_folder_that_was_deleted_is_made_again(account: Any) -> None:
    """What is known of folders is forgotten when one of them is not there; the next try makes them."""
    destination = account.open()
    assert isinstance(await first(destination, whole(1, b"sound")), Archived)
    tree = account.box.users["acme"].tree
    (archive,) = tree.children(tree.by_id("0", folder=True))
    tree.remove(archive)
    for upload in (whole(2, b"sound"), streamed(2, b"sound")):
        assert isinstance(await first(destination, upload), Deferred if upload.data else Archived)


async def test_whose_account_it_is_and_how_full(account: Any) -> None:
    """The address that people log in with; a full one says so, and takes nothing."""
    told = await account.open().ping()
    assert (told.name, told.used_bytes, told.free_bytes) == ("acme@sandbox.test", 0, 1024**4)
    account.box.set_quota("acme", 5)
    assert isinstance(await first(account.open(), whole(1, b"sound")), Archived)
    with pytest.raises(QuotaFullError):
        await account.open().ping()
    outcome = await first(account.open(), whole(2, b"sound"))
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.QUOTA_FULL


async def test_an_account_without_a_limit_tells_no_free_space(account: Any) -> None:
    """Some plans have none."""
    account.fault("reply", "users.me", status=200, body='{"id": "1", "login": "a@b", "space_amount": -1}', content_type="application/json")
    assert (await account.open().ping()).free_bytes is None


async def test_a_folder_instead_of_the_root(account: Any) -> None:
    """Everything goes below it, and its paths begin there; one that is not there is told."""
    folder = await account.client.folder("/Shared/Calls")
    destination = account.open(folder_id=folder, root="/")
    receipt = receipt_of(await first(destination, whole(1, b"sound")), b"sound")
    assert [file.path for file in account.box.ledger().files] == [f"/Shared/Calls{PATH}"]
    assert [found is not None for found in await destination.look([receipt])] == [True]
    with pytest.raises(MisconfiguredError) as error:
        await account.open(folder_id="4711").ping()
    assert "folder_id" in error.value.hint


@pytest.mark.parametrize(
    "path", ["/a/../b.wav", "/a//b.wav", "/", "a.wav", "/\ud800.wav", "/ a.wav", "/a .wav /b", "/a\\b.wav", "/a\n.wav", "/" + "a" * 256]
)
async def test_a_path_that_cannot_be(account: Any, path: str) -> None:
    """Rejected without a call."""
    assert isinstance(await first(account.open(), whole(1, b"x", path)), Rejected)
    assert account.record.calls == {}


async def test_looking_sees_what_was_moved_changed_and_deleted(account: Any) -> None:
    """By its id, and only at its path; whatever its case."""
    destination = account.open()
    receipt = receipt_of(await first(destination, whole(1, b"sound")), b"sound")
    (found,) = await destination.look([receipt])
    assert found is not None
    assert (found.size, found.hash) == (5, receipt.remote_hash)
    place = f"/files/{receipt.remote_id}"
    await account.client.call("PUT", place, data={"name": "ITEM-1.wav"})
    assert await destination.look([receipt]) == [found]
    await account.client.call("PUT", place, data={"name": "elsewhere.wav"})
    assert await destination.look([receipt]) == [None]
    await account.client.call("DELETE", place)
    odd = msgspec.structs.replace(receipt, remote_id="../users/me")
    assert await destination.look([receipt, odd]) == [None, None]


async def test_taking_back_leaves_nothing_in_the_trash(account: Any) -> None:
    """Unless the account may not empty it; what somebody has changed, locked, or a policy keeps stays, and that is said."""
    destination = account.open()
    receipt = receipt_of(await first(destination, whole(1, b"sound")), b"sound")
    tree = account.box.users["acme"].tree
    (item,) = tree.files()
    item.locked = True
    assert not await destination.remove(receipt)
    item.locked = False
    account.refuse(403, "forbidden_by_policy", "files.delete")
    assert not await destination.remove(receipt)
    account.refuse(412, "precondition_failed", "files.delete")
    assert not await destination.remove(receipt)
    assert not await destination.remove(msgspec.structs.replace(receipt, revision="1"))
    assert account.stored() == {PATH: b"sound"}
    assert await destination.remove(receipt)
    assert (account.stored(), tree.trash) == ({}, {})
    assert await destination.remove(receipt), "gone already"
    receipt = receipt_of(await first(destination, whole(1, b"sound")), b"sound")
    account.refuse(403, "access_denied_insufficient_permissions", "trash.delete")
    assert await destination.remove(receipt)
    assert (account.stored(), len(tree.trash)) == ({}, 1)


async def test_nobody_listens(account: Any) -> None:
    """The provider cannot be reached: nothing is charged."""
    destination = account.open(api_url="http://127.0.0.1:1")
    assert isinstance(await first(destination, whole(1, b"x")), Unavailable)
