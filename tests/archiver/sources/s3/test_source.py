"""A bucket as a source: the kit, and what only a bucket does."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from itertools import count
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from archiver.adapter import check_options
from archiver.errors import ConfigError, MisconfiguredError, ReconnectNeededError, SourceGoneError, SourceThrottledError
from archiver.model import Kind
from archiver.sources.conformance import Rig, SourceConformance, find, find_until, item_of
from archiver.sources.port import Context, Source
from archiver.sources.s3 import ADAPTER
from support.refusing import Refusing
from support.seaweed import READER, REGION, Seaweed

BUCKET = "born"
_numbers = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Seaweed]:
    """A SeaweedFS with a bucket."""
    with Seaweed() as server:
        server.bucket(BUCKET)
        yield server


class Bench:
    """A prefix of the bucket, what others write there, and sources of it."""

    def __init__(self, server: Seaweed, between: Refusing, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.between = between
        self.prefix = f"test-{next(_numbers)}"
        self._http = http

    def source(self, **options: Any) -> Source:
        """A source with the key that may only read and list."""
        given = {"bucket": BUCKET, "prefix": self.prefix, "endpoint": self.between.url, "region": REGION, "poll_interval": 0.1}
        given |= {"access_key": READER[0], "secret_key": READER[1], "patterns": "*=recording"}
        return ADAPTER.open(check_options("s3", ADAPTER.options, {**given, **options}), Context(http=self._http))

    def put(self, name: str, data: bytes) -> None:
        """Somebody else writes an object."""
        self.server.client.put_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}", Body=data)

    def delete(self, name: str) -> None:
        """Somebody else deletes it."""
        self.server.client.delete_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}")


@pytest.fixture
async def bench(server: Seaweed) -> AsyncIterator[Bench]:
    """A prefix of its own."""
    async with Refusing(server.url) as between, aiohttp.ClientSession() as http:
        yield Bench(server, between, http)


class TestS3(SourceConformance):
    """The kit, against a real S3."""

    @pytest.fixture
    async def rig(self, bench: Bench) -> Rig:
        """A prefix without objects."""

        async def add(name: str, data: bytes) -> None:
            bench.put(name, data)

        async def remove(name: str) -> None:
            bench.delete(name)

        return Rig(source=bench.source(), add=add, remove=remove, reopen=bench.source, secrets=(READER[1], "Signature="))


async def test_kinds_come_from_patterns_then_from_extensions(bench: Bench) -> None:
    """The first pattern that fits counts, then the extension; what neither knows, and what stands for a folder, is no item."""
    for name in ("vm/1.wav", "calls/2.mp3", "calls/3.amr", "fax/4.tif", "note.xyz", "calls/"):
        bench.put(name, b"x")
    source = bench.source(patterns="vm/*=voicemail", kinds=".amr=recording")
    found = {each.external_id: (each.kind, each.media_type) for page in await find(source) for each in page.discoveries}
    assert found == {
        "vm/1.wav": (Kind.VOICEMAIL, "audio/x-wav"),
        "calls/2.mp3": (Kind.RECORDING, "audio/mpeg"),
        "calls/3.amr": (Kind.RECORDING, "audio/amr"),
        "fax/4.tif": (Kind.FAX, "image/tiff"),
    }


async def test_keys_of_every_script_are_read(bench: Bench) -> None:
    """Whatever stands in a key, its object is found and read."""
    names = ["Gespräch & <1>.wav", "a b+c%20d.wav", "録音/📞 2.wav", "it's;#?=~!.wav"]
    for name in names:
        bench.put(name, name.encode())
    source = bench.source()
    found = await find_until(source, set(names))
    assert list(await source.read_many([item_of(found[name]) for name in names])) == [name.encode() for name in names]


async def test_overwritten_bytes_are_another_item(bench: Bench) -> None:
    """What stands under an old key anew is found as a part of its own; the old bytes are gone, and not mixed with the new ones."""
    bench.put("call.wav", b"first")
    source = bench.source()
    (first,) = [each for page in await find(source) for each in page.discoveries]
    bench.put("call.wav", b"other")
    (second,) = [each for page in await find(bench.source()) for each in page.discoveries]
    assert (first.external_id, first.part != second.part) == (second.external_id, True)
    old, new = await source.read_many([item_of(first), item_of(second)])
    assert isinstance(old, SourceGoneError)
    assert new == b"other"


async def test_what_comes_is_found_whatever_its_key(bench: Bench) -> None:
    """What comes with a greater key is found, and what comes with a smaller one; nothing is found twice."""
    bench.put("m.wav", b"1")
    source, found = bench.source(), []
    async with aclosing(source.discover("")) as discovering:
        async for page in discovering:
            found += [each.external_id for each in page.discoveries]
            if found == ["m.wav"]:
                bench.put("z.wav", b"2")
            if "z.wav" in found and "a.wav" not in found:
                bench.put("a.wav", b"3")
            if "a.wav" in found:
                break
    assert sorted(found) == ["a.wav", "m.wav", "z.wav"]


async def test_a_pass_of_many_keys_goes_on_after_a_restart(bench: Bench) -> None:
    """Many keys: the cursor of the first page leads to the rest, only its end completes the pass, and a look goes behind it."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: bench.put(f"{number:05}.wav", b"x"), range(1010)))
    source = bench.source(watch="no")
    async with aclosing(source.discover("")) as discovering:
        first = await anext(discovering)
    assert (len(first.discoveries), first.complete) == (1000, False)
    rest = await find(bench.source(watch="no"), first.cursor)
    assert [each.external_id for page in rest for each in page.discoveries][-1] == "01009.wav"
    async with aclosing(bench.source().discover("")) as discovering:
        async for page in discovering:
            if page.complete:
                bench.put("last.wav", b"x")
            if any(each.external_id == "last.wav" for each in page.discoveries):
                break
    assert f"start-after={bench.prefix}%2F01009.wav" in bench.between.seen[-1][1]


async def test_what_refusals_mean(bench: Bench) -> None:
    """A wrong key wants another key, a wrong bucket wants other settings, SlowDown is the item's turn later."""
    bench.put("call.wav", b"x")
    source = bench.source()
    (found,) = [each for page in await find(source) for each in page.discoveries]
    with pytest.raises(ReconnectNeededError):
        await find(bench.source(secret_key="another"))
    with pytest.raises(MisconfiguredError):
        await find(bench.source(bucket="nowhere"))
    bench.between.refuse = lambda _: web.Response(status=503, body=b"<Error><Code>SlowDown</Code></Error>")
    began = time.monotonic()
    (refused,) = await source.read_many([item_of(found)])
    assert isinstance(refused, SourceThrottledError)
    assert time.monotonic() - began < 2


def test_settings_that_cannot_be_are_named() -> None:
    """Without a key, or with a pattern that means nothing."""
    given: dict[str, Any] = {"bucket": "calls", "access_key": "A", "secret_key": "B"}
    wrongs: list[dict[str, Any]] = [{"patterns": "vm/*=nothing"}, {"poll_interval": 0}, {"secret_key": ""}, {"kinds": "wav"}]
    for wrong in wrongs:
        options = check_options("s3", ADAPTER.options, {**given, **wrong})
        with pytest.raises(ConfigError):
            ADAPTER.open(options)
