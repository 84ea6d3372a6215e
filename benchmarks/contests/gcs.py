"""Google Cloud Storage, in the sandbox, beside rclone, which brings Google's own client with it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.contests import File, Theirs
from benchmarks.contests.folder import rclone, written

__all__ = ["CONTEST", "GcsContest"]


class GcsContest:
    """See `benchmarks.contests.Contest`."""

    name = "gcs"
    in_flight = 8

    def __init__(self) -> None:
        self._place = Path()
        self._ready: dict[str, str] = {}

    @contextmanager
    def server(self) -> Iterator[None]:
        """The sandbox in a process of its own; it keeps hashes only."""
        command = [sys.executable, "-m", "archiver.sandbox.gcs", "--no-content", "--until-stdin-closes"]
        with (
            tempfile.TemporaryDirectory(prefix="archiver-bench-") as place,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,  # noqa: S603  our own process
        ):
            assert process.stdout is not None
            assert process.stdin is not None
            self._place, self._ready = Path(place), msgspec.json.decode(process.stdout.readline())
            (self._place / "key.json").write_text(self._ready["service_account"])
            yield
            process.stdin.close()

    def options(self) -> Mapping[str, Any]:
        """The bucket of the sandbox."""
        return {"bucket": self._ready["bucket"], "service_account": self._ready["service_account"], "endpoint": self._ready["url"]}

    def rivals(self) -> Mapping[str, Theirs]:
        """One copy of a folder."""
        flags = ["--gcs-service-account-file", str(self._place / "key.json"), "--gcs-endpoint", f"{self._ready['url']}/storage/v1/"]
        flags += ["--gcs-bucket-policy-only", "--gcs-no-check-bucket", "--transfers", str(self.in_flight), "--checkers", "4"]

        def copy(files: Sequence[File]) -> Callable[[], None]:
            source = written(self._place / "source", files)
            return lambda: rclone("copy", str(source), f":gcs:{self._ready['bucket']}/theirs", "--no-traverse", *flags)

        return {"rclone": copy}


CONTEST = GcsContest
