"""The small server of those who watch a process: metrics and health, on a port of their own, which is not for the public.

In: requests of a Prometheus, a Kubernetes, a person with curl. Out: numbers and reasons, without a customer's name, number or secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from archiver.errors import ConfigError
from archiver.observe.address import address_of
from archiver.observe.gauges import Gauges
from archiver.observe.health import Health, health_of
from archiver.observe.metrics import CONTENT_TYPE, Metrics
from archiver.observe.pulse import Pulse
from archiver.snapshot import Snapshot

__all__ = ["Watched", "answering"]

_LOOK_SECONDS = 3.0  # a probe of Kubernetes waits 1 s by default, one of ours longer


class Watched:
    """What is watched.

    Args:
        look: How everything is.
        pulse: Whether the process lives.
        draining: Whether it was told to stop.
        metrics: The counters.
        gauges: The gauges, which the metrics ask too.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[Snapshot]],
        pulse: Pulse,
        *,
        draining: Callable[[], bool],
        metrics: Metrics,
        gauges: Gauges,
    ) -> None:
        self._look = look
        self._pulse = pulse
        self._draining = draining
        self._metrics = metrics
        self._gauges = gauges

    async def page(self) -> bytes:
        """The page of metrics."""
        found, before = await self._snapshot(), self._gauges.latest
        if found is None and before is not None:
            found = msgspec.structs.replace(before, away="does not answer")  # what it said before is no number of now
        self._gauges.latest = found
        self._gauges.lag = self._pulse.lag()
        return self._metrics.page()

    def alive(self) -> bool:
        """Whether the process lives; asks nobody else."""
        return self._pulse.alive()

    async def health(self) -> Health:
        """How it is."""
        snapshot = await self._snapshot()
        return health_of(snapshot, lag=self._pulse.lag(), stalled=self._pulse.stalled(), draining=self._draining())

    async def _snapshot(self) -> Snapshot | None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                return await self._look()
        except TimeoutError:
            return None


@asynccontextmanager
async def answering(address: str, watched: Watched) -> AsyncIterator[str]:
    """Answers within it; gives the address it listens on, such as ``127.0.0.1:9464``.

    Raises:
        ConfigError: The address cannot be, or is taken.
    """
    host, port = address_of(address)
    answers = _Answers(watched)
    app = web.Application()
    app.router.add_get("/metrics", answers.metrics)
    app.router.add_get("/livez", answers.livez)
    app.router.add_get("/readyz", answers.readyz)
    app.router.add_get("/healthz", answers.healthz)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigError(f"metrics cannot be served on {address}: {error.strerror}", hint="Give another --metrics.") from error
        host, port = runner.addresses[0][:2]
        yield f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    finally:
        await runner.cleanup()


class _Answers:
    """What is answered to whom."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    async def metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self._watched.page(), headers={"Content-Type": CONTENT_TYPE})

    async def livez(self, _request: web.Request) -> web.Response:
        alive = self._watched.alive()
        return web.Response(text="alive\n" if alive else "not alive\n", status=200 if alive else 503)

    async def readyz(self, _request: web.Request) -> web.Response:
        health = await self._watched.health()
        why = ", ".join(f"{check.name}: {check.detail}" for check in health.checks if not check.ok)
        return web.Response(text="ready\n" if health.ready else f"not ready: {why}\n", status=200 if health.ready else 503)

    async def healthz(self, _request: web.Request) -> web.Response:
        health = await self._watched.health()
        body = msgspec.json.format(msgspec.json.encode(health), indent=2) + b"\n"
        return web.Response(body=body, content_type="application/json", status=200 if health.ready else 503)
