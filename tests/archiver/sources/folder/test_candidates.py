"""Single files: an item, none, or not yet; walks that lead to them are tested with the scanner."""

import os
from pathlib import Path

import pytest

from archiver.model import Discovery
from archiver.sources.folder.candidates import Candidates, Reason
from archiver.sources.folder.settings import FolderSettings, Sidecars


def candidates_of(root: Path, **changes: object) -> Candidates:
    """Candidates of a folder that waits for nothing."""
    return Candidates(FolderSettings(root=str(root), **{"settle": 0.0, **changes}))


@pytest.mark.parametrize("name", ["a.wav.part", "A.TMP", "b.partial", "c.filepart", "d.crdownload"])
def test_an_unfinished_name_is_no_item(tmp_path: Path, name: str) -> None:
    """Whatever its writer calls it; it comes again under its own name."""
    (tmp_path / name).write_text("x")
    assert candidates_of(tmp_path).judge(name, os.lstat(tmp_path / name)) is Reason.UNFINISHED


def test_a_file_that_vanished_is_said_to_have(tmp_path: Path) -> None:
    """Between being listed and being looked at."""
    path = tmp_path / "a.wav"
    path.write_text("x")
    status = os.lstat(path)
    path.unlink()
    candidates = candidates_of(tmp_path, sidecars=Sidecars.IGNORED)
    assert candidates.judge("a.wav", status) in {Reason.VANISHED, None}
    candidates.forget("a.wav")
    assert candidates.waiting() == []


def test_an_empty_file_is_an_item_when_it_stays_empty(tmp_path: Path) -> None:
    """Zero bytes are content, but an empty file that was just made is perhaps about to be written."""
    path = tmp_path / "a.wav"
    path.touch()
    waits = candidates_of(tmp_path, settle=3600.0, sidecars=Sidecars.IGNORED)
    assert waits.judge("a.wav", os.lstat(path)) is None
    assert waits.waiting() == ["a.wav"]
    found = candidates_of(tmp_path, sidecars=Sidecars.IGNORED).judge("a.wav", os.lstat(path))
    assert isinstance(found, Discovery)
    assert found.size == 0


def test_a_sidecar_tells_the_kind_of_any_file(tmp_path: Path) -> None:
    """Without it, an unknown extension is no item."""
    for name in ("a.raw", "b.raw"):
        (tmp_path / name).write_text("x")
    (tmp_path / "a.raw.json").write_text('{"kind": "voicemail"}')
    candidates = candidates_of(tmp_path)
    assert isinstance(candidates.judge("a.raw", os.lstat(tmp_path / "a.raw")), Discovery)
    assert candidates.judge("b.raw", os.lstat(tmp_path / "b.raw")) is Reason.UNKNOWN_KIND


def test_a_sidecar_beyond_all_measure_is_malformed(tmp_path: Path) -> None:
    """Two megabytes are not read."""
    (tmp_path / "a.wav").write_text("x")
    sidecar = tmp_path / "a.wav.json"
    sidecar.write_text('{"owner": "' + "x" * 2_000_000 + '"}')
    os.utime(sidecar, (0, 0))
    found = candidates_of(tmp_path).judge("a.wav", os.lstat(tmp_path / "a.wav"))
    assert isinstance(found, Discovery)
    assert list(found.metadata) == ["sidecar_error"]
