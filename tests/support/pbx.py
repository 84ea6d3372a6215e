"""The phone system that ``examples/own_source.py`` reads: calls with numbers, and their sound, on 127.0.0.1."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from aiohttp import web

__all__ = ["TOKEN", "Pbx"]

TOKEN = "canary-pbx-token-0123456789"


class Pbx:
    """``async with Pbx() as pbx``: serves at ``pbx.url`` until the block ends.

    Attributes:
        sound: Bytes by the call's id, in the order in which the calls ended.
        refusals: Statuses of the next answers.
    """

    def __init__(self) -> None:
        self.sound: dict[str, bytes] = {}
        self.refusals: list[int] = []
        self.url = ""
        self._numbers: list[str] = []
        self._port = 0
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def add(self, name: str, data: bytes) -> None:
        """A call has ended."""
        self._numbers.append(name)
        self.sound[name] = data

    async def start(self) -> None:
        """Begins to listen; again at the same address after `close`."""
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def close(self) -> None:
        """Ends every connection; harmless when called twice."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        if self.refusals:
            return web.Response(status=self.refusals.pop(0), headers={"Retry-After": "17"})
        if request.path == "/calls":
            after, most = int(request.query["after"]), int(request.query["most"])
            listed = list(enumerate(self._numbers, 1))[after : after + most]
            return web.json_response([{"number": number, "id": name, "at": 1_767_225_600_000 + number} for number, name in listed])
        data = self.sound.get(request.path.removeprefix("/audio/"))
        if data is None:
            return web.Response(status=404)
        part = request.http_range
        begin, end = part.start or 0, part.stop or len(data)
        if "Range" in request.headers and begin >= len(data):
            return web.Response(status=416)
        return web.Response(status=206, body=data[begin:end])
