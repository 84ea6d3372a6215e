"""A Google Cloud Storage on loopback, one bucket in it, and destinations in front of that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from archiver.adapter import check_options
from archiver.destinations.gcs import GcsAdapter
from archiver.destinations.objects import ObjectDestination
from archiver.destinations.port import Context, Unpaced
from archiver.sandbox.faults import Fault
from archiver.sandbox.gcs import GoogleStorage, ServiceKey
from genstage.clock import SystemClock

BUCKET, PREFIX = "calls", "calls/of acme"


class Place:
    """A bucket, its service account, and destinations in front of it."""

    def __init__(self, storage: GoogleStorage, key: ServiceKey, http: aiohttp.ClientSession) -> None:
        self.storage = storage
        self.key = key
        self._http = http
        self.adapter = GcsAdapter()

    def open(self, **options: Any) -> ObjectDestination:
        """A destination, as the app opens one."""
        given = {"bucket": BUCKET, "prefix": PREFIX, "service_account": self.key.json, "endpoint": self.storage.url, **options}
        context = Context(pace=Unpaced(), clock=SystemClock(), http=self._http)
        return self.adapter.open(check_options("gcs", self.adapter.options, given), context)

    def refuse(self, status: int, reason: str, *, route: str = "*", times: int = 0, **headers: str) -> None:
        """From now on calls are refused in Google's words."""
        error = {"code": status, "message": "No.", "errors": [{"domain": "global", "reason": reason, "message": "No."}]}
        body = json.dumps({"error": error})
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        fault = Fault(action="reply", route=route, times=times, status=status, body=body, content_type="application/json", headers=named)
        self.storage.add_fault(fault)

    def stored(self) -> Mapping[str, bytes]:
        """Everything in it, by the paths of deliveries."""
        return {name.removeprefix(PREFIX): data for name, data in self.storage.stored(BUCKET).items()}


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """An empty bucket."""
    async with GoogleStorage() as storage, aiohttp.ClientSession() as http:
        storage.add_bucket(BUCKET)
        yield Place(storage, storage.add_account("archiver"), http)
