"""A cloud whose hosts rclone knows by heart, beside real rclone: the sandbox and a tunnel in a process of their own.

So rclone pays for TLS and for a proxy on loopback; both sides keep as many uploads in flight, and both have the storage's hash compared.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.contests import File, Theirs
from benchmarks.tunnel import Certificates, certify, environment_through

__all__ = ["FAR", "Served", "TunnelledContest"]

FAR = "2099-01-01T00:00:00Z"
"""When a token ends that need not be renewed."""


class Served(msgspec.Struct):
    """What the server's process says when it is ready."""

    url: str
    tls_url: str
    proxy: str
    client_id: str
    client_secret: str
    refresh_token: str
    access_token: str
    drive_id: str = ""


class TunnelledContest:
    """Most of a `benchmarks.contests.Contest`; a cloud adds its options and its words for rclone.

    Attributes:
        world: What `benchmarks.tunnelled_world` calls it.
        hosts: Those of the cloud.
        flags: For rclone.
    """

    world: str
    hosts: Collection[str]
    flags: Sequence[str] = ()
    in_flight = 8

    def __init__(self) -> None:
        self._served: Served | None = None
        self._certificates: Certificates | None = None
        self._directory = Path()

    @property
    def served(self) -> Served:
        """What the server said."""
        assert self._served is not None
        return self._served

    def words(self) -> Sequence[str]:
        """The cloud's part of rclone's configuration."""
        raise NotImplementedError

    @contextmanager
    def server(self) -> Iterator[None]:
        """The sandbox and the tunnel in a process of their own; they keep hashes only."""
        with tempfile.TemporaryDirectory(prefix="archiver-bench-") as directory:
            self._directory = Path(directory)
            self._certificates = certify(self._directory, self.hosts)
            papers = str(self._certificates.chain), str(self._certificates.key)
            command = [sys.executable, "-m", "benchmarks.tunnelled_world", self.world, *papers]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603  our own module
                assert process.stdin is not None
                assert process.stdout is not None
                self._served = msgspec.json.decode(process.stdout.readline(), type=Served)
                try:
                    yield
                finally:
                    process.stdin.close()

    def rivals(self) -> Mapping[str, Theirs]:
        """``rclone copy`` of a folder."""
        return {"rclone": self._prepare}

    def _prepare(self, files: Sequence[File]) -> Callable[[], None]:
        folder = Path(tempfile.mkdtemp(dir=self._directory))
        for file in files:
            path = folder / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
        return partial(self._copy, folder)

    def _copy(self, folder: Path) -> None:
        assert self._certificates is not None
        config = folder.with_suffix(".conf")
        config.write_text("\n".join(["[theirs]", *self.words(), ""]))
        command = [str(Path(sys.executable).with_name("rclone")), "copy", str(folder), "theirs:/theirs", "--config", str(config)]
        command += ["--ca-cert", str(self._certificates.authority), "--no-check-dest", "--transfers", str(self.in_flight), *self.flags]
        subprocess.run(command, check=True, env=environment_through(self.served.proxy, os.environ), capture_output=True)  # noqa: S603  a fixed program
