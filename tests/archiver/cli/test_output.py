from __future__ import annotations

import json
import time

import pytest

from archiver.cli.options import Options
from archiver.cli.output import Output, ago, bytes_text, clock_time


def test_people_read_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json, words go to standard output and there is no JSON."""
    out = Output(None)
    out.say("hello")
    out.result({"a": 1})
    assert capsys.readouterr() == ("hello\n", "")


def test_machines_read_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json, standard output holds the one document and words go to standard error."""
    out = Output(Options(json=True))
    out.say("hello")
    out.result({"a": 1})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"a": 1}
    assert captured.err == "hello\n"


def test_nothing_in_a_text_is_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """What a provider or customer wrote is shown as it is, and a long line is not broken."""
    Output(None).say("[red]:smile: " + "x" * 300)
    assert capsys.readouterr().out == "[red]:smile: " + "x" * 300 + "\n"


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """A table has a line a row, numbers stand at the right."""
    Output(None).table(["name", "n"], [("a", 1), ("b", 100)], right=frozenset({"n"}))
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [["name", "n"], ["a", "1"], ["b", "100"]]


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (999, "999 B"), (3_400_000, "3.4 MB"), (5e15, "5000.0 TB")])
def test_sizes(size: float, text: str) -> None:
    """Sizes have a unit that a person can read."""
    assert bytes_text(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (120, "2 min"), (7200, "2 h"), (86400 * 3, "3 d"), (-5, "0 s")])
def test_how_long_ago(seconds: int, text: str) -> None:
    """How long ago is told in the largest fitting unit; the future is now."""
    assert ago(1_000_000_000_000, now=1_000_000_000 + seconds) == text


def test_no_moment_is_a_dash() -> None:
    """Where nothing waits, there is no oldest."""
    assert ago(None, now=0) == "–"


def test_times_are_local() -> None:
    """A person's clock shows local time."""
    assert clock_time(1_790_000_000_000) == time.strftime("%H:%M:%S", time.localtime(1_790_000_000))
