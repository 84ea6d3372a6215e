"""Who serves a database."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from archiver.database.sqlite.lock import ServeLock
from archiver.errors import ConfigError, DatabaseHeldError


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """The second is told pid, host and since when; after the first gave it back it may have it."""
    first, second = ServeLock(tmp_path / "a.db"), ServeLock(tmp_path / "a.db")
    first.take(1_700_000_000_000)
    first.take(1_700_000_000_001)
    with pytest.raises(DatabaseHeldError, match=rf"process {os.getpid()} on \S+ since 2023-11-14 22:13:20 UTC") as caught:
        second.take(0)
    assert caught.value.exit_code == 75
    assert "Stop that process" in caught.value.hint
    first.give_back()
    first.give_back()
    second.take(0)
    second.give_back()


def test_a_link_to_the_same_file_is_the_same_database(tmp_path: Path) -> None:
    """The lock follows symbolic links."""
    (tmp_path / "a.db").touch()
    (tmp_path / "b.db").symlink_to(tmp_path / "a.db")
    first = ServeLock(tmp_path / "a.db")
    first.take(0)
    with pytest.raises(DatabaseHeldError):
        ServeLock(tmp_path / "b.db").take(0)
    first.give_back()


def test_a_holder_whose_name_cannot_be_read_still_holds(tmp_path: Path) -> None:
    """Between the lock and the writing of the name there is a moment."""
    first = ServeLock(tmp_path / "a.db")
    first.take(0)
    (tmp_path / "a.db.lock").write_bytes(b'{"pid"')
    with pytest.raises(DatabaseHeldError, match="another process"):
        ServeLock(tmp_path / "a.db").take(0)
    assert ServeLock(tmp_path / "a.db").owner() is None
    first.give_back()


def test_who_asks_for_the_owner_takes_nothing(tmp_path: Path) -> None:
    """Nobody, the holder, nobody again."""
    lock = ServeLock(tmp_path / "a.db")
    assert lock.owner() is None
    lock.take(5)
    owner = ServeLock(tmp_path / "a.db").owner()
    assert owner is not None
    assert (owner.pid, owner.since) == (os.getpid(), 5)
    lock.give_back()
    assert ServeLock(tmp_path / "a.db").owner() is None
    lock.take(6)
    lock.give_back()


def test_a_directory_that_is_not_there_is_a_matter_of_settings(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(ConfigError, match="nowhere"):
        ServeLock(tmp_path / "nowhere" / "a.db").take(0)


def test_who_only_asks_for_the_owner_keeps_nobody_out(tmp_path: Path) -> None:
    """A look at the owner takes the lock for a moment; a process that begins to serve just then waits that moment."""
    lock = ServeLock(tmp_path / "a.db")
    descriptor = os.open(tmp_path / "a.db.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    looker = threading.Timer(0.03, os.close, [descriptor])
    looker.start()
    lock.take(0)
    looker.join()
    lock.give_back()
