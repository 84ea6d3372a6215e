"""Real servers of SFTP on 127.0.0.1: asyncssh's own, which can be told to fail, and OpenSSH's, which is what most customers have."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncssh

from support.seaweed import free_ports

__all__ = ["CLIENT_KEY", "HOST_KEY", "PASSWORD", "READER_KEY", "SSHD", "USER", "OpenSsh", "SftpServer", "files_of", "host_key", "text_of"]

USER = "acme"
PASSWORD = "canary-sftp-password-0123456789"
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")
CLIENT_KEY = asyncssh.generate_private_key("ssh-ed25519")
READER_KEY = asyncssh.generate_private_key("ssh-ed25519")
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")
_START_SECONDS = 20.0


def files_of(root: Path) -> Mapping[str, bytes]:
    """Everything that is visible under a folder, by the paths of deliveries."""
    found = (path for path in root.rglob("*") if path.is_file() and ".archiver-parts" not in path.parts)
    return {f"/{path.relative_to(root).as_posix()}": path.read_bytes() for path in found}


def text_of(key: asyncssh.SSHKey) -> str:
    """A private key as people paste it."""
    return key.export_private_key().decode()


def host_key(key: asyncssh.SSHKey = HOST_KEY) -> str:
    """A public key as people paste it."""
    return key.export_public_key().decode().strip()


class SftpServer:
    """``async with SftpServer(root) as server``: asyncssh's server, in this process.

    Args:
        root: The folder that it shows as ``/``.
        version: What it calls itself.
        replaces: Its rename goes over what has the name, as that of some servers does, although the protocol forbids it.

    Attributes:
        port: On 127.0.0.1.
        fails: Error numbers by the name of a call, which fails with them from now on.
        calls: The names of all calls so far.
        logins: How many connections have logged in so far.
        cut_at: Every connection is cut when a call of this name is made for the so-manieth time.
        unknown: The names of calls that it does not know.
        alter: What it makes of bytes before it keeps them.
    """

    def __init__(self, root: Path, *, version: str = "", replaces: bool = False) -> None:
        self.root = root
        self.replaces = replaces
        self.port = 0
        self.fails: dict[str, int] = {}
        self.calls: list[str] = []
        self.logins = 0
        self.cut_at: dict[str, int] = {}
        self.unknown: set[str] = set()
        self.alter: Callable[[bytes], bytes] | None = None
        self._version = version
        self._connections: list[asyncssh.SSHServerConnection] = []
        self._listener: asyncssh.SSHAcceptor | None = None

    async def __aenter__(self) -> Self:
        self._listener = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_host_keys=[HOST_KEY],
            server_factory=lambda: _Door(self),
            sftp_factory=lambda channel: _Files(channel, self),
            server_version=self._version or (),
            reuse_address=True,
        )
        self.port = self._listener.get_port()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._listener is not None:
            self._listener.close()
        self.cut()
        if self._listener is not None:
            await self._listener.wait_closed()

    def cut(self) -> None:
        """Cuts every connection."""
        for connection in self._connections:
            connection.abort()
        self._connections.clear()

    def came(self, connection: asyncssh.SSHServerConnection) -> None:
        """Somebody connected."""
        self._connections.append(connection)

    def called(self, name: str) -> None:
        """Somebody makes a call."""
        self.calls.append(name)
        if self.calls.count(name) == self.cut_at.get(name):
            self.cut()
        if name in self.unknown:
            raise asyncssh.SFTPOpUnsupported("unknown")
        if name in self.fails:
            raise OSError(self.fails[name], os.strerror(self.fails[name]))


class _Door(asyncssh.SSHServer):
    def __init__(self, server: SftpServer) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """See `asyncssh.SSHServer`."""
        self._server.came(conn)

    def password_auth_supported(self) -> bool:
        """See `asyncssh.SSHServer`."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """See `asyncssh.SSHServer`."""
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        """See `asyncssh.SSHServer`."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """See `asyncssh.SSHServer`."""
        return username == USER and key.get_fingerprint() == CLIENT_KEY.get_fingerprint()

    def auth_completed(self) -> None:
        """See `asyncssh.SSHServer`."""
        self._server.logins += 1


class _Files(asyncssh.SFTPServer):
    """Tells the server of each call, which may fail."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], server: SftpServer) -> None:
        super().__init__(channel, chroot=os.fsencode(server.root))
        self._server = server

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        """See `asyncssh.SFTPServer`."""
        self._server.called("open")
        return super().open(path, pflags, attrs)

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        """See `asyncssh.SFTPServer`."""
        self._server.called("write")
        return super().write(file_obj, offset, data if self._server.alter is None else self._server.alter(data))

    def fsync(self, file_obj: object) -> Any:
        """See `asyncssh.SFTPServer`."""
        self._server.called("fsync")
        return super().fsync(file_obj)

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> Any:
        """See `asyncssh.SFTPServer`."""
        self._server.called("mkdir")
        return super().mkdir(path, attrs)

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        """See `asyncssh.SFTPServer`."""
        self._server.called("rename")
        return super().posix_rename(oldpath, newpath) if self._server.replaces else super().rename(oldpath, newpath)


class OpenSsh:
    """``with OpenSsh() as server``: OpenSSH's sshd, as the account that runs the tests; `CLIENT_KEY` may write, `READER_KEY` only read.

    Attributes:
        port: On 127.0.0.1.
        user: The account.
        folder: Where its files may be.
    """

    def __init__(self) -> None:
        if SSHD is None:
            raise FileNotFoundError("OpenSSH's sshd is not installed (Debian's package openssh-server)")
        self._place = Path(tempfile.mkdtemp(prefix="archiver-sshd-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = self._place / "files"
        self.user = getpass.getuser()
        (self.port,) = free_ports(1)

    def __enter__(self) -> Self:
        self.folder.mkdir()
        key = self._place / "host_key"
        key.write_bytes(HOST_KEY.export_private_key())
        key.chmod(0o600)
        allowed = self._place / "authorized_keys"
        allowed.write_text(f'{host_key(CLIENT_KEY)}\ncommand="internal-sftp -R" {host_key(READER_KEY)}\n')
        config = self._place / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {key}\nPidFile none\nAuthorizedKeysFile {allowed}\nStrictModes no\n"
            "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nSubsystem sftp internal-sftp\n"
            "MaxStartups 100\nMaxSessions 100\nLogLevel ERROR\n"
        )
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where its unprivileged half lives
        with (self._place / "log").open("wb") as log:
            self._process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(config)], stdout=log, stderr=log)
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    self.__exit__(None, None, None)
                    raise RuntimeError("sshd does not start") from error
                time.sleep(0.05)
            else:
                return self

    def empty(self) -> Path:
        """A folder of its own."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        shutil.rmtree(self._place, ignore_errors=True)
