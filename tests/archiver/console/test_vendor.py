"""What was taken from npm is what was looked at."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = [ROOT / "src" / "archiver" / "console" / "static" / "vendor", Path(__file__).parent / "vendor"]


@pytest.mark.parametrize("folder", FOLDERS, ids=["served", "tests"])
def test_every_file_is_the_one_of_the_lock(folder: Path) -> None:
    """No file more, none less, each with its hash, its package and version, and its licence beside it."""
    lines = json.loads((folder / "vendor.lock").read_text())
    assert {line["file"] for line in lines} == {file.name for file in folder.iterdir()} - {"vendor.lock"}
    for line in lines:
        assert hashlib.sha256((folder / line["file"]).read_bytes()).hexdigest() == line["sha256"], line["file"]
        name, _, version = line["package"].rpartition("@")
        assert name
        assert version[0].isdigit()
        assert line["licence"]
        assert (folder / f"{name}.LICENSE").exists()


def test_our_own_scripts_stay_short() -> None:
    """The console is pages; scripts only do what pages cannot."""
    own = [*FOLDERS[0].parent.glob("*.js")]
    assert own
    assert sum(len(file.read_text().splitlines()) for file in own) < 200
