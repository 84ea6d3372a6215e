"""Google Drive, in the sandbox without limits, beside real rclone, which goes through a tunnel since it knows Google's hosts only.

So rclone pays for TLS and for a proxy on loopback; both sides keep eight uploads in flight, and both have the MD5 compared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.contests import File, Theirs
from benchmarks.tunnel import GOOGLE_HOSTS, Certificates, certify, environment_through

__all__ = ["CONTEST", "GoogleDriveContest"]

_FAR = "2099-01-01T00:00:00Z"


class _Served(msgspec.Struct):
    """What the server's process says when it is ready."""

    url: str
    tls_url: str
    proxy: str
    client_id: str
    client_secret: str
    refresh_token: str
    access_token: str


class GoogleDriveContest:
    """See `benchmarks.contests.Contest`."""

    name = "google_drive"
    in_flight = 8

    def __init__(self) -> None:
        self._served: _Served | None = None
        self._certificates: Certificates | None = None
        self._directory = Path()

    @contextmanager
    def server(self) -> Iterator[None]:
        """The sandbox and the tunnel in a process of their own; they keep hashes only."""
        with tempfile.TemporaryDirectory(prefix="archiver-bench-") as directory:
            self._directory = Path(directory)
            self._certificates = certify(self._directory, GOOGLE_HOSTS)
            command = [sys.executable, "-m", "benchmarks.google_world", str(self._certificates.chain), str(self._certificates.key)]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603  our own module
                assert process.stdin is not None
                assert process.stdout is not None
                self._served = msgspec.json.decode(process.stdout.readline(), type=_Served)
                try:
                    yield
                finally:
                    process.stdin.close()

    def options(self) -> Mapping[str, Any]:
        """A user, linked for good."""
        served = self._there
        return {
            "root": "/ours",
            "api_url": served.url,
            "client_id": served.client_id,
            "client_secret": served.client_secret,
            "refresh_token": served.refresh_token,
        }

    def rivals(self) -> Mapping[str, Theirs]:
        """``rclone copy`` of a folder, its own pace switched off."""
        return {"rclone": self._prepare}

    def _prepare(self, files: Sequence[File]) -> Callable[[], None]:
        folder = Path(tempfile.mkdtemp(dir=self._directory))
        for file in files:
            path = folder / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
        return partial(self._copy, folder)

    def _copy(self, folder: Path) -> None:
        served, certificates = self._there, self._certificates
        assert certificates is not None
        token = json.dumps({"access_token": served.access_token, "token_type": "Bearer", "expiry": _FAR})
        words = ["[theirs]", "type = drive", f"client_id = {served.client_id}", f"client_secret = {served.client_secret}"]
        config = folder.with_suffix(".conf")
        config.write_text("\n".join([*words, "scope = drive.file", f"token = {token}", ""]))
        flags = ["--transfers", str(self.in_flight), "--drive-pacer-min-sleep", "0", "--drive-pacer-burst", "100000"]
        command = [str(Path(sys.executable).with_name("rclone")), "copy", str(folder), "theirs:/theirs", "--config", str(config), *flags]
        command += ["--ca-cert", str(certificates.authority), "--no-check-dest"]
        subprocess.run(command, check=True, env=environment_through(served.proxy, os.environ), capture_output=True)  # noqa: S603  a fixed program

    @property
    def _there(self) -> _Served:
        assert self._served is not None
        return self._served


CONTEST = GoogleDriveContest
