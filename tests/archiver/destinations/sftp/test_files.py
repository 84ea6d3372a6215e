"""Parts, folders and names, and what a server may refuse."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.errors import MisconfiguredError
from archiver.model import ConnectionState
from archiver.outcome import Deferred, Parked, Rejected
from support.sftp_servers import CLIENT_KEY, OpenSsh, SftpServer, files_of, host_key, text_of

MIB = 1024 * 1024
PARTS = ".archiver-parts"


@pytest.mark.parametrize("call", ["open", "write", "rename", "mkdir"])
@pytest.mark.parametrize(
    ("number", "state"),
    [
        (errno.EACCES, ConnectionState.MISCONFIGURED),
        (errno.EROFS, ConnectionState.MISCONFIGURED),
        (errno.ENOSPC, ConnectionState.QUOTA_FULL),
        (errno.EDQUOT, ConnectionState.QUOTA_FULL),
    ],
)
async def test_what_a_server_refuses(server: SftpServer, shelf: Any, call: str, number: int, state: ConnectionState) -> None:
    """No permission and no room park the lane, whichever call says so; nothing becomes visible, and it goes on when that is over."""
    destination = shelf.open(server.port)
    await put(destination, [whole(0, b"before", "/before.txt")])
    server.fails = {call: number}
    outcome = (await put(destination, [whole(1, b"x" * 1000)]))[1]
    assert isinstance(outcome, Parked), outcome
    assert outcome.state is state
    assert files_of(server.root) == {"/before.txt": b"before"}
    server.fails = {}
    receipt_of((await put(destination, [whole(1, b"x" * 1000)]))[1], b"x" * 1000)
    assert list((server.root / PARTS).iterdir()) == []


@pytest.mark.parametrize("call", ["open", "write", "rename"])
async def test_a_failure_without_a_reason_is_tried_again(server: SftpServer, shelf: Any, call: str) -> None:
    """A server that only says "failure", and has room, is asked again later."""
    destination = shelf.open(server.port)
    server.fails = {call: errno.EIO}
    assert isinstance((await put(destination, [whole(1, b"x")]))[1], Deferred)
    server.fails = {}
    receipt_of((await put(destination, [whole(1, b"x")]))[1], b"x")


@pytest.fixture
def little(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    place = tmp_path / "little"
    place.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("a small disk cannot be mounted without mount")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted by this account")
    yield place
    subprocess.run([umount, str(place)], check=True)


async def test_a_real_disk_that_is_full(openssh: OpenSsh, shelf: Any, little: Path) -> None:
    """OpenSSH has no word for it but "failure"; that there is no room is asked for."""
    destination = shelf.open(
        openssh.port, username=openssh.user, password=None, private_key=text_of(CLIENT_KEY), host_key=host_key(), path=str(little)
    )
    outcome = (await put(destination, [whole(1, os.urandom(3 * MIB))]))[1]
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.QUOTA_FULL
    assert list((little / PARTS).iterdir()) == []
    receipt_of((await put(destination, [whole(2, b"little")]))[2], b"little")


async def test_the_folder_is_never_made(server: SftpServer, shelf: Any) -> None:
    """A folder that is not there may be a disk that is not mounted."""
    destination = shelf.open(server.port, path="/missing")
    with pytest.raises(MisconfiguredError, match="/missing is not there"):
        await destination.ping()
    outcome = (await put(destination, [whole(1, b"x")]))[1]
    assert isinstance(outcome, Parked)
    assert list(server.root.iterdir()) == []


@pytest.mark.parametrize("path", ["/a/../b.txt", "/a//b.txt", "a.txt", f"/{PARTS}/b.txt", "/a/\0.txt", "/\udcff.txt", "/"])
async def test_paths_that_lead_elsewhere(server: SftpServer, shelf: Any, path: str) -> None:
    """A path with dots, holes or what is no text is rejected before anything is asked."""
    assert isinstance((await put(shelf.open(server.port), [whole(1, b"x", path)]))[1], Rejected)
    assert server.calls == []


async def test_a_file_where_a_folder_must_be(server: SftpServer, shelf: Any) -> None:
    """It is a conflict for a person, and stays; so does a folder where the file should be."""
    (server.root / "taken").write_bytes(b"somebody's own")
    (server.root / "folder").mkdir()
    destination = shelf.open(server.port)
    for number, path in enumerate(("/taken/2024/a.txt", "/folder")):
        outcome = (await put(destination, [whole(number, b"x", path)]))[number]
        assert isinstance(outcome, Rejected), outcome
        assert outcome.reason == "ConflictError"
    assert files_of(server.root) == {"/taken": b"somebody's own"}


async def test_a_folder_that_is_removed_is_made_again(server: SftpServer, shelf: Any) -> None:
    """What was made once need not be there still."""
    destination = shelf.open(server.port)
    for number in range(3):
        receipt_of((await put(destination, [whole(number, b"x", f"/a/b/{number}.txt")]))[number], b"x")
        (server.root / f"a/b/{number}.txt").unlink()
        (server.root / "a/b").rmdir()
        (server.root / "a").rmdir()


async def test_a_file_has_the_time_of_its_item(server: SftpServer, shelf: Any) -> None:
    """What was recorded last year looks like that in a listing."""
    await put(shelf.open(server.port), [whole(1, b"x", "/a.txt")])
    assert (server.root / "a.txt").stat().st_mtime == 1_700_000_001


async def test_old_parts_are_taken_away(server: SftpServer, shelf: Any) -> None:
    """Those of a week ago, by the time in their names; not those that somebody may go on with, and nobody else's files."""
    parts = server.root / PARTS
    parts.mkdir()
    now = int(time.time())
    names = {age: f"{now - age:08x}-{'0' * 16}.part" for age in (8 * 86400, 6 * 86400)}
    for name in (*names.values(), "somebody's.part"):
        (parts / name).write_bytes(b"x")
    await put(shelf.open(server.port), [whole(1, b"x")])
    assert {path.name for path in parts.iterdir()} == {names[6 * 86400], "somebody's.part"}


