"""How a server begins."""

from __future__ import annotations

import gc
from pathlib import Path

from archiver.cli.starting import serving
from archiver.settings import load


async def test_a_server_collects_old_garbage_rarely_and_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    """Within, all of memory is looked through after a hundred younger looks; afterwards it is as before."""
    before = gc.get_threshold()
    async with serving(load(environment={}, flags={"home": str(tmp_path)})):
        assert gc.get_threshold() == (*before[:2], 100)
    assert gc.get_threshold() == before
