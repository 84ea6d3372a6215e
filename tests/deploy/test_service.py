"""The unit of systemd: it is one, it is as closed as it can be, and it names what Archiver does."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from archiver.cli import COMMANDS
from archiver.errors import ConfigError
from archiver.settings import load

UNIT = Path(__file__).parent.parent.parent / "deploy" / "archiver.service"
ANALYZE = shutil.which("systemd-analyze") or ""
needs_systemd = pytest.mark.skipif(not ANALYZE, reason="systemd-analyze is not installed")


def directives() -> dict[str, list[str]]:
    """Every directive with its values."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


@needs_systemd
def test_systemd_understands_it(tmp_path: Path) -> None:
    """Without a word but that the program is not installed here, which a stand-in is for."""
    program = tmp_path / "archiver"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "archiver.service"
    unit.write_text(UNIT.read_text().replace("/opt/archiver/bin/archiver", str(program)))
    done = subprocess.run([ANALYZE, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")


@needs_systemd
def test_it_is_closed() -> None:
    """Systemd's own measure of what the service could reach: 10 is everything, below 2 is what a service with a network can have."""
    done = subprocess.run([ANALYZE, "security", "--offline=true", "--no-pager", str(UNIT)], capture_output=True, text=True, check=True)
    measure = re.search(r"Overall exposure level for archiver.service: ([\d.]+)", done.stdout)
    assert measure
    assert float(measure[1]) <= 1.6


def test_it_says_what_archiver_does() -> None:
    """It waits for READY, lives by the watchdog, has time to drain, and is not started again where that cannot help."""
    unit = directives()
    assert (unit["Type"], unit["NotifyAccess"]) == (["notify"], ["main"])
    assert int(unit["WatchdogSec"][0]) >= 10
    assert float(unit["TimeoutStopSec"][0]) >= load(environment={}).drain_seconds + 5
    assert str(ConfigError.exit_code) in unit["RestartPreventExitStatus"][0].split()
    assert unit["ExecStart"][0].split()[1] in COMMANDS


def test_its_settings_are_ones() -> None:
    """Every variable that it sets is a setting with a value that can be; the key is where the credential is."""
    unit = directives()
    variables = dict(variable.split("=", 1) for variable in unit["Environment"])
    load(environment={name: value.replace("%S", "/var/lib") for name, value in variables.items()})
    assert unit["LoadCredential"] == ["archiver.key:/etc/archiver.key"]
