"""Microsoft's own emulator of Azure Blob Storage, Azurite, which comes by npm: ``make azurite`` puts it into ``.venv/azurite``."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from obstore.store import AzureStore

from support.seaweed import free_ports

__all__ = ["ACCOUNT", "ACCOUNT_KEY", "Azurite", "why_not"]

ACCOUNT = "archivertest"
ACCOUNT_KEY = "Y2FuYXJ5LWF6dXJlLWFjY291bnQta2V5LTAxMjM0NTY3ODk="
_START_SECONDS = 50.0


def _program() -> str | None:
    """Where Azurite is: of ``make azurite``, or of the machine."""
    own = Path(sys.prefix) / "azurite" / "node_modules" / ".bin" / "azurite-blob"
    return str(own) if own.exists() else shutil.which("azurite-blob")


def why_not() -> str:
    """Why it cannot be started here; empty if it can."""
    if shutil.which("node") is None:
        return "Azurite needs node, which is not installed here"
    return "" if _program() else "Azurite is not installed: `make azurite` gets it by npm"


class Azurite:
    """``with Azurite() as server``: runs until the end of the block, and keeps everything in memory.

    Attributes:
        url: Of its blob service, with the account.
    """

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="archiver-azure-")
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        program, (port,) = _program(), free_ports(1)
        assert program is not None, why_not()
        flags = ["--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{ACCOUNT_KEY}"}
        self._process = subprocess.Popen(
            [program, "--blobPort", str(port), *flags], env=environment, cwd=self._folder, stdout=subprocess.DEVNULL
        )
        self.url = f"http://127.0.0.1:{port}/{ACCOUNT}"
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("Azurite does not start") from None
                time.sleep(0.1)
            else:
                return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def store(self, container: str) -> AzureStore:
        """Somebody else's client of a container."""
        return AzureStore(
            container_name=container,
            account_name=ACCOUNT,
            account_key=ACCOUNT_KEY,
            endpoint=self.url,
            client_options={"allow_http": True},
        )
