"""One SeaweedFS and one bucket for all tests of S3, and a prefix for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import count
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from archiver.adapter import check_options
from archiver.destinations.objects import ObjectDestination
from archiver.destinations.port import Context, Unpaced
from archiver.destinations.s3 import S3Adapter
from genstage.clock import SystemClock
from support.refusing import Refusing
from support.seaweed import ACCESS_KEY, REGION, SECRET_KEY, Seaweed

BUCKET = "calls"
_numbers = count(1)


class Bucket:
    """A prefix in a bucket, the way to it, and destinations in front of it."""

    def __init__(self, server: Seaweed, between: Refusing, http: aiohttp.ClientSession, prefix: str) -> None:
        self.server = server
        self.between = between
        self.prefix = prefix
        self._http = http
        self.adapter = S3Adapter()

    def open(self, **options: Any) -> ObjectDestination:
        """A destination, as the app opens one."""
        given = {
            "bucket": BUCKET,
            "prefix": self.prefix,
            "endpoint": self.between.url,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "region": REGION,
            **options,
        }
        checked = check_options("s3", self.adapter.options, given)
        return self.adapter.open(checked, Context(pace=Unpaced(), clock=SystemClock(), http=self._http))

    def refuse(self, status: int, code: str, **headers: str) -> None:
        """From now on each call is refused in S3's words."""
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>No.</Message></Error>'
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.between.refuse = lambda _: web.Response(status=status, text=text, content_type="application/xml", headers=named)

    def stored(self) -> Mapping[str, bytes]:
        """Everything in it, by the paths of deliveries; Amazon's client tells."""
        return {f"/{key}": data for key, data in self.server.objects(BUCKET, f"{self.prefix}/").items()}

    def uploads(self) -> list[str]:
        """The ids of the big objects that were begun here and have not ended."""
        return [found["UploadId"] for found in self.server.uploads(BUCKET) if found["Key"].startswith(f"{self.prefix}/")]


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    """A real server that speaks S3."""
    with Seaweed() as server:
        server.bucket(BUCKET)
        yield server


@pytest.fixture
async def bucket(seaweed: Seaweed) -> AsyncIterator[Bucket]:
    """An empty place behind somebody who can refuse."""
    async with Refusing(seaweed.url) as between, aiohttp.ClientSession() as http:
        yield Bucket(seaweed, between, http, f"calls/of customer {next(_numbers)}")
