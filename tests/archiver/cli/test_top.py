"""``archiver top``: the sentence, the numbers, the pipeline, and who comes first."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console, Group

from archiver.app import LaneProgress, Snapshot
from archiver.cli import main
from archiver.cli.output import console
from archiver.cli.top import drawing, sentence
from archiver.database.port import Totals
from archiver.model import ConnectionState
from archiver.pipeline.drawing import Drawing, Edge

NOW = 1_795_000_000_000
LANE = LaneProgress(
    lane=1,
    customer="airline",
    adapter="dropbox",
    state=ConnectionState.ACTIVE,
    reason="",
    waiting=1234,
    in_flight=80,
    archived=99,
    rejected=0,
    gone=0,
    calls_per_second=5.0,
    throttled_until=NOW + 14_200,
    oldest_waiting_at=NOW - 120_000,
)
TOTALS = Totals(customers=21, lanes=21, throttled=1, waiting=1234, archived=99)
BUSY = Snapshot(at=NOW, serving=True, totals=TOTALS, oldest_waiting_at=NOW - 120_000, uploads_per_second=12.34, lanes=[LANE])


def shown(snapshot: Snapshot, capsys: pytest.CaptureFixture[str]) -> str:
    """What a person sees."""
    Console(width=160, markup=False, highlight=False).print(Group(*drawing(snapshot)))
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Working normally; 1 lane throttled, and going on by itself."),
        ({"totals": Totals(customers=1, lanes=1, waiting=3)}, "Working normally."),
        ({"totals": Totals(customers=1, lanes=1)}, "Everything is archived."),
        ({"totals": Totals()}, "There are no customers yet"),
        ({"totals": Totals(customers=1, lanes=1, rejected=1)}, "Somebody should look: 1 delivery rejected."),
        (
            {"totals": Totals(customers=3, lanes=3, states={ConnectionState.QUOTA_FULL: 2}, rejected=3, throttled=1)},
            "Somebody should look: 2 lanes wait for a person, 3 deliveries rejected, 1 lane throttled.",
        ),
        ({"totals": Totals(customers=1), "unreadable": {"acme": "gone"}}, "1 customer with a source that cannot be read."),
        ({"away": "the disk is full"}, "The database is away: the disk is full"),
    ],
)
def test_the_sentence(changes: dict[str, Any], text: str) -> None:
    """How everything is, the worst first."""
    assert text in sentence(msgspec.structs.replace(BUSY, **changes))[0]


def test_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """The numbers, each lane with its deadline counting down, and how many are not shown."""
    text = shown(BUSY, capsys)
    assert "12.3 uploads/s" in text
    assert "oldest 2 min" in text
    assert "1,234" in text
    assert "(15 s)" in text
    assert "… and 20 more" in text


def test_the_pipeline_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What is asked on each edge; where nothing is, why."""
    edges = (
        Edge(giver="Collector", taker="Database"),
        Edge(giver="Database", taker="Fetcher", asleep="all are throttled", until=NOW),
        Edge(giver="Fetcher", taker="Uploader", demand=7, moving=3),
        Edge(giver="Uploader", taker="Settlement", moving=2),
        Edge(giver="Settlement", taker="Database"),
    )
    text = shown(msgspec.structs.replace(BUSY, drawing=Drawing(edges=edges)), capsys)
    assert "Database ─(all are throttled until " in text
    assert ")→ Fetcher ─(7 asked, 3 moving)→ Uploader ─(0 asked, 2 moving)→ Settlement" in text


def test_those_who_need_a_person_are_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Also if nothing of them waits; with why."""
    parked = msgspec.structs.replace(LANE, lane=2, customer="baker", state=ConnectionState.RECONNECT_NEEDED, reason="token revoked")
    text = shown(msgspec.structs.replace(BUSY, needing=[parked], unreadable={"smith": "no such folder"}), capsys)
    assert "reconnect_needed: token revoked" in text
    assert "A source of smith cannot be read: no such folder" in text
    assert shown(msgspec.structs.replace(BUSY, lanes=[parked], needing=[parked]), capsys).count("baker") == 1


def test_once(archiver: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It looks at the database of whoever runs, and ends; with --json it is one document."""
    archiver("customers", "add", "acme", "--from", "memory:5", "--to", f"folder:{tmp_path / 'out'}")
    archiver("import")
    code, snapshot, words = archiver("top")
    assert (code, snapshot["totals"]["waiting"], snapshot["lanes"][0]["customer"]) == (0, 5, "acme")
    assert "Working normally." in words
    assert main(["top", "--once"]) == 0
    assert "5 waiting" in capsys.readouterr().out


def test_nothing_is_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """A reason of a provider is shown as it is."""
    strange = msgspec.structs.replace(LANE, state=ConnectionState.MISCONFIGURED, reason="[bold]no[/bold] :smile:")
    for part in drawing(msgspec.structs.replace(BUSY, lanes=[strange])):
        console(sys.stdout).print(part)
    assert "[bold]no[/bold] :smile:" in " ".join(capsys.readouterr().out.split())


def test_it_is_drawn_anew_until_ctrl_c(archiver: Any, tmp_path: Path) -> None:
    """On a terminal it stays; Ctrl-C ends it as it should, and the screen is as it was before."""
    archiver("customers", "add", "acme", "--from", "memory:5", "--to", f"folder:{tmp_path / 'out'}")
    ours, theirs = pty.openpty()
    seen, told = b"", False
    with subprocess.Popen(
        [sys.executable, "-m", "archiver", "top"], stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(theirs)
        with contextlib.suppress(OSError):  # the terminal is gone once the process is
            while chunk := os.read(ours, 65536):
                seen += chunk
                if not told and seen.count(b"Everything is archived.") == 2:
                    process.send_signal(signal.SIGINT)
                    told = True
    os.close(ours)
    assert process.returncode == 0
    enter, leave = b"\x1b[?1049h", b"\x1b[?1049l"
    assert seen.count(enter) == seen.count(leave) == 1
