"""Real rclone as a judge of the sandbox: it goes to the cloud's own hosts, through a tunnel that ends on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.tunnel import Certificates, Tunnel, environment_through

__all__ = ["Rclone", "context_of", "old_token"]


class Rclone:
    """Runs rclone with one storage, ``one:``.

    Args:
        directory: For its configuration, in which it keeps tokens.
        words: What the configuration says of the storage.
        certificates: Whom it trusts.
        tunnel: Through which it goes.
        flags: With each command.
    """

    def __init__(
        self, directory: Path, words: Sequence[str], certificates: Certificates, tunnel: Tunnel, *, flags: Sequence[str] = ()
    ) -> None:
        self._config = directory / "rclone.conf"
        self._config.write_text("\n".join(["[one]", *words, ""]))
        self._flags = [*flags, "--config", str(self._config), "--ca-cert", str(certificates.authority)]
        self._tunnel = tunnel

    async def run(self, *words: str) -> str:
        """Runs a command to its end; what it printed."""
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("rclone")),
            *words,
            *self._flags,
            env=environment_through(self._tunnel.url, os.environ),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return output.decode()


def old_token(refresh_token: str) -> str:
    """A token as rclone keeps it, that has ended: the first thing to do is to renew it."""
    return json.dumps({"access_token": "old", "token_type": "Bearer", "refresh_token": refresh_token, "expiry": "2020-01-01T00:00:00Z"})


def context_of(certificates: Certificates) -> ssl.SSLContext:
    """For a server in the name of the cloud."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    return context
