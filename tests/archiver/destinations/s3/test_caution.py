"""Stores that only speak S3's language, and what they do with conditions."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest

from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.outcome import Rejected
from support.seaweed import free_ports

_KEYS = ("archiver-rclone-key-1", "canary-s3-rclone-0123456789")


@pytest.fixture
async def careless(tmp_path: Path) -> AsyncIterator[str]:
    """The address of rclone's own S3, which writes over whatever is there and says that it went well; its bucket is called ``calls``."""
    (tmp_path / "calls").mkdir()
    (port,) = free_ports(1)
    rclone = str(Path(sys.executable).with_name("rclone"))
    command = [rclone, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", ",".join(_KEYS), "--config", "", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)  # another process gives no event to wait for
            else:
                writer.close()
                break
    yield f"http://127.0.0.1:{port}"
    process.kill()
    await process.wait()


async def test_a_store_that_ignores_conditions_is_found_out(bucket: Any, careless: str, tmp_path: Path, caplog: Any) -> None:
    """What would be written over is looked at first, and stays."""
    destination = bucket.open(endpoint=careless, access_key=_KEYS[0], secret_key=_KEYS[1], prefix="")
    receipt_of((await put(destination, [whole(1, b"first", "/a")]))[1], b"first")
    assert "ignores conditions" in caplog.text
    with closing(boto3.client("s3", endpoint_url=careless, aws_access_key_id=_KEYS[0], aws_secret_access_key=_KEYS[1])) as somebody:
        await asyncio.to_thread(somebody.put_object, Bucket="calls", Key="b", Body=b"somebody's own")
    outcome = (await put(destination, [whole(2, b"ours", "/b")]))[2]
    assert isinstance(outcome, Rejected)
    assert (tmp_path / "calls" / "b").read_bytes() == b"somebody's own"
    data = bytes(9 * 1024 * 1024)
    receipt_of((await put(destination, [streamed(3, data)]))[3], data)
    assert receipt_of((await put(destination, [whole(1, b"first", "/a")]))[1], b"first").recovered


async def test_the_first_object_may_be_in_the_way(bucket: Any, careless: str, tmp_path: Path) -> None:
    """Before anything is known of a store, nothing is written over either."""
    (tmp_path / "calls" / "a").write_bytes(b"somebody's own")
    destination = bucket.open(endpoint=careless, access_key=_KEYS[0], secret_key=_KEYS[1], prefix="")
    assert isinstance((await put(destination, [whole(1, b"ours", "/a")]))[1], Rejected)
    assert (tmp_path / "calls" / "a").read_bytes() == b"somebody's own"


async def test_a_store_that_keeps_conditions_is_asked_once(bucket: Any) -> None:
    """Once it is known, an object costs one call."""
    destination = bucket.open()
    await put(destination, [whole(1, b"first")])
    assert [method for method, _ in bucket.between.seen] == ["HEAD", "PUT", "PUT"]
    bucket.between.seen.clear()
    await put(bucket.open(), [whole(2, b"second")])  # another lane of the same bucket need not ask again
    assert [method for method, _ in bucket.between.seen] == ["PUT"]


async def test_a_store_that_does_not_know_conditions(bucket: Any) -> None:
    """One that refuses the header itself is written to without it, after a look."""
    from aiohttp import web  # noqa: PLC0415  only here

    def refuse(request: web.Request) -> web.Response | None:
        if "If-None-Match" not in request.headers:
            return None
        return web.Response(status=501, text="<Error><Code>NotImplemented</Code></Error>", content_type="application/xml")

    bucket.between.refuse = refuse
    destination = bucket.open()
    receipt_of((await put(destination, [whole(1, b"first")]))[1], b"first")
    data = bytes(9 * 1024 * 1024)
    receipt_of((await put(destination, [streamed(2, data)]))[2], data)
    assert isinstance((await put(destination, [whole(1, b"other")]))[1], Rejected)
