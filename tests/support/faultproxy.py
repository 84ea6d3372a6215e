"""A TCP proxy on loopback whose network goes wrong on request: Toxiproxy's eight toxics, either way, while connections are open.

    async with FaultProxy(sandbox.url) as proxy:
        proxy.add(Toxic("latency", seconds=0.3), Toxic("reset_peer", direction="down"))
        …
        proxy.heal()

From another process: ``python tests/support/faultproxy.py TARGET`` prints one line of JSON with its ``url`` and its ``control`` port. Each
line that is sent to the control port is a JSON list of toxics, which are in force from then on; ``[]`` heals. The answer is the same list.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import socket
import struct
import sys
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

import msgspec

__all__ = ["Direction", "FaultProxy", "Toxic", "ToxicName"]

Direction = Literal["up", "down"]
"""``up`` is what the client sends, ``down`` what it is sent."""
ToxicName = Literal["latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "down"]
HOST = "127.0.0.1"
_CHUNK_BYTES = 64 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset


class Toxic(msgspec.Struct, frozen=True):
    """One thing that goes wrong with every connection.

    Attributes:
        name: ``latency`` delays what passes by ``seconds``; ``bandwidth`` lets ``rate`` bytes pass a second; ``slow_close`` passes on the
            end of a stream only after ``seconds``; ``timeout`` lets nothing pass, and cuts after ``seconds`` (0: never); ``reset_peer``
            resets after ``seconds``; ``slicer`` passes pieces of about ``size`` bytes, ``seconds`` apart; ``limit_data`` cuts after
            ``size`` bytes; ``down`` cuts everything and takes no connection.
        direction: Which way it concerns; ``down``, the toxic, concerns both.
        seconds: See above.
        rate: Of ``bandwidth``.
        size: Of ``slicer`` and ``limit_data``.
    """

    name: ToxicName
    direction: Direction = "up"
    seconds: float = 0.0
    rate: float = 10_000.0
    size: int = 1000


class _CutError(Exception):
    """The connection ends now."""


class FaultProxy:
    """Stands between a client and a server.

    Args:
        target: The server: a URL, ``host:port``, or the path of a unix socket.
        buffer_bytes: Of what is received and not passed on; a small buffer makes a slow network felt by who sends. None leaves it.
        seed: Of the slicer's randomness.

    Attributes:
        url: Where the client finds it: ``http://127.0.0.1:PORT``.
        port: The same.
        connections: How many were taken so far.
    """

    def __init__(self, target: str, *, buffer_bytes: int | None = None, seed: int = 0) -> None:
        self._target = target
        self._buffer_bytes = buffer_bytes
        self._random = random.Random(seed)
        self._toxics: list[Toxic] = []
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._handlers: set[asyncio.Task[None]] = set()
        self.port = 0
        self.url = ""
        self.connections = 0

    async def __aenter__(self) -> Self:
        await self._listen()
        self.url = f"http://{HOST}:{self.port}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop_listening()
        self._cut_all()
        for handler in list(self._handlers):
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    # -- what goes wrong ------------------------------------------------------------------------------------------------------------

    @property
    def toxics(self) -> list[Toxic]:
        """What goes wrong now."""
        return list(self._toxics)

    def add(self, *toxics: Toxic) -> None:
        """Lets something go wrong from now on, with open connections too."""
        self.set([*self._toxics, *toxics])

    def heal(self) -> None:
        """Nothing goes wrong any more; what was cut stays cut."""
        self.set([])

    def set(self, toxics: list[Toxic]) -> None:
        """Exactly these from now on."""
        self._toxics = list(toxics)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if self._is("down"):
            self._stop_listening()
            self._cut_all()
        elif self._server is None:
            self._bind()

    def _is(self, name: ToxicName) -> bool:
        return any(toxic.name == name for toxic in self._toxics)

    def _of(self, direction: Direction, name: ToxicName) -> Toxic | None:
        return next((toxic for toxic in self._toxics if toxic.name == name and toxic.direction == direction), None)

    # -- listening ------------------------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        listener = self._listener()
        self._server = await asyncio.start_server(self._take, sock=listener, limit=self._buffer_bytes or _CHUNK_BYTES)
        self.port = listener.getsockname()[1]

    def _bind(self) -> None:
        """Listens again at the same port; the loop's own method can only be awaited, so a task does it, which `__aexit__` awaits."""
        task = asyncio.get_running_loop().create_task(self._listen())
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)

    def _listener(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._buffer_bytes is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer_bytes)
        listener.bind((HOST, self.port))
        return listener

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _cut_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._target.startswith("/"):
            return await asyncio.open_unix_connection(self._target, limit=_CHUNK_BYTES)
        parts = urlsplit(self._target if "//" in self._target else f"//{self._target}")
        return await asyncio.open_connection(parts.hostname, parts.port, limit=_CHUNK_BYTES)

    # -- one connection -------------------------------------------------------------------------------------------------------------

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)
        self.connections += 1
        self._open.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            back, far = await self._dial()
            self._open.add(far)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, far, "up"))
                both.create_task(self._pump(back, writer, "down"))
        except* (_CutError, OSError, asyncio.CancelledError):  # cancelled by `__aexit__` only, which waits for nothing else
            _reset(writer)
            if far is not None:
                _reset(far)
        finally:
            for end in (writer, far):
                if end is not None:
                    end.close()
                    self._open.discard(end)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
        passed = 0
        while True:
            data = await self._read(reader, direction)
            await self._hold_back(direction)
            if not data:
                if (toxic := self._of(direction, "slow_close")) is not None:
                    await self._pause(toxic.seconds)
                if writer.can_write_eof():
                    with contextlib.suppress(OSError):
                        writer.write_eof()
                return
            if (toxic := self._of(direction, "latency")) is not None:
                await self._pause(toxic.seconds)
            if (toxic := self._of(direction, "limit_data")) is not None:
                data, passed = data[: max(0, toxic.size - passed)], passed + len(data)
                await self._write(writer, data, direction)
                if passed >= toxic.size:
                    raise _CutError
                continue
            passed = 0
            await self._write(writer, data, direction)

    async def _read(self, reader: asyncio.StreamReader, direction: Direction) -> bytes:
        """What comes next; a reset cuts also who says nothing."""
        while True:
            changed = self._changed
            waits = self._of(direction, "reset_peer")
            if waits is not None:
                await self._pause(waits.seconds)
                if self._of(direction, "reset_peer") is not None:
                    raise _CutError
                continue
            slow = self._of(direction, "bandwidth")
            size = _CHUNK_BYTES if slow is None else max(1, int(slow.rate / 10))
            reading = asyncio.ensure_future(reader.read(size))
            watching = asyncio.ensure_future(changed.wait())
            try:
                await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    return reading.result()
            finally:
                for future in (reading, watching):
                    future.cancel()
                await asyncio.gather(reading, watching, return_exceptions=True)

    async def _hold_back(self, direction: Direction) -> None:
        """Lets nothing pass while a timeout is set."""
        while (toxic := self._of(direction, "timeout")) is not None:
            if toxic.seconds:
                await self._pause(toxic.seconds)
                if self._of(direction, "timeout") is not None:
                    raise _CutError
            else:
                await self._changed.wait()

    async def _write(self, writer: asyncio.StreamWriter, data: bytes, direction: Direction) -> None:
        while data:
            piece, rest = data, b""
            if (slicer := self._of(direction, "slicer")) is not None:
                size = max(1, int(slicer.size * self._random.uniform(0.5, 1.5)))
                piece, rest = data[:size], data[size:]
            writer.write(piece)
            await writer.drain()
            if (slow := self._of(direction, "bandwidth")) is not None:
                await self._pause(len(piece) / slow.rate)
            if slicer is not None:
                await self._pause(slicer.seconds)
            data = rest

    async def _pause(self, seconds: float) -> None:
        """Waits; whatever changes meanwhile ends it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection as a lost network does: no goodbye."""
    end = writer.get_extra_info("socket")
    if end is not None and end.family == socket.AF_INET:
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


async def _serve(target: str) -> None:
    """The proxy with a control port, until standard input ends."""
    toxics = msgspec.json.Decoder(list[Toxic])
    async with FaultProxy(target) as proxy:

        async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async for line in reader:
                proxy.set(toxics.decode(line))
                writer.write(msgspec.json.encode(proxy.toxics) + b"\n")
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(control, HOST, 0)
        line = msgspec.json.encode({"url": proxy.url, "control": server.sockets[0].getsockname()[1]})
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog=Path(__file__).name, description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("target", help="a URL, host:port, or the path of a unix socket")
    asyncio.run(_serve(parser.parse_args().target))
