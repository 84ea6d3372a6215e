"""``archiver sandbox`` as a process."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from support.machine import Machine


@pytest.mark.parametrize(
    ("cloud", "field"),
    [
        ("box", "refresh_token"),
        ("dropbox", "directory"),
        ("gcs", "service_account"),
        ("google", "refresh_token"),
        ("microsoft", "drive_id"),
        ("ringcentral", "jwt"),
        ("twilio", "auth_token"),
    ],
)
async def test_each_cloud_says_where_it_is_and_ends_when_told(tmp_path: Path, cloud: str, field: str) -> None:
    """The first line is JSON with what a person needs to try it; what to do with it stands on standard error."""
    process = await Machine(tmp_path).start("sandbox", cloud)
    assert process.stdout is not None
    assert process.stderr is not None
    ready = json.loads(await process.stdout.readline())
    assert ready["url"].startswith("http://127.0.0.1:")
    assert ready[field]
    process.send_signal(signal.SIGTERM)
    _, said = await process.communicate()
    assert process.returncode == 0
    assert b"archiver customers add me" in said


async def test_the_phone_system_keeps_nothing(tmp_path: Path) -> None:
    """A flag that would do nothing is refused."""
    said = await Machine(tmp_path).archiver("sandbox", "ringcentral", "--state", str(tmp_path), code=78)
    assert "keeps nothing" in said
