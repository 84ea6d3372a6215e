from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from archiver.cli import main
from archiver.errors import ConfigError


@pytest.mark.scenario
def test_a_small_demo(tmp_path: Path) -> None:
    """A demo of few items archives all of them, tells the figures in one last line, and keeps what it was told to keep."""
    keep = tmp_path / "demo"
    command = [sys.executable, "-m", "archiver", "demo", "--items", "120", "--keep", str(keep), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert (verdict["items"], verdict["archived"]) == (120, 120)
    assert (verdict["lost"], verdict["duplicates"], verdict["corrupt"]) == (0, 0, 0)
    assert set(verdict) == {
        "items",
        "archived",
        "lost",
        "duplicates",
        "corrupt",
        "requests",
        "throttled",
        "limit_utilisation",
        "seconds",
        "p95_dwell_quiet_s",
        "p95_dwell_airline_s",
    }
    assert "archiver customers add" in done.stderr
    assert {"companies", "dropbox", "home"} <= {path.name for path in keep.iterdir()}


@pytest.mark.scenario
def test_ctrl_c_ends_a_demo_without_a_verdict(tmp_path: Path) -> None:
    """A terminal's Ctrl-C reaches every process of the demo: it says that it was stopped, and judges nothing."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "archiver", "demo", "--items", "2000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, start_new_session=True) as demo:
        assert demo.stdout is not None
        said = b""
        while b"waiting" not in said:
            line = demo.stdout.readline()
            assert line, said
            said += line
        os.killpg(demo.pid, signal.SIGINT)
        said += demo.stdout.read()
    assert demo.returncode == 130, said.decode()
    assert b"Stopped before its end" in said
    assert b"error" not in said
    assert list(tmp_path.iterdir()) == [], "what it made is gone"


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--keep`` takes no directory that has something in it, and too few items are refused."""
    (tmp_path / "mine").touch()
    assert main(["demo", "--keep", str(tmp_path)]) == ConfigError.exit_code
    assert main(["demo", "--items", "5"]) == ConfigError.exit_code
    assert "is not empty" in capsys.readouterr().err
