"""Failpoints: how they are asked for, what they do, and that each has its place in the code."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver import failpoints
from archiver.errors import ConfigError
from archiver.failpoints import POINTS, FailpointError, arm, failpoint

SOURCES = Path(failpoints.__file__).parent
TESTING = {"ARCHIVER_TESTING": "1"}


@pytest.fixture(autouse=True)
def _disarm() -> Iterator[None]:
    """Nothing stays armed."""
    yield
    arm({})


def test_the_points_are_those_of_the_fault_matrix() -> None:
    """F0 to F12, in order, each once."""
    assert [number for number, _ in POINTS.values()] == [f"F{number}" for number in range(13)]


def test_every_point_has_a_place_and_no_place_is_unknown() -> None:
    """What the code hits is what the table says."""
    placed = {name for path in SOURCES.rglob("*.py") for name in re.findall(r'\bfailpoint\("([^"]+)"\)', path.read_text(encoding="utf-8"))}
    assert placed == set(POINTS)


def test_nothing_is_armed_without_being_asked() -> None:
    """An empty environment, and an empty word in it."""
    for environment in ({}, TESTING, {"ARCHIVER_FAILPOINTS": ""}):
        arm(environment)
        for name in POINTS:
            failpoint(name)


def test_outside_a_test_it_is_refused() -> None:
    """A forgotten variable must not kill a customer's process; the message does not repeat what it says."""
    for testing in ({}, {"ARCHIVER_TESTING": "0"}, {"ARCHIVER_TESTING": "yes"}):
        with pytest.raises(ConfigError, match="ARCHIVER_FAILPOINTS"):
            arm({"ARCHIVER_FAILPOINTS": "F7=kill", **testing})


@pytest.mark.parametrize("text", ["F13=kill", "F7", "F7=die", "F7:0=kill", "F7:x=kill", "F7:1=kill=kill", "upload.begun=kill", "=kill"])
def test_what_cannot_be_understood_is_refused(text: str) -> None:
    """With what could be said."""
    with pytest.raises(ConfigError, match="cannot be understood") as caught:
        arm(TESTING | {"ARCHIVER_FAILPOINTS": text})
    assert "F7:3=kill" in caught.value.hint


def test_it_happens_at_the_very_hit() -> None:
    """By number or by name, several in one text; before and after that hit nothing happens."""
    arm(TESTING | {"ARCHIVER_FAILPOINTS": " F7:3=raise, answer.read=raise ,F7:5=raise,"})
    with pytest.raises(FailpointError, match="F8"):
        failpoint("answer.read")
    failpoint("answer.read")
    hits = []
    for hit in range(1, 7):
        try:
            failpoint("finish.done")
        except FailpointError as error:
            hits.append((hit, str(error)))
    assert hits == [(3, "F7 finish.done, hit 3"), (5, "F7 finish.done, hit 5")]


def test_what_was_armed_before_is_forgotten() -> None:
    """Each arming begins to count anew."""
    arm(TESTING | {"ARCHIVER_FAILPOINTS": "F7:2=raise"})
    failpoint("finish.done")
    arm(TESTING | {"ARCHIVER_FAILPOINTS": "F7:2=raise"})
    failpoint("finish.done")
    with pytest.raises(FailpointError):
        failpoint("finish.done")


DYING = """
import os, sys
from archiver.failpoints import arm, failpoint
arm(os.environ)
failpoint("answer.read")
print("passed", flush=True)
"""


@pytest.mark.parametrize(("action", "code", "said"), [("kill", -signal.SIGKILL, ""), ("exit", 1, ""), ("raise", 1, "")])
def test_a_process_dies_as_it_is_told(action: str, code: int, said: str) -> None:
    """Really, and at once."""
    environment = TESTING | {"ARCHIVER_FAILPOINTS": f"F8={action}", "PYTHONPATH": ":".join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", DYING], env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert (ended.returncode, ended.stdout) == (code, said)


def test_a_stopped_process_goes_on_when_it_is_let() -> None:
    """It stands still at the point until SIGCONT."""
    environment = TESTING | {"ARCHIVER_FAILPOINTS": "F8=stop", "PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", DYING], env=environment, stdout=subprocess.PIPE, text=True) as process:
        state = Path(f"/proc/{process.pid}/stat")
        while state.read_text().rpartition(")")[2].split()[0] != "T":
            assert process.poll() is None
        process.send_signal(signal.SIGCONT)
        assert process.communicate(timeout=30)[0] == "passed\n"


def test_the_command_refuses_it_with_the_exit_code_of_a_wrong_setting(tmp_path: Path) -> None:
    """Every command, before it does anything; the value is not shown."""
    environment = {"ARCHIVER_FAILPOINTS": "F7=kill", "ARCHIVER_HOME": str(tmp_path / "home"), "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-m", "archiver", "customers", "list"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert ended.returncode == 78
    assert "ARCHIVER_FAILPOINTS is set outside a test" in ended.stderr
    assert "F7" not in ended.stderr
    assert not (tmp_path / "home").exists()
