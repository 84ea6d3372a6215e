"""Real servers of WebDAV on 127.0.0.1: rclone's and wsgidav, each in a process of its own, in front of a folder."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from support.seaweed import free_ports

__all__ = ["PASSWORD", "USER", "WebDavServer"]

USER = "acme"
PASSWORD = "canary-webdav-password-0123456789"
_START_SECONDS = 30.0


class WebDavServer:
    """``with WebDavServer("rclone") as server``: runs until the end of the block.

    Args:
        kind: ``rclone`` or ``wsgidav``.

    Attributes:
        url: Of its root.
        root: The folder that it shows.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._place = Path(tempfile.mkdtemp(prefix="archiver-webdav-"))
        self._process: subprocess.Popen[bytes] | None = None
        (self._port,) = free_ports(1)
        self.root = self._place / "root"
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.root.mkdir()
        with (self._place / "log").open("wb") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    told = (self._place / "log").read_text()[-2000:]
                    self.__exit__(None, None, None)
                    raise RuntimeError(f"{self._kind} does not start: {told}") from error
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._place, ignore_errors=True)

    def empty(self) -> Path:
        """A folder of its own under the root, made by the server: rclone keeps in mind what it has seen."""
        name = secrets.token_hex(8)
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_START_SECONDS)
        authorisation = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        connection.request("MKCOL", f"/{name}/", headers={"Authorization": f"Basic {authorisation}"})
        status = connection.getresponse().status
        connection.close()
        assert status == 201, f"{self._kind} made no folder: {status}"
        return self.root / name

    def _command(self) -> list[str]:
        program = str(Path(sys.executable).with_name(self._kind))
        if self._kind == "rclone":
            address = ("--addr", f"127.0.0.1:{self._port}", "--user", USER, "--pass", PASSWORD)
            return [program, "--config", "", "serve", "webdav", str(self.root), *address]
        config = self._place / "wsgidav.json"
        users = {USER: {"password": PASSWORD}}
        config.write_text(
            json.dumps(
                {
                    "host": "127.0.0.1",
                    "port": self._port,
                    "provider_mapping": {"/": str(self.root)},
                    "simple_dc": {"user_mapping": {"*": users}},
                    "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
                    "dir_browser": {"enable": False},
                    "verbose": 1,
                }
            )
        )
        return [program, f"--config={config}"]
