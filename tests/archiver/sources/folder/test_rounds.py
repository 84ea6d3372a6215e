"""The order of walks."""

import asyncio
from pathlib import Path

import pytest

from archiver.sources.folder.notifier import Notifier
from archiver.sources.folder.rounds import Rounds
from archiver.sources.folder.scan import Scanner
from archiver.sources.folder.settings import FolderSettings
from archiver.sources.folder.watch import watch_of


class Recorder(Scanner):
    """A scanner that says which walks were wanted."""

    def __init__(self, settings: FolderSettings) -> None:
        super().__init__(settings)
        self.settings = settings
        self.walks: list[str] = []

    def everything(self):  # noqa: ANN201 - as the scanner's
        """Notes it."""
        self.walks.append("everything")
        return iter(())

    def changes(self):  # noqa: ANN201 - as the scanner's
        """Notes it."""
        self.walks.append("changes")
        return iter(())


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    """Of an empty folder."""
    return Recorder(FolderSettings(root=str(tmp_path), rescan_interval=0.01, thorough_every=3))


async def test_rescans_are_thorough_now_and_then(recorder: Recorder) -> None:
    """First everything; then what changed, every so often; everything again after a while."""
    watch = watch_of(recorder.settings.root)
    rounds = Rounds(recorder.settings, recorder, watch)
    async with asyncio.timeout(20):
        while recorder.walks.count("everything") < 3:
            walk = await rounds.next()
            assert walk is not None
            assert list(walk[0]) == []
    assert recorder.walks[:2] == ["everything", "changes"]
    assert recorder.walks.count("changes") >= 2
    watch.stop()


async def test_a_hint_that_events_were_lost_is_a_rescan(tmp_path: Path) -> None:
    """As when the watch begins, or hears more than it can keep."""
    recorder = Recorder(FolderSettings(root=str(tmp_path), rescan_interval=3600.0))
    watch = Notifier(str(tmp_path))
    rounds = Rounds(recorder.settings, recorder, watch)
    await rounds.next()
    assert await rounds.next() is not None
    watch._hear([], rescan=True, failed="")
    await rounds.next()
    watch._hear([str(tmp_path / str(number)) for number in range(20_000)], rescan=False, failed="")
    await rounds.next()
    assert recorder.walks == ["everything", "changes", "changes"]
    watch.stop()


async def test_a_folder_looked_at_once_comes_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if a file is never closed."""
    monkeypatch.setattr("archiver.sources.folder.candidates.is_closed", lambda _path: False)
    (tmp_path / "a.wav").write_text("x")
    settings = FolderSettings(root=str(tmp_path), watch=False, settle=0.01)
    scanner = Scanner(settings)
    rounds = Rounds(settings, scanner, None)
    async with asyncio.timeout(20):
        while (walk := await rounds.next()) is not None:
            assert [found for found in walk[0] if found] == []
    assert scanner.waiting
