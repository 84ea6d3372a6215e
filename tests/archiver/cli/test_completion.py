"""``archiver completion``: the scripts are ones, and bash completes by it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from archiver.cli import COMMANDS, main

_ASK = """\
source "$1"
COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE="${COMP_WORDS[*]}"
COMP_POINT=${#COMP_LINE}
function_of=$(complete -p archiver | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
$function_of archiver "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def script(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Path:
    """What bash reads."""
    assert main(["completion", "bash"]) == 0
    path = tmp_path / "archiver.bash"
    path.write_text(capsys.readouterr().out)
    return path


BASH = shutil.which("bash") or ""


@pytest.mark.skipif(not BASH, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["archiver", "cus"], {"customers"}),
        (["archiver", "customers", "pa"], {"pause"}),
        (["archiver", "run", "--unt"], {"--until-empty"}),
        (["archiver", "completion", "f"], {"fish"}),
    ],
)
def test_bash_completes(script: Path, words: list[str], completed: set[str]) -> None:
    """Commands, their parts, flags, and values that are one of a few."""
    done = subprocess.run([BASH, "-c", _ASK, "ask", str(script), *words], capture_output=True, text=True, check=True)
    assert (set(done.stdout.split()), done.stderr) == (completed, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells(shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Every command is in the script; where the shell is installed it finds no fault with it."""
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert {command.split()[0] for command in COMMANDS if command.split()[0] not in text} == set()
    if shutil.which(shell) is not None:
        path = tmp_path / "script"
        path.write_text(text)
        subprocess.run([shell, "-n", str(path)], check=True)