@pytest.mark.parametrize("verify", ["size", "read"])
async def test_other_bytes_than_were_written(server: SftpServer, shelf: Any, verify: str) -> None:
    """A server that loses bytes is found out by the size; one that changes them by reading back, and nothing of it is visible."""
    destination = shelf.open(server.port, verify=verify)
    server.alter = (lambda data: data[:-1]) if verify == "size" else (lambda data: b"\0" + data[1:])
    outcome = (await put(destination, [whole(1, b"x" * 1000)]))[1]
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "IntegrityError"
    big = (await put(destination, [streamed(2, b"x" * 9 * MIB)]))[2]
    assert isinstance(big, Deferred)
    assert (big.reason, big.session) == ("IntegrityError", None)
    assert files_of(server.root) == {}
    assert list((server.root / PARTS).iterdir()) == []


async def test_a_source_that_gives_other_bytes_begins_anew(server: SftpServer, shelf: Any) -> None:
    """Bytes of before and after are never mixed in one file."""
    destination = shelf.open(server.port)
    first, other = b"a" * 20 * MIB, b"b" * 20 * MIB
    outcome = (await put(destination, [streamed(1, first, fail_at=18 * MIB)]))[1]
    assert isinstance(outcome, Deferred)
    assert outcome.session is not None
    changed = (await put(destination, [streamed(1, other, session=outcome.session)]))[1]
    assert isinstance(changed, Deferred)
    assert changed.session is None
    assert list((server.root / PARTS).iterdir()) == []
    receipt_of((await put(destination, [streamed(1, other)]))[1], other)


async def test_a_part_with_holes_is_cut(server: SftpServer, shelf: Any) -> None:
    """Behind the last chunk that was kept anything may stand; it does not become part of the file."""
    destination = shelf.open(server.port)
    data = os.urandom(17 * MIB)
    outcome = (await put(destination, [streamed(1, data, fail_at=16 * MIB)]))[1]
    assert isinstance(outcome, Deferred)
    assert outcome.session is not None
    with (server.root / PARTS / outcome.session.id).open("ab") as part:
        part.write(b"\0" * 20 * MIB)
    receipt_of((await put(destination, [streamed(1, data, session=outcome.session)]))[1], data)
    assert files_of(server.root) == {"/archive/2024/big-1.wav": data}


async def test_a_server_that_cannot_sync(server: SftpServer, shelf: Any) -> None:
    """It is asked once, and used all the same."""
    server.unknown = {"fsync"}
    destination = shelf.open(server.port)
    for number in range(3):
        receipt_of((await put(destination, [whole(number, b"x")]))[number], b"x")
    assert server.calls.count("fsync") == 1
