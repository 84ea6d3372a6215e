from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from genstage import telemetry
from genstage.telemetry import EVENTS, Handled, TelemetryEvent

PAGE = Path(__file__).parents[2] / "docs" / "genstage" / "telemetry.md"


@pytest.mark.parametrize("kind", EVENTS)
def test_the_table_has_every_event_and_its_measures(kind: type[TelemetryEvent]) -> None:
    """The module's own table names each event once, and only measures that it has."""
    table = re.findall(rf"^    {kind.__name__} +\S.*?  +(\S.*)$", telemetry.__doc__ or "", re.MULTILINE)
    assert len(table) == 1
    fields = {field.name for field in dataclasses.fields(kind)}
    assert set(table[0].split(", ")) <= fields


def test_the_table_names_nothing_else() -> None:
    """As many rows as there are events."""
    rows = re.findall(r"^    ([A-Z]\w+) ", telemetry.__doc__ or "", re.MULTILINE)
    assert rows == [kind.__name__ for kind in EVENTS]


@pytest.mark.parametrize("kind", EVENTS)
def test_the_page_has_every_event_and_its_own_measures(kind: type[TelemetryEvent]) -> None:
    """The documentation's table names each event, and what only this kind of event has."""
    row = re.findall(rf"^\| `{kind.__name__}` \| .*$", PAGE.read_text(), re.MULTILINE)
    assert len(row) == 1
    own = set(kind.__annotations__)
    assert [name for name in own if f"`{name}`" not in row[0]] == []


def test_events_are_values() -> None:
    """They cannot be changed, and say which stage and when."""
    event = Handled(1.0, "upload", 1, 0.5, 0.1, 0, 1, 1)
    assert (event.time, event.stage) == (1.0, "upload")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.time = 2.0  # type: ignore[misc]


def test_whoever_does_not_listen_does_not_load_it() -> None:
    """Importing the toolkit, and running a pipeline without a listener, imports none of the events."""
    code = (
        "import asyncio, sys, genstage\n"
        "async def main():\n"
        "    async with genstage.Pipeline() as pipeline:\n"
        "        assert [x async for x in pipeline.stream(pipeline.start(genstage.from_iterable([1])))] == [1]\n"
        "asyncio.run(main())\n"
        "assert not {'genstage.telemetry', 'genstage.watch', 'genstage.flow', 'genstage.broadway', 'genstage.testing'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
