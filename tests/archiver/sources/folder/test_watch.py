"""The watch that a system is best watched with."""

import sys
from pathlib import Path

import pytest

from archiver.sources.folder.notifier import Notifier
from archiver.sources.folder.watch import watch_of


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has its own")
async def test_linux_is_watched_directory_by_directory(tmp_path: Path) -> None:
    """Without the library."""
    assert type(watch_of(str(tmp_path))).__name__ == "Inotify"


async def test_other_systems_are_watched_by_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows them all."""
    monkeypatch.setattr("archiver.sources.folder.watch.sys.platform", "darwin")
    assert isinstance(watch_of(str(tmp_path)), Notifier)
