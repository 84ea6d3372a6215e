"""A destination of somebody else's that kills its process while it uploads a certain item: a folder with a bug in it.

It is installed as such adapters are: by an entry point, of a distribution that `install` writes.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from archiver.destinations.folder.destination import FolderAdapter, FolderDestination
from archiver.destinations.port import Context, Upload
from archiver.outcome import Outcome

_TESTS = Path(__file__).parent.parent


def install(folder: Path) -> str:
    """Writes the distribution; the value of ``PYTHONPATH`` with which the adapter ``deadly`` is there."""
    described = folder / "deadly-1.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[archiver.destinations]\ndeadly = support.deadly:ADAPTER\n")
    return f"{folder}{os.pathsep}{_TESTS}"


class Deadly:
    """A folder; the item whose path has the word ``ARCHIVER_TEST_DEADLY`` kills the process. Each death is noted in a file."""

    def __init__(self, folder: FolderDestination, deaths: Path) -> None:
        self.features = msgspec.structs.replace(folder.features, batch_items=4)
        self._folder = folder
        self._deaths = deaths
        self._word = os.environ.get("ARCHIVER_TEST_DEADLY")

    async def put_many(self, uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        """Uploads, or dies."""
        paths = [upload.delivery.path for upload in uploads]
        if self._word and any(self._word in path for path in paths):
            await asyncio.sleep(0.1)  # others are in flight by now
            with self._deaths.open("a") as told:
                told.write(f"{len(paths)}\n")
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0.02)
        async for pair in self._folder.put_many(uploads):
            yield pair

    async def ping(self) -> Any:
        """As a folder."""
        return await self._folder.ping()

    async def close(self) -> None:
        """As a folder."""
        await self._folder.close()


class DeadlyAdapter(FolderAdapter):
    """Registers the destination ``deadly``."""

    name = "deadly"
    summary = "A folder with a bug in it."

    def open(self, options: dict[str, Any], context: Context) -> Any:
        """Makes the destination."""
        return Deadly(super().open(options, context), Path(options["path"]).with_suffix(".deaths"))


ADAPTER = DeadlyAdapter()
