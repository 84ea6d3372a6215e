"""Requests that go out once."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web

from archiver.http.repeats import never_repeated


@pytest.mark.parametrize(("guarded", "times"), [(False, 2), (True, 1)])
async def test_a_request_goes_out_once(guarded: bool, times: int) -> None:
    """On a kept connection that breaks aiohttp sends a PUT again by itself; with the guard it does not."""
    seen = 0

    async def handle(request: web.BaseRequest) -> web.Response:
        nonlocal seen
        if request.method == "PUT":
            seen += 1
            assert request.transport is not None
            request.transport.abort()
        return web.Response()

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as response:
            await response.read()
        with pytest.raises(aiohttp.ClientError):
            async with http.put(url, data=b"x", middlewares=(never_repeated(),) if guarded else ()):
                pass
    await runner.cleanup()
    assert seen == times
