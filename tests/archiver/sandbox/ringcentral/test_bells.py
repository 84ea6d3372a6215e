"""The sandbox's webhooks: who greets back is told, who answers badly is blacklisted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from archiver.sandbox.faults import FaultScript
from archiver.sandbox.ringcentral.bells import MOST_FAILURES, Bells
from archiver.sandbox.ringcentral.office import ACCOUNT_ID
from archiver.sandbox.ringcentral.refusals import Refusal

EVENT = f"/restapi/v1.0/account/{ACCOUNT_ID}/telephony/sessions"


class Subscriber:
    """Answers calls with a status, and keeps what it was told."""

    def __init__(self) -> None:
        self.status = 200
        self.told: list[tuple[Mapping[str, str], bytes]] = []
        self.url = ""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Greets back, or takes an event."""
        greeting = request.headers.get("Validation-Token", "")
        self.told.append((request.headers, await request.read()))
        return web.Response(status=self.status, headers={"Validation-Token": greeting} if greeting else {})


@asynccontextmanager
async def subscribing() -> AsyncIterator[tuple[Bells, Subscriber]]:
    """Bells, and somebody who can be called."""
    subscriber = Subscriber()
    runner = web.ServerRunner(web.Server(subscriber.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    subscriber.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    bells = Bells(lambda: 1_790_000_000.0, FaultScript())
    try:
        yield bells, subscriber
    finally:
        await asyncio.to_thread(bells.close)
        await runner.cleanup()


def wanted(address: str, *filters: str) -> bytes:
    """The body of a subscription."""
    mode = {"transportType": "WebHook", "address": address, "verificationToken": "known"}
    return json.dumps({"eventFilters": filters, "deliveryMode": mode}).encode()


async def test_an_event_is_told_with_the_token() -> None:
    """To those whose filters name it, once each; the filter may say ``~`` and more."""
    async with subscribing() as (bells, subscriber):
        await bells.answer("POST", "", wanted(subscriber.url, "/restapi/v1.0/account/~/telephony/sessions?withRecordings=true"))
        bells.ring(EVENT, {"sessionId": "1"})
        bells.ring("/restapi/v1.0/elsewhere", {})
        await asyncio.to_thread(bells.close)  # when everything was told
        headers, body = subscriber.told[1]
        assert headers["Verification-Token"] == "known"
        assert json.loads(body)["body"] == {"sessionId": "1"}


async def test_who_does_not_greet_back_is_refused() -> None:
    """Nobody there, or somebody who says no."""
    async with subscribing() as (bells, subscriber):
        subscriber.status = 500
        for address in (subscriber.url, "http://127.0.0.1:9/nobody"):
            with pytest.raises(Refusal) as refused:
                await bells.answer("POST", "", wanted(address, EVENT))
            assert b"SUB-521" in refused.value.answer.body


async def test_who_answers_badly_is_blacklisted_for_good() -> None:
    """After some calls in a row; it cannot be renewed then, only deleted."""
    async with subscribing() as (bells, subscriber):
        made = await bells.answer("POST", "", wanted(subscriber.url, EVENT))
        subscriber.status = 503
        for _ in range(MOST_FAILURES):
            bells.ring(EVENT, {})
        await asyncio.to_thread(bells.close)
        assert (await bells.answer("GET", f"/{made['id']}", b""))["status"] == "Blacklisted"
        with pytest.raises(Refusal):
            await bells.answer("POST", f"/{made['id']}/renew", b"")
        assert await bells.answer("DELETE", f"/{made['id']}", b"") is None
        with pytest.raises(Refusal):
            await bells.answer("GET", f"/{made['id']}", b"")
        assert await bells.answer("GET", "", b"") == {"records": []}
