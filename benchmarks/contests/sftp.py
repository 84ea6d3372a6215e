"""SFTP on OpenSSH's server, beside asyncssh alone, whose `put` keeps the time of each file as we do, and beside rclone.

Nobody waits for the disk: neither of the two others ever does. All write a file under another name first, and rename it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncssh
import uvloop

from benchmarks.contests import File, Theirs, UnavailableError
from benchmarks.contests.folder import rclone, written

if TYPE_CHECKING:
    from support.sftp_servers import OpenSsh

__all__ = ["CONTEST", "SftpContest"]


class SftpContest:
    """See `benchmarks.contests.Contest`."""

    name = "sftp"
    in_flight = 16

    def __init__(self) -> None:
        self._server: OpenSsh | None = None
        self._login: dict[str, Any] = {}
        self._place = Path()

    @contextmanager
    def server(self) -> Iterator[None]:
        """OpenSSH's, as the tests start it."""
        sys.path.insert(0, "tests")
        from support.sftp_servers import CLIENT_KEY, SSHD, OpenSsh, host_key, text_of  # noqa: PLC0415  what the tests start, too

        if SSHD is None:
            raise UnavailableError("OpenSSH's sshd is not installed (Debian's package openssh-server)")
        with OpenSsh() as self._server, tempfile.TemporaryDirectory(prefix="archiver-bench-") as place:
            self._place = Path(place)
            self._login = {"username": self._server.user, "private_key": text_of(CLIENT_KEY), "host_key": host_key()}
            yield

    def options(self) -> Mapping[str, Any]:
        """A folder of it."""
        return {"host": "127.0.0.1", "port": self._port, "path": str(self._folder("ours")), "fsync": "no", **self._login}

    def rivals(self) -> Mapping[str, Theirs]:
        """Both read their files from a folder, which the cache has."""

        def by_asyncssh(files: Sequence[File]) -> Callable[[], None]:
            source, target = written(self._place / "source", files), self._folder("asyncssh")
            return lambda: uvloop.run(self._put(source, target, [file.path[1:] for file in files]))

        def by_rclone(files: Sequence[File]) -> Callable[[], None]:
            source, key = written(self._place / "source", files), self._place / "key"
            key.write_text(self._login["private_key"])
            key.chmod(0o600)
            remote = f":sftp,host=127.0.0.1,port={self._port},user={self._login['username']},key_file={key},shell_type=none:"
            many = ("--transfers", str(self.in_flight), "--checkers", str(self.in_flight))
            return lambda: rclone("copy", str(source), f"{remote}{self._folder('rclone')}", *many)

        return {"asyncssh": by_asyncssh, "rclone": by_rclone}

    async def _put(self, source: Path, target: Path, names: Sequence[str]) -> None:
        async with (
            asyncssh.connect(
                "127.0.0.1",
                self._port,
                config=[],
                username=self._login["username"],
                client_keys=[asyncssh.import_private_key(self._login["private_key"])],
                known_hosts=([asyncssh.import_public_key(self._login["host_key"])], [], []),
                compression_algs=None,
            ) as connection,
            connection.start_sftp_client() as sftp,
        ):
            for folder in {name.rpartition("/")[0] for name in names}:
                await sftp.makedirs(f"{target}/{folder}", exist_ok=True)
            waiting = iter(names)
            async with asyncio.TaskGroup() as group:
                for _ in range(self.in_flight):
                    group.create_task(_work(sftp, source, target, waiting))

    def _folder(self, name: str) -> Path:
        if self._server is None:
            return Path()
        folder = self._server.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def _port(self) -> int:
        return 0 if self._server is None else self._server.port


async def _work(sftp: asyncssh.SFTPClient, source: Path, target: Path, waiting: Iterator[str]) -> None:
    for name in waiting:
        await sftp.put(source / name, f"{target}/{name}.part", preserve=True)
        await sftp.rename(f"{target}/{name}.part", f"{target}/{name}")


CONTEST = SftpContest
