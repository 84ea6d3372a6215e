"""One Azurite and one container for all tests of Azure, and a prefix for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import count
from typing import Any

import aiohttp
import obstore
import pytest
from aiohttp import web

from archiver.adapter import check_options
from archiver.destinations.azure import ADAPTER
from archiver.destinations.azure.signing import SharedKey
from archiver.destinations.objects import ObjectDestination
from archiver.destinations.port import Context, Unpaced
from genstage.clock import SystemClock
from support.azurite import ACCOUNT, ACCOUNT_KEY, Azurite, why_not
from support.refusing import Refusing

CONTAINER = "calls"
_numbers = count(1)


class Container:
    """A prefix in a container, the way to it, and destinations in front of it."""

    def __init__(self, server: Azurite, between: Refusing, http: aiohttp.ClientSession, prefix: str) -> None:
        self.server = server
        self.between = between
        self.prefix = prefix
        self._http = http

    def open(self, **options: Any) -> ObjectDestination:
        """A destination, as the app opens one."""
        given = {
            "container": CONTAINER,
            "account": ACCOUNT,
            "prefix": self.prefix,
            "endpoint": f"{self.between.url}/{ACCOUNT}",
            **({} if "sas_token" in options else {"account_key": ACCOUNT_KEY}),
            **options,
        }
        return ADAPTER.open(check_options("azure", ADAPTER.options, given), Context(pace=Unpaced(), clock=SystemClock(), http=self._http))

    def refuse(self, status: int, code: str, **headers: str) -> None:
        """From now on each call is refused in Azure's words."""
        named = {name.replace("_", "-"): value for name, value in headers.items()} | {"x-ms-error-code": code}
        text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>No.</Message></Error>'
        self.between.refuse = lambda _: web.Response(status=status, text=text, content_type="application/xml", headers=named)

    async def stored(self) -> Mapping[str, bytes]:
        """Everything in it, by the paths of deliveries; somebody else's client tells."""
        return await asyncio.to_thread(self._stored)

    def _stored(self) -> Mapping[str, bytes]:
        store = self.server.store(CONTAINER)
        names = [found["path"] for page in obstore.list(store, f"{self.prefix}/") for found in page]
        return {name.removeprefix(self.prefix): bytes(obstore.get(store, name).bytes()) for name in names}


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Microsoft's own emulator."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Azurite() as server:
        yield server


@pytest.fixture
async def container(azurite: Azurite) -> AsyncIterator[Container]:
    """An empty place behind somebody who can refuse."""
    async with Refusing(azurite.url.removesuffix(f"/{ACCOUNT}")) as between, aiohttp.ClientSession() as http:
        url = f"{azurite.url}/{CONTAINER}?restype=container"
        headers = SharedKey(ACCOUNT, ACCOUNT_KEY).sign("PUT", url, {"content-type": "x/x"}, 0, SystemClock().wall())
        async with http.put(url, headers=headers) as made:
            assert made.status in {201, 409}, await made.text()
        yield Container(azurite, between, http, f"calls/of customer {next(_numbers)}")
