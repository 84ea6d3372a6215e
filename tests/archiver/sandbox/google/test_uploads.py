"""Resumable uploads: chunks, questions, connections that break, sessions that end."""

from __future__ import annotations

import asyncio
import hashlib
import os
from urllib.parse import urlsplit

import pytest

from archiver.sandbox.google import GoogleDrive
from support.google_client import Client, reason

GRAIN = 256 * 1024


async def put(client: Client, where: str, first: int, data: bytes, total: int | str) -> tuple[int, object, str]:
    """One chunk; status, answer, and what it says that it has."""
    headers = {"Content-Range": f"bytes {first}-{first + len(data) - 1}/{total}" if data else f"bytes */{total}"}
    status, answer, answered = await client.call("PUT", where, data=data, headers=headers)
    return status, answer, answered.get("Range", "")


async def test_chunks_make_a_file(client: Client) -> None:
    """Each is answered with how far it is; the last one with the file, and so is every later question."""
    data = os.urandom(2 * GRAIN + 77)
    where = await client.begin(len(data))
    assert await put(client, where, 0, b"", len(data)) == (308, b"", "")
    assert await put(client, where, 0, data[: 2 * GRAIN], len(data)) == (308, b"", f"bytes=0-{2 * GRAIN - 1}")
    assert client.drive.ledger().files == []
    status, file, _ = await put(client, where, 2 * GRAIN, data[2 * GRAIN :], len(data))
    assert (status, file["sha256Checksum"]) == (200, hashlib.sha256(data).hexdigest())
    assert await put(client, where, 0, b"", len(data)) == (200, file, "")
    assert len(client.drive.ledger().files) == 1


async def test_the_size_may_come_last(client: Client) -> None:
    """A stream of unknown size tells its total with the last chunk; an empty one with nothing at all."""
    where = await client.begin()
    assert (await put(client, where, 0, bytes(GRAIN), "*"))[0] == 308
    status, file, _ = await put(client, where, GRAIN, b"end", GRAIN + 3)
    assert (status, file["size"]) == (200, str(GRAIN + 3))
    status, file, _ = await put(client, await client.begin(), 0, b"", 0)
    assert (status, file["size"]) == (200, "0")


async def test_what_came_twice_is_passed_over(client: Client) -> None:
    """A chunk whose answer was lost may be sent again; one that leaves a gap may not, nor one that is no multiple of 256 KiB."""
    data = os.urandom(2 * GRAIN)
    where = await client.begin(len(data) + 5)
    await put(client, where, 0, data[:GRAIN], len(data) + 5)
    assert (await put(client, where, 0, data, len(data) + 5))[2] == f"bytes=0-{2 * GRAIN - 1}"
    assert (await put(client, where, 3 * GRAIN, bytes(GRAIN), 9 * GRAIN))[0] == 400
    assert (await put(client, where, 2 * GRAIN + 1, bytes(4), len(data) + 5))[0] == 503
    assert (await put(client, where, 2 * GRAIN, bytes(3), len(data) + 5))[0] == 400
    _, file, _ = await put(client, where, 2 * GRAIN, b"final", len(data) + 5)
    assert file["sha256Checksum"] == hashlib.sha256(data + b"final").hexdigest()


async def test_of_a_broken_chunk_whole_grains_stay(client: Client) -> None:
    """The client asks, and goes on from there."""
    data = os.urandom(4 * GRAIN)
    where = await client.begin(len(data))
    parts = urlsplit(where)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.login.access_token}\r\n"
    head += f"Content-Length: {len(data)}\r\nContent-Range: bytes 0-{len(data) - 1}/{len(data)}\r\n\r\n"
    writer.write(head.encode() + data[: 2 * GRAIN + 100])
    await writer.drain()
    writer.write_eof()
    assert await reader.read() == b"", "the connection is given up on both sides"
    writer.close()
    status, _, has = await put(client, where, 0, b"", len(data))
    assert status == 308
    offset = int(has.rpartition("-")[2]) + 1 if has else 0
    assert offset == 2 * GRAIN
    assert (await put(client, where, offset, data[offset:], len(data)))[1]["sha256Checksum"] == hashlib.sha256(data).hexdigest()


async def test_a_session_ends_after_a_week(client: Client, drive: GoogleDrive) -> None:
    """Then, and where there never was one, it is not found."""
    where = await client.begin(5)
    drive.clock.advance(7 * 86_400 + 1)
    client.login = drive.login("acme")
    status, answer, _ = await put(client, where, 0, b"sound", 5)
    assert (status, reason(answer)) == (404, "notFound")
    assert (await client.call("PUT", "/upload/drive/v3/files?uploadType=resumable&upload_id=none", data=b""))[0] == 404


async def test_an_id_is_taken_when_the_file_is_there(client: Client) -> None:
    """Two sessions with one id: the second one is refused at its end; a third at its beginning."""
    (file_id,) = await client.ids()
    first, second = await client.begin(1, id=file_id), await client.begin(1, id=file_id)
    assert (await put(client, first, 0, b"1", 1))[0] == 200
    status, answer, _ = await put(client, second, 0, b"1", 1)
    assert (status, reason(answer)) == (409, "fileIdInUse")
    with pytest.raises(AssertionError):
        await client.begin(1, id=file_id)
