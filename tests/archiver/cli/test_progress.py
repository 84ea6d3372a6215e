from __future__ import annotations

import io
import time

import pytest
from rich.console import Console
from rich.live import Live

from archiver.app import LaneProgress, Progress
from archiver.cli.output import Output
from archiver.cli.progress import Display, live
from archiver.model import ConnectionState


def lane(number: int, **changes: object) -> LaneProgress:
    """A lane of customer ``c<number>``."""
    fields: dict[str, object] = {
        "lane": number,
        "customer": f"c{number}",
        "adapter": "dropbox",
        "state": ConnectionState.ACTIVE,
        "reason": "",
        "waiting": 0,
        "in_flight": 0,
        "archived": 0,
        "rejected": 0,
        "gone": 0,
        "calls_per_second": None,
        "throttled_until": 0,
        "oldest_waiting_at": None,
    }
    return LaneProgress(**(fields | changes))  # type: ignore[arg-type]


def progress(seconds: float, *lanes: LaneProgress) -> Progress:
    """A progress of these lanes."""
    return Progress(seconds=seconds, archived=sum(one.archived for one in lanes), archived_bytes=0, reads=0, lanes=lanes)


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe there is a plain line every five seconds, not one per look."""
    with live(Output(None)) as display:
        for half in range(24):
            display.show(progress(half / 2, lane(1, waiting=1000 - half * 10, archived=half * 10)))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" s ")[0].strip() for line in lines] == ["0", "5", "10"]
    assert "archived 100" in lines[1]
    assert "20 items/s" in lines[1]


def test_the_rate_is_that_of_the_last_seconds() -> None:
    """What was archived before this process, or long ago, does not count; a lane that comes new starts at its own number."""
    display = Display(Output(None), None)
    display.show(progress(0.0, lane(1, archived=5000)))
    assert display.rate() == 0
    for second in range(1, 11):
        display.show(progress(float(second), lane(1, archived=5000 + 10 * second), lane(2, archived=700)))
    assert display.rate(1) == pytest.approx(10)
    assert display.rate() == pytest.approx(10)


def test_throttled_customers_are_named() -> None:
    """The headline names a few throttled customers and counts the others."""
    display = Display(Output(None), None)
    lanes = [lane(n, throttled_until=1) for n in range(5)]
    display.show(progress(1.0, *lanes))
    assert display.headline(progress(1.0, *lanes)).endswith("throttled: c0, c1, c2 and 2 more")


def test_a_terminal_shows_busy_lanes_first_and_counts_the_rest() -> None:
    """What does not fit on the screen is only counted; throttled and busy lanes come first."""
    console = Console(file=io.StringIO(), force_terminal=True, width=140, height=10, color_system=None)
    out = Output(None)
    out.console = console
    with Live(console=console, auto_refresh=False) as screen:
        display = Display(out, screen)
        lanes = [lane(n, waiting=n) for n in range(20)]
        lanes[3] = lane(3, throttled_until=2_000_000_000_000, reason="", calls_per_second=2.5)
        display.show(progress(1.0, *lanes))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    rows = [line.split()[0] for line in text.splitlines() if line.startswith("c") and not line.startswith("customer")]
    assert rows[:5] == ["c3", "c19", "c18", "c17", "c16"]
    assert "throttled until" in text
    assert "2.5" in text
    assert "… and 15 more lanes, 117 waiting" in text


def test_a_parked_lane_says_why() -> None:
    """A lane that waits for a person shows its state and the reason."""
    display = Display(Output(None), None)
    display.show(progress(1.0))
    cells = display._cells(lane(1, state=ConnectionState.QUOTA_FULL, reason="no space left"))
    assert cells[-1] == "quota_full: no space left"


def test_a_narrow_terminal_shows_each_lane_in_one_line() -> None:
    """At 80 columns a throttled lane's countdown does not wrap; the destination is left out where all are the same."""
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=20, color_system=None)
    out = Output(None)
    out.console = console
    until = int((time.time() + 300) * 1000)
    airline = lane(2, customer="airline", waiting=123_456, archived=1_234_567, calls_per_second=12.5, throttled_until=until)
    with Live(console=console, auto_refresh=False) as screen:
        Display(out, screen).show(progress(1.0, lane(1, customer="quiet-customer"), airline))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    lines = [line.rstrip() for line in text.splitlines() if line.startswith("airline")]
    assert all(line.endswith(("throttled 300 s", "throttled 299 s")) for line in lines), lines
    assert "dropbox" not in text


def test_customers_whose_sources_cannot_be_read_are_named() -> None:
    """The headline names them beside what goes on."""
    display = Display(Output(None), None)
    looked = Progress(seconds=1.0, archived=0, archived_bytes=0, reads=0, lanes=[lane(1)], unreadable={"c1": "the folder is away"})
    display.show(looked)
    assert display.headline(looked).endswith("cannot be read: c1")
