"""Folders: found by one search, made once, followed where they go."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from archiver.destinations.conformance import put, receipt_of, whole
from archiver.outcome import Deferred
from archiver.sandbox.google.drive import FOLDER


def folders(box: Any) -> list[str]:
    """The paths of all folders."""
    drive = box.drive.users["acme"].drive
    return sorted(drive.path(file) for file in drive if file.is_folder and file.parents)


async def test_many_at_once_make_a_folder_once(box: Any) -> None:
    """Eight workers meet in front of the same new folders."""
    destination = box.open()
    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(put(destination, [whole(number, b"x", f"/2026/11/{number}.wav")]))
    assert folders(box) == ["/Archive", "/Archive/2026", "/Archive/2026/11"]
    assert box.calls("files.create") == 3


async def test_another_process_finds_them_with_one_search(box: Any) -> None:
    """However deep they are."""
    await put(box.open(), [whole(1, b"x", "/a/b/c/d/1.wav")])
    lists = box.calls("files.list")
    await put(box.open(), [whole(2, b"x", "/a/b/c/d/2.wav")])
    assert box.calls("files.list") - lists == 2, "one for the folders, one for the file"
    assert len(folders(box)) == 5


@pytest.mark.parametrize("action", ["lose_answer", "reply"])
async def test_a_folder_whose_answer_was_lost_is_not_made_twice(box: Any, action: str) -> None:
    """Its id was promised: the next try is refused with a conflict, and goes on."""
    destination, upload = box.open(), whole(1, b"x", "/a/1.wav")
    box.fault(action, "files.create", nth=2, status=503)
    assert isinstance((await put(destination, [upload]))[1], Deferred)
    receipt_of((await put(destination, [upload]))[1], b"x")
    assert folders(box) == ["/Archive", "/Archive/a"]


async def test_a_folder_that_was_renamed_is_filled_where_it_is(box: Any) -> None:
    """It is ours by its key."""
    await put(box.open(), [whole(1, b"x", "/a/1.wav")])
    (folder,) = [file for file in box.drive.users["acme"].drive if file.name == "a"]
    await box.client.call("PATCH", f"/drive/v3/files/{folder.id}", data='{"name": "mine"}')
    receipt_of((await put(box.open(), [whole(2, b"x", "/a/2.wav")]))[2], b"x")
    assert folders(box) == ["/Archive", "/Archive/mine"]


async def test_of_two_the_older_one_counts(box: Any) -> None:
    """Twins, as two workers make them while a search lags behind: everybody goes on with the same one."""
    box.drive.set_limits("acme", list_lag=60.0)
    await put(box.open(), [whole(1, b"x", "/1.wav")])
    box.drive.clock.advance(1)
    await put(box.open(), [whole(2, b"x", "/2.wav")])
    box.drive.clock.advance(60)
    box.client.login = box.drive.login("acme")
    twins = sorted((file.created_time, file.id) for file in box.drive.users["acme"].drive if file.is_folder and file.parents)
    assert len(twins) == 2
    await put(box.open(), [whole(3, b"x", "/3.wav")])
    assert [file.parents for file in box.drive.users["acme"].visible() if file.name == "3.wav"] == [[twins[0][1]]]


async def test_somebody_elses_folder_is_used_where_it_is_seen(box: Any) -> None:
    """With the wide scope, and with exactly the name; below it everything is new and is not looked for."""
    login = box.client.login = box.drive.login("acme", scopes=frozenset({"https://www.googleapis.com/auth/drive"}))
    for name in ("archive", "Archive"):
        await box.client.call("POST", "/drive/v3/files", data=f'{{"name":"{name}","mimeType":"{FOLDER}"}}')
    receipt_of((await put(box.open(access_token=login.access_token), [whole(1, b"x", "/a/b/1.wav")]))[1], b"x")
    assert folders(box) == ["/Archive", "/Archive/a", "/Archive/a/b", "/archive"]
    assert box.calls("files.list") == 4  # by key; "Archive", "a" by name; the file


async def test_a_folder_that_was_chosen_by_its_id(box: Any) -> None:
    """The root lies in it."""
    _, folder, _ = await box.client.call("POST", "/drive/v3/files", data=f'{{"name":"Chosen","mimeType":"{FOLDER}"}}')
    receipt_of((await put(box.open(folder_id=folder["id"], root="/"), [whole(1, b"x", "/1.wav")]))[1], b"x")
    assert [file.path for file in box.drive.ledger().files] == ["/Chosen/1.wav"]
