"""The conformance kit, against the Box of the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from archiver.adapter import check_options
from archiver.destinations.box import ADAPTER, BoxDestination
from archiver.destinations.conformance import DestinationConformance, Rig
from archiver.destinations.port import Context, Unpaced
from archiver.sandbox import Fault
from archiver.sandbox.box import Box, Limits
from genstage.clock import SystemClock

ROOT = "/Archive"


class TestBox(DestinationConformance):
    """Everything that a destination must do, over HTTP."""

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        """A linked user whose account is empty."""
        async with Box() as box, aiohttp.ClientSession() as http:
            login = box.add_user("acme", Limits(calls=None, uploads=None))

            def reopen() -> BoxDestination:
                # A second destination has the access token: the refresh token works once, and nothing stores its successor here.
                given = {"root": ROOT, "api_url": box.url, "access_token": login.access_token}
                return ADAPTER.open(check_options("box", ADAPTER.options, given), Context(pace=Unpaced(), clock=SystemClock(), http=http))

            async def stored() -> Mapping[str, bytes]:
                files = box.ledger().files_of("acme")
                return {file.path.removeprefix(ROOT): b"".join(box.contents.chunks(file.sha256)) for file in files}

            async def throttle(seconds: float) -> None:
                box.add_fault(Fault(action="reply", status=429, headers={"Retry-After": str(int(seconds))}, times=0))

            async def unthrottle() -> None:
                box.faults.clear()

            given = {"root": ROOT, "api_url": box.url, "refresh_token": login.refresh_token}
            given |= {"client_id": login.client_id, "client_secret": login.client_secret}
            context = Context(pace=Unpaced(), clock=SystemClock(), http=http)
            destination = ADAPTER.open(check_options("box", ADAPTER.options, given), context)
            secrets = (login.access_token, login.refresh_token, login.client_secret)
            yield Rig(destination=destination, stored=stored, reopen=reopen, throttle=throttle, unthrottle=unthrottle, secrets=secrets)
            await destination.close()
