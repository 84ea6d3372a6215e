"""The server around the console: a socket that is bound before anything else, and an end that keeps nobody waiting."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator

import msgspec
import uvicorn

from archiver.app import Archiver
from archiver.console.application import application
from archiver.console.console import Console
from archiver.console.listening import Listening
from archiver.errors import ConfigError
from genstage.clock import Clock, SystemClock

__all__ = ["ConsoleServer"]

_END_SECONDS = 2  # for answers that are under way


class ConsoleServer:
    """A console that listens from the moment it is made, and answers while `serve` runs.

    Args:
        archiver: What it shows; open.
        listening: Where.
        clock: Time.

    Attributes:
        listening: Where it listens really, if a free port was asked for.

    Raises:
        ConfigError: The address cannot be listened on.
    """

    def __init__(self, archiver: Archiver, listening: Listening, clock: Clock | None = None) -> None:
        self._socket = _bound(listening)
        self.listening = msgspec.structs.replace(listening, port=self._socket.getsockname()[1])
        self._console = Console(archiver, self.listening, clock or SystemClock())

    @property
    def url(self) -> str:
        """The address that people use."""
        return self.listening.url

    async def serve(self, stop: asyncio.Event | None = None) -> None:
        """Answers until ``stop`` is set, or until cancelled; then open pages are let go at once."""
        listening = self.listening
        config = uvicorn.Config(
            application(self._console),
            log_config=None,
            access_log=False,  # lines of every request would name customers
            lifespan="off",
            ws="none",
            server_header=False,
            date_header=False,
            proxy_headers=bool(listening.proxies),
            forwarded_allow_ips=listening.proxies or None,
            ssl_certfile=listening.certificate or None,
            ssl_keyfile=listening.private_key or None,
            timeout_graceful_shutdown=_END_SECONDS,
        )
        server = _Server(config, stop or asyncio.Event(), self._console)
        try:
            await server.serve(sockets=[self._socket])
        except asyncio.CancelledError:
            if server.started:
                await server.shutdown(sockets=[self._socket])
            raise
        finally:
            self._socket.close()


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the process, and ends when it is told."""

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event, console: Console) -> None:
        super().__init__(config)
        self._stop = stop
        self._console = console

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._console.hub.close()
        await super().shutdown(sockets)


def _bound(listening: Listening) -> socket.socket:
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((listening.host, listening.port))
        bound.listen(128)  # who comes before `serve` waits for it, and is not refused
    except OSError as error:
        bound.close()
        message = f"the console cannot listen on {listening.host}:{listening.port}: {error.strerror}"
        raise ConfigError(message, hint="Another process may have it; give another address with --console.") from error
    bound.set_inheritable(False)
    return bound
