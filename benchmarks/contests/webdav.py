"""WebDAV on rclone's server, beside rclone as its client, which writes each file straight to its name, while ours is moved there."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contests import File, Theirs
from benchmarks.contests.folder import rclone, written

if TYPE_CHECKING:
    from support.webdav_servers import WebDavServer

__all__ = ["CONTEST", "WebDavContest"]


class WebDavContest:
    """See `benchmarks.contests.Contest`."""

    name = "webdav"
    in_flight = 16

    def __init__(self) -> None:
        self._server: WebDavServer | None = None
        self._login: tuple[str, str] = ("", "")
        self._place = Path()

    @contextmanager
    def server(self) -> Iterator[None]:
        """Rclone's, as the tests start it."""
        sys.path.insert(0, "tests")
        from support.webdav_servers import PASSWORD, USER, WebDavServer  # noqa: PLC0415  what the tests start, too

        self._login = (USER, PASSWORD)
        with WebDavServer("rclone") as self._server, tempfile.TemporaryDirectory(prefix="archiver-bench-") as place:
            self._place = Path(place)
            yield

    def options(self) -> Mapping[str, Any]:
        """A folder of it."""
        username, password = self._login
        return {"url": self.folder(), "username": username, "password": password}

    def rivals(self) -> Mapping[str, Theirs]:
        """One copy of a folder, which the cache has."""
        return {"rclone": self._by_rclone}

    def _by_rclone(self, files: Sequence[File]) -> Callable[[], None]:
        source = written(self._place / "source", files)
        config = self._place / "rclone.conf"
        config.write_text(self.section(self.folder()))
        many = ("--transfers", str(self.in_flight), "--checkers", str(self.in_flight))
        return lambda: rclone("--config", str(config), "copy", str(source), "server:", *many)

    def section(self, url: str) -> str:
        """Of rclone.conf."""
        username, password = self._login
        program = str(Path(sys.executable).with_name("rclone"))
        hidden = subprocess.run([program, "obscure", "-"], input=password, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  as `rclone`
        return f"[server]\ntype = webdav\nvendor = other\nurl = {url}\nuser = {username}\npass = {hidden}\n"

    def folder(self) -> str:
        """A new one on the server: its address."""
        return "" if self._server is None else f"{self._server.url}/{self._server.empty().name}"


CONTEST = WebDavContest
