"""Whether a file is whole."""

import sys
from pathlib import Path

import pytest

from archiver.sources.folder.complete import is_closed


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_file_is_closed_when_nobody_writes(tmp_path: Path) -> None:
    """Open for writing: no; open for reading or not at all: yes, or unknown where leases are not to be had."""
    path = tmp_path / "a.wav"
    with path.open("wb") as file:
        file.write(b"x")
        assert is_closed(str(path)) in {False, None}
    with path.open("rb"):
        assert is_closed(str(path)) in {True, None}


def test_other_systems_do_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quiet time decides there."""
    monkeypatch.setattr("archiver.sources.folder.complete.sys.platform", "darwin")
    assert is_closed(str(tmp_path / "a.wav")) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_file_that_vanished_is_an_error(tmp_path: Path) -> None:
    """Not an unknown."""
    with pytest.raises(FileNotFoundError):
        is_closed(str(tmp_path / "a.wav"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_what_cannot_be_opened_is_unknown(tmp_path: Path) -> None:
    """A link in its place, no permission: the error shows when it is read."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert is_closed(str(tmp_path / "link")) is None
