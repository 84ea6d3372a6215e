from __future__ import annotations

import json

import pytest

from archiver.cli.failures import UsageError, report
from archiver.errors import ConfigError, DatabaseHeldError, TransientError


def test_an_error_is_one_line_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """People get the message and what to do, and nothing on standard output."""
    assert report(ConfigError("no such thing", hint="Make one."), as_json=False) == 78
    out, err = capsys.readouterr()
    assert err == "archiver: no such thing\n  hint: Make one.\n"
    assert out == ""


def test_an_error_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json a machine gets one object on standard output as well."""
    report(ConfigError("no such thing", hint="Make one."), as_json=True)
    assert json.loads(capsys.readouterr().out) == {"error": "ConfigError", "message": "no such thing", "hint": "Make one."}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 78),
        (DatabaseHeldError("x"), 75),
        (UsageError("x"), 2),
        (TransientError("x"), 1),
        (OSError("x"), 1),
        (ValueError("x"), 70),
    ],
)
def test_exit_codes(error: Exception, code: int) -> None:
    """The exit code is the error's own; the machine's is 1, and a bug's 70."""
    assert report(error, as_json=False) == code


def test_a_group_is_told_leaf_by_leaf(capsys: pytest.CaptureFixture[str]) -> None:
    """Every error of a group is a line; the first one decides on the exit code."""
    group = ExceptionGroup("several", [ExceptionGroup("inner", [DatabaseHeldError("held")]), ConfigError("wrong")])
    assert report(group, as_json=False) == 75
    assert capsys.readouterr().err == "archiver: held\narchiver: wrong\n"


def test_a_bug_shows_no_traceback_and_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    """The text of an unexpected error may hold a secret: only its class is shown, and how to see more."""
    report(ValueError("canary"), as_json=True)
    out, err = capsys.readouterr()
    assert err.startswith("archiver: internal error: ValueError\n  hint: Set ARCHIVER_DEBUG=1")
    assert "canary" not in out + err


def test_debugging_shows_where(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """ARCHIVER_DEBUG=1 shows the error's own text, ARCHIVER_DEBUG=0 shows neither that nor a traceback."""
    monkeypatch.setenv("ARCHIVER_DEBUG", "1")
    report(ValueError("canary"), as_json=False)
    assert "internal error: ValueError: canary" in capsys.readouterr().err
    monkeypatch.setenv("ARCHIVER_DEBUG", "0")
    report(ValueError("canary"), as_json=False)
    assert "canary" not in capsys.readouterr().err
