"""A folder of this machine, beside rclone. Neither waits for the disk: rclone never does."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.contests import File, Theirs

__all__ = ["CONTEST", "FolderContest", "rclone"]


def rclone(*arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Runs rclone to its end; it raises if a file was not taken."""
    program = str(Path(sys.executable).with_name("rclone"))
    command = [program, "--config", "", "--quiet", "--retries", "1", *arguments]
    subprocess.run(command, check=True, env=environment)  # noqa: S603  the program comes with the locked dependencies


def written(folder: Path, files: Sequence[File]) -> Path:
    """The files in an empty folder, for a tool that reads them there."""
    shutil.rmtree(folder, ignore_errors=True)
    for file in files:
        path = folder / file.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    return folder


class FolderContest:
    """See `benchmarks.contests.Contest`."""

    name = "folder"
    in_flight = 4

    def __init__(self) -> None:
        self._place = Path()

    @contextmanager
    def server(self) -> Iterator[None]:
        """Only a place: there is no server."""
        with tempfile.TemporaryDirectory(prefix="archiver-bench-") as place:
            self._place = Path(place)
            yield

    def options(self) -> Mapping[str, Any]:
        """Without waiting for the disk."""
        return {"path": str(self._place / "ours"), "fsync": "no"}

    def rivals(self) -> Mapping[str, Theirs]:
        """One copy of a folder."""

        def copy(files: Sequence[File]) -> Callable[[], None]:
            source = written(self._place / "source", files)
            return lambda: rclone("copy", str(source), str(self._place / "theirs"), "--transfers", str(self.in_flight), "--checkers", "4")

        return {"rclone": copy}


CONTEST = FolderContest
