"""``archiver doctor`` as a person meets it; what it finds is tested where it is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archiver.cli import main


def test_everything_works(archiver: Any, tmp_path: Path) -> None:
    """The exit code is 0, and every line says that it is fine."""
    archiver("customers", "add", "acme", "--from", "memory:1", "--to", f"folder:{tmp_path / 'out'}")
    code, findings, words = archiver("doctor")
    assert code == 0
    assert [finding["about"] for finding in findings][:4] == ["settings", "disk", "database", "key"]
    assert "Everything works." in words


def test_a_fault_and_its_remedy(archiver: Any, tmp_path: Path) -> None:
    """The exit code is 1; the fault is marked, and the line below it says what to do."""
    (tmp_path / "disk").mkdir()
    archiver("customers", "add", "acme", "--from", "memory:1", "--to", f"folder:{tmp_path / 'disk' / 'out'}")
    (tmp_path / "disk").rmdir()
    code, findings, words = archiver("doctor")
    lines = words.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("✗ acme: destination folder")]
    assert code == 1
    assert lines[at + 1].startswith("  → ")
    assert "1 thing does not work." in words
    assert [finding["verdict"] for finding in findings].count("fault") == 1


@pytest.mark.parametrize("text", ["uploads = 3", "log_level = 'loud'", "not toml at all ="])
def test_settings_that_cannot_be(archiver: Any, home: Path, text: str) -> None:
    """It is a finding like any other, and the file and the key are named."""
    home.mkdir()
    (home / "archiver.toml").write_text(text)
    code, findings, _ = archiver("doctor")
    assert (code, [finding["about"] for finding in findings]) == (1, ["settings"])
    assert "archiver.toml" in findings[0]["what"]
    assert findings[0]["remedy"]


def test_for_people(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """Without --json its words are on standard output; nothing was made by looking."""
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "! database: " in out
    assert not home.exists()
