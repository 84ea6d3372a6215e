"""Linux's own watch."""

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.sources.folder.inotify import Inotify

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Inotify]:
    """Of an empty folder, which is covered."""
    watch = Inotify(str(tmp_path))
    watch.start()
    watch.cover("")
    yield watch
    watch.stop()


async def heard(watch: Inotify) -> tuple[set[str], bool]:
    """What it hears of next."""
    async with asyncio.timeout(20):
        await watch.changed.wait()
    return watch.take()


async def test_it_hears_of_files_that_are_closed_moved_in_or_linked(watch: Inotify, tmp_path: Path) -> None:
    """And of directories; all that happens at once is told at once."""
    away = tmp_path.with_name(f"{tmp_path.name}-away")
    away.mkdir()
    (away / "moved.wav").write_text("x")
    (tmp_path / "closed.wav").write_text("x")
    (away / "moved.wav").rename(tmp_path / "moved.wav")
    (tmp_path / "linked.wav").hardlink_to(tmp_path / "moved.wav")
    (tmp_path / "directory").mkdir()
    paths, rescan = await heard(watch)
    assert paths == {str(tmp_path / name) for name in ("closed.wav", "moved.wav", "linked.wav", "directory")}
    assert not rescan
    assert not watch.changed.is_set()


async def test_it_hears_nothing_of_reading_deleting_and_hidden_files(watch: Inotify, tmp_path: Path) -> None:
    """What Archiver itself does with a file makes no noise."""
    (tmp_path / "a.wav").write_text("x")
    await heard(watch)
    (tmp_path / "a.wav").read_text()
    (tmp_path / "a.wav").unlink()
    (tmp_path / ".hidden.wav").write_text("x")
    (tmp_path / "marker.wav").write_text("x")
    assert await heard(watch) == ({str(tmp_path / "marker.wav")}, False)


async def test_a_name_that_is_no_text_is_heard_of(watch: Inotify, tmp_path: Path) -> None:
    """As the listing would show it."""
    descriptor = os.open(os.path.join(os.fsencode(tmp_path), b"caf\xe9.wav"), os.O_CREAT | os.O_WRONLY)  # noqa: PTH118 - Path has no bytes
    os.close(descriptor)
    assert await heard(watch) == ({str(tmp_path / "caf\udce9.wav")}, False)


async def test_a_directory_is_heard_under_the_name_it_was_covered_with_last(watch: Inotify, tmp_path: Path) -> None:
    """It may be moved, and is then listed again."""
    (tmp_path / "old").mkdir()
    watch.cover("old")
    (tmp_path / "old").rename(tmp_path / "new")
    await heard(watch)
    watch.cover("new")
    (tmp_path / "new" / "a.wav").write_text("x")
    assert await heard(watch) == ({str(tmp_path / "new" / "a.wav")}, False)


async def test_a_directory_that_is_gone_is_forgotten(watch: Inotify, tmp_path: Path) -> None:
    """So that memory does not grow with what was; one that never was is no failure, since its listing tells."""
    (tmp_path / "a").mkdir()
    watch.cover("a")
    watch.cover("nowhere")
    (tmp_path / "a").rmdir()
    await heard(watch)
    assert len(watch._directories) == 1
    assert not watch.failed


async def test_what_it_cannot_name_is_a_rescan(watch: Inotify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More events than the system keeps, more paths than are kept here, a directory that is just being covered."""
    monkeypatch.setattr("archiver.sources.folder.inotify._MOST_PATHS", 1)
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_text("x")
    assert await heard(watch) == (set(), True)
    watch._directories.clear()
    (tmp_path / "c.wav").write_text("x")
    assert await heard(watch) == (set(), True)
    watch.cover("")
    watch._understand(b"\xff\xff\xff\xff\x00\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
    assert watch.take() == (set(), True)


async def test_a_directory_that_cannot_be_watched_is_a_failure_until_the_next_walk(watch: Inotify) -> None:
    """Rescans must do meanwhile."""
    watch.cover("x" * 5000)
    assert watch.failed == "File name too long"
    watch.start()
    assert not watch.failed


async def test_a_system_without_room_for_a_watch_is_asked_again(tmp_path: Path) -> None:
    """Nothing is heard until then, and nothing breaks."""
    watch = Inotify(str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        watch.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert watch.failed == "Too many open files"
    watch.cover("")
    watch.start()
    watch.cover("")
    assert not watch.failed
    (tmp_path / "a.wav").write_text("x")
    assert await heard(watch) == ({str(tmp_path / "a.wav")}, False)
    watch.stop()


async def test_stopping_wakes_whoever_waits(watch: Inotify, tmp_path: Path) -> None:
    """Also while events gather; twice is harmless, and what comes later is no trouble."""
    (tmp_path / "a.wav").write_text("x")
    await asyncio.sleep(0)
    watch.stop()
    watch.stop()
    watch.cover("")
    async with asyncio.timeout(20):
        await watch.changed.wait()
