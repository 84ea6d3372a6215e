"""Walks: everything, what changed, what was heard of, what was not complete."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.errors import UnavailableError
from archiver.model import Discovery, Kind
from archiver.sources.folder.candidates import Reason
from archiver.sources.folder.scan import Scanner, take
from archiver.sources.folder.settings import FolderSettings, Sidecars


def scanner_of(root: Path, **changes: object) -> Scanner:
    """A scanner that does not wait for sidecars unless told to."""
    return Scanner(FolderSettings(root=str(root), **{"settle": 0.0, "sidecars": Sidecars.IGNORED, **changes}))


def names(steps: Iterator[Discovery | None]) -> list[str]:
    """What a walk finds."""
    return sorted(discovery.locator for discovery in steps if discovery is not None)


def old(path: Path, seconds: float = 7200) -> Path:
    """Gives a file or directory the date of some hours ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_a_second_walk_finds_only_what_is_new(tmp_path: Path) -> None:
    """Known paths are not told again, by any walk."""
    (tmp_path / "a.txt").write_text("a")
    scanner = scanner_of(tmp_path)
    assert names(scanner.everything()) == ["a.txt"]
    (tmp_path / "b.txt").write_text("b")
    assert names(scanner.changes()) == ["b.txt"]
    assert names(scanner.changes()) == []
    assert names(scanner.everything()) == []
    assert names(scanner.look([str(tmp_path / "a.txt")])) == []


def test_a_file_that_was_deleted_and_came_back_is_found_again(tmp_path: Path) -> None:
    """What a thorough walk does not see is forgotten, so that memory does not grow with what was."""
    path = tmp_path / "a.txt"
    path.write_text("a")
    scanner = scanner_of(tmp_path)
    assert names(scanner.everything()) == ["a.txt"]
    path.unlink()
    assert names(scanner.everything()) == []
    path.write_text("a")
    assert names(scanner.everything()) == ["a.txt"]


