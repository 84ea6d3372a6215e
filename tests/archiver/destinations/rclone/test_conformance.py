"""The kit of destinations through rclone: a folder, a server of WebDAV, and a bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from archiver.destinations.conformance import DestinationConformance, Rig, put, receipt_of, streamed, whole
from archiver.destinations.rclone import RcloneAdapter
from archiver.outcome import Throttled
from support.rclone_backends import obscured, opened, section
from support.refusing import Refusing
from support.seaweed import ACCESS_KEY, REGION, SECRET_KEY, Seaweed
from support.sftp_servers import files_of
from support.webdav_servers import PASSWORD, USER, WebDavServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

_numbers = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def adapter() -> AsyncIterator[RcloneAdapter]:
    """One for all tests here, and one rclone that does not end between them."""
    adapter = RcloneAdapter()
    daemon = adapter.daemons.take()
    yield adapter
    await adapter.daemons.give_back(daemon)


class TestFolder(DestinationConformance):
    """The kit against a folder: files are moved to their names, and SHA-256 is confirmed."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def rig(self, adapter: RcloneAdapter, tmp_path: Path) -> AsyncIterator[Rig]:
        """An empty folder."""
        root = tmp_path / "root"
        root.mkdir()

        async def stored() -> Mapping[str, bytes]:
            return files_of(root)

        destination = opened(adapter, section("local"), str(root))
        yield Rig(destination=destination, stored=stored, reopen=lambda: opened(adapter, section("local"), str(root)))
        await destination.close()

    async def test_the_hash_is_the_storages_own(self, rig: Rig) -> None:
        """A folder tells SHA-256."""
        receipt = receipt_of((await put(rig.destination, [whole(1, b"sound")]))[1], b"sound")
        assert receipt.remote_hash == f"sha256:{receipt.sha256}"


@pytest.fixture(scope="module")
def webdav() -> Iterator[WebDavServer]:
    """One server of WebDAV, which tells no hashes."""
    with WebDavServer("rclone") as server:
        yield server


class TestWebDav(DestinationConformance):
    """The kit against a server that tells no hashes: what is in the way is read."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def between(self, webdav: WebDavServer) -> AsyncIterator[Refusing]:
        """Somebody who can refuse."""
        async with Refusing(webdav.url) as between:
            yield between

    @pytest_asyncio.fixture(loop_scope="module")
    async def rig(self, adapter: RcloneAdapter, webdav: WebDavServer, between: Refusing) -> AsyncIterator[Rig]:
        """An empty folder."""
        root, password = webdav.empty(), obscured(PASSWORD)

        async def stored() -> Mapping[str, bytes]:
            return files_of(root)

        config = section("webdav", url=between.url, vendor="other", user=USER, **{"pass": password})
        destination = opened(adapter, config, root.name)
        yield Rig(destination=destination, stored=stored, secrets=(PASSWORD, password))
        await destination.close()

    async def test_a_refusal_for_the_rate(self, rig: Rig, between: Refusing) -> None:
        """It is a value at once, without seconds since rclone hides them; and rclone remembers nothing of it."""
        await put(rig.destination, [whole(1, b"before")])
        between.refuse = lambda _: web.Response(status=429, headers={"Retry-After": "300"})
        outcome = (await put(rig.destination, [whole(2, b"sound")]))[2]
        assert isinstance(outcome, Throttled), outcome
        assert outcome.retry_after is None
        between.refuse = None
        receipt_of((await put(rig.destination, [whole(2, b"sound")]))[2], b"sound")


@pytest.fixture(scope="module")
def seaweed() -> Iterator[Seaweed]:
    """One S3."""
    with Seaweed() as server:
        server.client.create_bucket(Bucket="calls")
        yield server


class TestBucket(DestinationConformance):
    """The kit against an S3: nothing half is visible there, so nothing is moved."""

    @pytest_asyncio.fixture(loop_scope="module")
    async def rig(self, adapter: RcloneAdapter, seaweed: Seaweed) -> AsyncIterator[Rig]:
        """A prefix of its own."""
        prefix = f"t{next(_numbers)}"

        async def stored() -> Mapping[str, bytes]:
            return {f"/{key.removeprefix(prefix).lstrip('/')}": data for key, data in seaweed.objects("calls", f"{prefix}/").items()}

        config = section(
            "s3", provider="SeaweedFS", endpoint=seaweed.url, access_key_id=ACCESS_KEY, secret_access_key=SECRET_KEY, region=REGION
        )
        destination = opened(adapter, config, f"calls/{prefix}")
        yield Rig(destination=destination, stored=stored, secrets=(SECRET_KEY,))
        await destination.close()

    async def test_small_files_have_a_hash(self, rig: Rig) -> None:
        """Their size is known to rclone, so they go in one call, and S3 tells the MD5."""
        receipt = receipt_of((await put(rig.destination, [whole(1, b"x" * 300_000)]))[1], b"x" * 300_000)
        assert receipt.remote_hash.startswith("md5:")

    async def test_a_stream_of_a_name_that_is_taken(self, rig: Rig) -> None:
        """The same bytes are found, others are a conflict, and nothing is written over."""
        await put(rig.destination, [streamed(1, b"x" * 3_000_000)])
        assert receipt_of((await put(rig.destination, [streamed(1, b"x" * 3_000_000)]))[1], b"x" * 3_000_000).recovered
        await put(rig.destination, [streamed(1, b"y" * 3_000_000)])
        assert set((await rig.stored()).values()) == {b"x" * 3_000_000}
