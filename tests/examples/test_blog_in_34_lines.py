from __future__ import annotations

import asyncio
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from genstage.testing import run

EXAMPLE = Path(__file__).parents[2] / "examples" / "blog_in_34_lines.py"
CALLS = [f"call-{number}.wav" for number in range(100)]


class Watched:
    """The example with its two handlers watched from outside, and its database and its Dropbox as slow as one likes."""

    def __init__(self, database_seconds: float, upload_seconds: float) -> None:
        self.names: dict[str, Any] = runpy.run_path(str(EXAMPLE))
        self.uploaded: list[str] = []
        self.read = self.running = self.most_running = self.most_ahead = 0
        self._watch_fetcher(database_seconds)
        self._watch_uploader(upload_seconds)

    def _watch_fetcher(self, seconds: float) -> None:
        fetcher = self.names["Fetcher"]
        handle_demand = fetcher.handle_demand

        async def watched(stage: Any, demand: int) -> list[str] | None:
            await asyncio.sleep(seconds)
            found: list[str] | None = await handle_demand(stage, demand)
            self.read += len(found or [])
            self.most_ahead = max(self.most_ahead, self.read - len(self.uploaded))
            return found

        fetcher.handle_demand = watched

    def _watch_uploader(self, seconds: float) -> None:
        uploader = self.names["Uploader"]
        handle_event = uploader.handle_event

        async def watched(stage: Any, event: str) -> None:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            await asyncio.sleep(seconds)
            await handle_event(stage, event)
            self.running -= 1
            self.uploaded.append(event)

        uploader.handle_event = watched


@pytest.mark.parametrize(("database_seconds", "upload_seconds"), [(0, 0), (3, 0), (0, 30), (3, 30), (0.01, 0.01)])
def test_everything_arrives_and_nothing_is_taken_too_early(database_seconds: float, upload_seconds: float) -> None:
    """With a slow database, a slow Dropbox or both: all calls arrive, at most 10 uploads run, at most 20 items are read ahead."""
    watched = Watched(database_seconds, upload_seconds)
    run(watched.names["main"])
    assert sorted(watched.uploaded) == sorted(CALLS)
    assert watched.most_running <= 10
    assert watched.most_ahead <= 20
    if upload_seconds > 1:
        assert (watched.most_running, watched.most_ahead) == (10, 20)


def test_it_is_as_short_as_the_original_and_runs_as_a_script() -> None:
    """At most 34 lines; as a program it prints one line per upload and ends."""
    assert len(EXAMPLE.read_text().splitlines()) <= 34
    shown = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, check=True, timeout=30).stdout
    assert sorted(line.split()[0] for line in shown.splitlines() if line.endswith("is in Dropbox")) == sorted(CALLS)
    assert "0 found" in shown