def test_changes_list_only_directories_whose_date_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three directories, one touched: one listed; a new one below it is found."""
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text("x")
        old(tmp_path / name)
    old(tmp_path)
    scanner = scanner_of(tmp_path)
    names(scanner.everything())
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(os.path.basename(path)) or scandir(path))  # noqa: PTH119
    (tmp_path / "b" / "new").mkdir()
    (tmp_path / "b" / "new" / "2.txt").write_text("x")
    assert names(scanner.changes()) == ["b/new/2.txt"]
    assert listed == ["b", "new"]


def test_a_directory_that_changed_just_now_is_listed_again(tmp_path: Path) -> None:
    """Two files within one tick of the file system's clock leave one date."""
    scanner = scanner_of(tmp_path)
    names(scanner.everything())
    before = tmp_path.stat()
    (tmp_path / "a.txt").write_text("x")
    os.utime(tmp_path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert names(scanner.changes()) == ["a.txt"]


def test_a_directory_is_covered_before_it_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nothing falls between listing and watching: the root, those below it, and one that comes later."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    seen: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: seen.append(f"list {os.path.relpath(path, tmp_path)}") or scandir(path))
    scanner = Scanner(FolderSettings(root=str(tmp_path)), lambda directory: seen.append(f"cover {directory or '.'}"))
    names(scanner.everything())
    assert seen == ["cover .", "list .", "cover a", "list a", "cover a/b", "list a/b"]
    seen.clear()
    (tmp_path / "c").mkdir()
    names(scanner.look([str(tmp_path / "c")]))
    assert seen == ["cover c", "list c"]


def test_directories_come_and_go(tmp_path: Path) -> None:
    """A removed directory is no trouble; the root's own absence is."""
    (tmp_path / "root" / "a").mkdir(parents=True)
    scanner = scanner_of(tmp_path / "root")
    names(scanner.everything())
    (tmp_path / "root" / "a").rmdir()
    assert names(scanner.changes()) == []
    assert not scanner.truncated
    (tmp_path / "root").rmdir()
    for walk in (scanner.changes, scanner.everything):
        with pytest.raises(UnavailableError):
            names(walk())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_directory_that_cannot_be_listed_makes_the_walk_incomplete(tmp_path: Path) -> None:
    """Counted and said: a truncated walk must not read healthy."""
    (tmp_path / "locked").mkdir(mode=0)
    (tmp_path / "a.txt").write_text("x")
    scanner = scanner_of(tmp_path)
    assert names(scanner.everything()) == ["a.txt"]
    assert scanner.truncated
    assert scanner.ignored[Reason.UNREADABLE_DIRECTORY] == 1


def test_only_paths_inside_are_looked_at(tmp_path: Path) -> None:
    """Hints may name anything: hidden, outside, deleted, sidecars."""
    root = tmp_path / "root"
    (root / ".git").mkdir(parents=True)
    for path in (tmp_path / "out.txt", root / ".git" / "x.txt", root / ".y.txt", root / "a.txt", root / "a.txt.json"):
        path.write_text("{}")
    scanner = scanner_of(root, sidecars=Sidecars.OPTIONAL)
    hints = [tmp_path / "out.txt", root / ".git" / "x.txt", root / ".y.txt", root / "gone.txt", root / "a.txt.json"]
    assert names(scanner.look(map(str, hints))) == ["a.txt"]


def test_an_open_file_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as somebody writes; then `recheck` finds it."""
    closed = False
    monkeypatch.setattr("archiver.sources.folder.candidates.is_closed", lambda _path: closed)
    (tmp_path / "a.txt").write_text("x")
    scanner = scanner_of(tmp_path)
    assert names(scanner.everything()) == []
    assert scanner.waiting
    assert names(scanner.recheck()) == []
    closed = True
    assert names(scanner.recheck()) == ["a.txt"]
    assert not scanner.waiting


def test_where_nothing_tells_a_moving_file_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until size and date have stood still for the quiet time."""
    now = [100.0]
    monkeypatch.setattr("archiver.sources.folder.candidates.time.monotonic", lambda: now[0])
    monkeypatch.setattr("archiver.sources.folder.candidates.is_closed", lambda _path: None)
    path = tmp_path / "a.txt"
    path.write_text("x")
    scanner = scanner_of(tmp_path, settle=5.0)
    assert names(scanner.everything()) == []
    now[0] += 4
    path.write_text("xy")
    assert names(scanner.recheck()) == []
    now[0] += 4
    assert names(scanner.recheck()) == []
    now[0] += 1
    assert names(scanner.recheck()) == ["a.txt"]


def test_an_old_file_is_taken_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog of a million files is not asked one by one whether somebody still writes."""
    asked: list[str] = []
    monkeypatch.setattr("archiver.sources.folder.candidates.is_closed", asked.append)
    monkeypatch.setattr("archiver.sources.folder.candidates.time.time", lambda: time.time_ns() / 1e9 + 7200)
    (tmp_path / "a.txt").write_text("x")
    assert names(scanner_of(tmp_path, settle=5.0).everything()) == ["a.txt"]
    assert asked == []


def test_a_sidecar_may_come_a_little_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the grace it is used; after it the file goes without."""
    monkeypatch.setattr("archiver.sources.folder.candidates.is_closed", lambda _path: True)
    now = [100.0]
    monkeypatch.setattr("archiver.sources.folder.candidates.time.monotonic", lambda: now[0])
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("x")
    scanner = scanner_of(tmp_path, settle=5.0, sidecars=Sidecars.OPTIONAL)
    assert names(scanner.everything()) == []
    (tmp_path / "a.txt.json").write_text('{"external_id": "1"}')
    assert [found.external_id for found in scanner.recheck() if found] == ["1"]
    now[0] += 5
    assert [found.external_id for found in scanner.recheck() if found] == ["b.txt"]


@pytest.mark.parametrize("required", [False, True])
def test_a_malformed_sidecar_does_not_lose_its_file(tmp_path: Path, required: bool) -> None:
    """Optional: archived with a note of it. Required: left out and counted. While it may still be being written: waited for."""
    (tmp_path / "a.txt").write_text("x")
    sidecar = tmp_path / "a.txt.json"
    sidecar.write_text("{")
    scanner = scanner_of(tmp_path, sidecars=Sidecars.REQUIRED if required else Sidecars.OPTIONAL)
    assert names(scanner.everything()) == []
    assert scanner.waiting
    old(sidecar)
    found = [discovery for discovery in scanner.everything() if discovery]
    assert [list(discovery.metadata) for discovery in found] == ([] if required else [["sidecar_error"]])
    assert scanner.ignored == ({Reason.MALFORMED_SIDECAR: 1} if required else {})
    assert not scanner.waiting


def test_json_files_may_be_items(tmp_path: Path) -> None:
    """If the settings say so; their sidecars are sidecars all the same."""
    (tmp_path / "calls.json").write_text("[]")
    (tmp_path / "calls.json.json").write_text('{"external_id": "log"}')
    settings = FolderSettings(root=str(tmp_path), settle=0.0, kinds={".json": Kind.CALL_LOG})
    assert [found.external_id for found in Scanner(settings).everything() if found] == ["log"]


def test_take_stops_at_its_limit_and_at_its_time(tmp_path: Path) -> None:
    """So that a walk of a million files does not keep the loop."""
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text("x")
    steps = scanner_of(tmp_path).everything()
    found, ended = take(steps, 4, 60.0)
    assert (len(found), ended) == (4, False)
    found, ended = take(steps, 100, 0.0)
    assert (len(found), ended) == (1, False)
    found, ended = take(steps, 100, 60.0)
    assert (len(found), ended) == (5, True)
