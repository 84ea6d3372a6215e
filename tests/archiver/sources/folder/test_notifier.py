"""The notifier: a watch that is a thread, for systems that are not Linux; it works there too."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import watchfiles

from archiver.sources.folder.notifier import Notifier


async def test_it_says_when_it_listens_and_what_it_hears(tmp_path: Path) -> None:
    """First a rescan, for what came before; then paths; deletions are nothing to look at."""
    watch = Notifier(str(tmp_path))
    watch.start()
    watch.start()
    watch.cover("")
    async with asyncio.timeout(20):
        await watch.changed.wait()
        assert watch.take()[1]
        assert not watch.changed.is_set()
        (tmp_path / "a.wav").write_text("x")
        heard: set[str] = set()
        while str(tmp_path / "a.wav") not in heard:
            await watch.changed.wait()
            heard |= watch.take()[0]
    watch.stop()
    watch.stop()
    await asyncio.to_thread(watch._thread.join, 20)
    assert not watch._thread.is_alive()


async def test_a_folder_that_cannot_be_watched_says_why(tmp_path: Path) -> None:
    """The thread ends; whoever waits is woken."""
    watch = Notifier(str(tmp_path / "nowhere"))
    watch.start()
    async with asyncio.timeout(20):
        await watch.changed.wait()
    assert watch.failed
    watch.stop()


async def test_a_watch_that_failed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First leaving out what may not be watched, then after a while; a success is a rescan, for what was missed."""
    tried: list[bool] = []

    def watch_badly(*_args: object, ignore_permission_denied: bool, **_kwargs: object) -> Iterator[set[tuple[watchfiles.Change, str]]]:
        tried.append(ignore_permission_denied)
        if len(tried) <= 2:
            raise PermissionError
        yield set()
        yield {(watchfiles.Change.added, "/a"), (watchfiles.Change.deleted, "/b")}

    monkeypatch.setattr("archiver.sources.folder.notifier.watchfiles.watch", watch_badly)
    monkeypatch.setattr("archiver.sources.folder.notifier._RETRY_SECONDS", 0.01)
    watch = Notifier(str(tmp_path))
    watch.start()
    heard: set[str] = set()
    async with asyncio.timeout(20):
        while "/a" not in heard:
            await watch.changed.wait()
            heard |= watch.take()[0]
    watch.stop()
    assert tried[:3] == [False, True, True]
    assert heard == {"/a"}
    assert not watch.failed


def test_a_loop_that_is_gone_ends_the_thread(tmp_path: Path) -> None:
    """Nobody closed the watch; it does not go on for ever."""

    async def begin() -> Notifier:
        watch = Notifier(str(tmp_path))
        watch.start()
        return watch

    watch = asyncio.run(begin())
    watch._thread.join(20)
    assert not watch._thread.is_alive()
