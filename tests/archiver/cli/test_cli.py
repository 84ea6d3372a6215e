from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any

import pytest

from archiver.cli import COMMANDS, main

AT_ONCE = ("--from-option", "sidecars=ignored")
"""Files that were written just now are otherwise given a moment for their sidecars to come."""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` explains the command, shows an example of it, and every flag has a sentence."""
    assert main([*command.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert f"archiver {command}" in text
    target = COMMANDS[command][0]
    module, _, name = target.partition(":")
    function = getattr(importlib.import_module(module), name)
    documented = inspect.getdoc(function) or ""
    assert f"archiver {command}" in documented.split("```")[1], "an example in the docstring"
    for parameter in inspect.signature(function).parameters:
        assert parameter == "options" or f"{parameter}: " in documented, f"{parameter} has no sentence"
    assert "--json" in text


def test_the_list_of_commands_imports_none_of_them() -> None:
    """``archiver --help`` is quick: it loads neither the app nor any adapter."""
    code = "import sys; from archiver.cli import main; main(['--help']); print('archiver.app' in sys.modules, 'aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"
    for command in COMMANDS:
        assert command.split()[0] in done.stdout


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["rnu"], "`archiver --help`"),
        (["run", "--nosuch"], "`archiver run --help`"),
        (["customers", "add"], "`archiver customers add --help`"),
        (["settings", "--log-level", "loud"], "`archiver settings --help`"),
        (["retry"], "--all"),
    ],
)
def test_a_wrong_command_line(words: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line, and a hint where to read on."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 2
    assert hint in err


def test_a_customer_from_folder_to_folder(archiver: Any, tmp_path: Path) -> None:
    """Add, import, run until empty, look: the way of the README, and a second run finds nothing to do."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(3):
        (source / f"call-{number}.wav").write_bytes(bytes([number]) * 100)
    code, added, words = archiver("customers", "add", "acme", "--from", f"folder:{source}", *AT_ONCE, "--to", f"folder:{target}")
    assert code == 0
    assert added["customer"]["name"] == "acme"
    assert [one["role"] for one in added["customer"]["connections"]] == ["source", "destination"]
    assert "archiver run" in words
    assert archiver("import")[1] == {"found": 3, "new": 3, "unreadable": {}}
    assert archiver("import", "acme")[1]["new"] == 0
    code, ended, _ = archiver("run", "--until-empty")
    assert (code, ended["archived"], ended["waiting"], ended["drained"]) == (0, 3, 0, True)
    assert archiver("run", "--until-empty")[1]["archived"] == 0
    (lane,) = archiver("status")[1]["lanes"]
    assert (lane["customer"], lane["archived"], lane["archived_bytes"]) == ("acme", 3, 300)
    stored = sorted(path.read_bytes() for path in target.rglob("*.wav"))
    assert stored == [bytes([number]) * 100 for number in range(3)]


def test_pause_and_resume(archiver: Any, tmp_path: Path) -> None:
    """A paused customer is shown as paused and is not archived; a resumed one is."""
    archiver("customers", "add", "acme", "--from", "memory:5", "--to", f"folder:{tmp_path / 'out'}")
    assert archiver("customers", "pause", "acme")[1]["state"] == "paused"
    assert [one["state"] for one in archiver("customers", "list")[1]] == ["paused"]
    assert [lane["paused"] for lane in archiver("status")[1]["lanes"]] == [True]
    assert "paused" in archiver("status")[2]
    assert archiver("run", "--until-empty")[1]["archived"] == 0
    assert archiver("customers", "resume", "acme")[1]["state"] == "active"
    assert archiver("run", "--until-empty")[1]["archived"] == 5


def test_retry(archiver: Any, tmp_path: Path) -> None:
    """A delivery that was rejected for what stood in its way waits again, and is archived once that is gone."""
    source, first, second = tmp_path / "in", tmp_path / "first", tmp_path / "second"
    source.mkdir()
    (source / "call.wav").write_bytes(b"sound")
    archiver("customers", "add", "one", "--from", f"folder:{source}", *AT_ONCE, "--to", f"folder:{first}")
    archiver("run", "--until-empty")
    (stored,) = first.rglob("*.wav")
    in_the_way = second / stored.relative_to(first)
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_bytes(b"somebody else's")
    archiver("customers", "add", "two", "--from", f"folder:{source}", *AT_ONCE, "--to", f"folder:{second}")
    assert archiver("run", "--until-empty")[1]["rejected"] == 1
    (row,) = archiver("deliveries", "--state", "rejected")[1]
    assert (row["customer"], row["reason"]) == ("two", "ConflictError")
    assert [one["customer"] for one in archiver("deliveries", "--limit", "1")[1]] == ["one"]
    assert archiver("retry", "--customer", "nobody")[0] == 78
    assert archiver("retry", "--customer", "one")[1] == {"retried": 0}
    in_the_way.unlink()
    assert archiver("retry", "--customer", "two", "--reason", "ConflictError")[1] == {"retried": 1}
    ended = archiver("run", "--until-empty")[1]
    assert (ended["archived"], ended["rejected"]) == (1, 0)
    assert in_the_way.read_bytes() == b"sound"


def test_a_source_that_cannot_be_read(archiver: Any, tmp_path: Path) -> None:
    """It is told when it is added; later on it keeps nobody else waiting, and the exit code says that it was not read."""
    gone, target = tmp_path / "gone", tmp_path / "out"
    words = ("customers", "add", "acme", "--from", f"folder:{gone}", "--to", f"folder:{target}")
    code, document, _ = archiver(*words)
    assert (code, document["error"]) == (1, "UnavailableError")
    assert archiver("customers", "list")[1] == []
    assert archiver(*words, "--no-ping")[0] == 0
    archiver("customers", "add", "other", "--from", "memory:5", "--to", f"folder:{tmp_path / 'other'}")
    code, imported, _ = archiver("import")
    assert (code, imported["found"], list(imported["unreadable"])) == (1, 5, ["acme"])
    code, ended, text = archiver("run", "--until-empty")
    assert (code, ended["archived"], list(ended["unreadable"])) == (1, 5, ["acme"])
    assert "A source of acme could not be read" in text


def test_a_home_that_cannot_be_made(archiver: Any, tmp_path: Path) -> None:
    """A line that names it, and what to do; no internal error."""
    (tmp_path / "file").write_text("no directory")
    code, document, _ = archiver("customers", "list", "--home", str(tmp_path / "file" / "home"), "--config", "/dev/null")
    assert (code, document["error"]) == (78, "ConfigError")
    assert "--home" in document["hint"]


def test_a_wrong_command_line_for_machines(archiver: Any) -> None:
    """What cannot be understood is an object on standard output, too."""
    code, document, words = archiver("run", "--nosuch")
    assert (code, document["error"]) == (2, "UsageError")
    assert document["message"] in words


def test_errors_for_machines(archiver: Any) -> None:
    """With --json an error is an object on standard output as well as a line for people."""
    code, document, words = archiver("customers", "pause", "nobody")
    assert code == 78
    assert document["error"] == "ConfigError"
    assert "nobody" in document["message"]
    assert words.startswith("archiver: ")


def test_a_secret_on_the_command_line_is_refused(archiver: Any) -> None:
    """A token in the arguments is not taken, not stored and not repeated."""
    words = ("customers", "add", "a", "--from", "memory:1", "--to", "dropbox:/x", "--to-option", "access_token=canary")
    code, document, text = archiver(*words)
    assert code == 78
    assert "ARCHIVER_DROPBOX_ACCESS_TOKEN" in document["hint"]
    assert "canary" not in json.dumps(document) + text


def test_nothing_is_added_if_a_destination_does_not_answer(archiver: Any, tmp_path: Path) -> None:
    """A destination that does not let us in is told at once, and no half customer stays."""
    code, document, _ = archiver("customers", "add", "acme", "--from", "memory:1", "--to", f"folder:{tmp_path}/no/such/place")
    assert code == 1
    assert document["error"] == "MisconfiguredError"
    assert archiver("customers", "list")[1] == []


@pytest.mark.parametrize("noun", ["sources", "destinations"])
def test_adapters_describe_themselves(archiver: Any, noun: str) -> None:
    """The list has every adapter, and each can be shown with its options."""
    _, rows, _ = archiver(noun)
    assert {"folder", "memory"} <= {row["name"] for row in rows}
    _, row, words = archiver(noun, "folder")
    assert row["name"] == "folder"
    assert all(option["name"] in words for option in row["options"])


def test_destinations_tell_what_they_can_do(archiver: Any) -> None:
    """The list says of each destination what it can do, and one that is shown says it in words."""
    _, rows, _ = archiver("destinations")
    features = {row["name"]: row["features"] for row in rows}
    assert {"dropbox", "folder", "s3"} <= {name for name, told in features.items() if told is not None}
    assert features["dropbox"]["batch_items"] == 300
    assert "big items go on where a kill left them" in archiver("destinations", "s3")[2]
    assert archiver("sources")[1][0]["features"] is None


def test_settings_tell_their_origin(archiver: Any, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Each setting says whether it is a default, from the file, the environment, or a flag."""
    home.mkdir()
    (home / "archiver.toml").write_text("drain_seconds = 3")
    monkeypatch.setenv("ARCHIVER_KEY", "canary")
    _, rows, words = archiver("settings", "--log-level", "debug")
    origins = {row["name"]: row["origin"] for row in rows}
    assert (origins["drain_seconds"], origins["home"], origins["log_level"], origins["sweep_seconds"]) == (
        "file",
        "environment",
        "flag",
        "default",
    )
    assert "canary" not in json.dumps(rows) + words


def test_version(archiver: Any) -> None:
    """The version is that of the distribution."""
    assert archiver("version")[1]["archiver"] == distribution_version("call-archiver")


def test_a_reader_that_left_is_no_traceback() -> None:
    """``archiver settings | head -0`` ends quietly."""
    with subprocess.Popen([sys.executable, "-m", "archiver", "settings"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
