"""A big object into a real S3, killed on the way. `make soak` sends 5 GB; each other run sends 200 MB."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import time

import psutil
import pytest

from archiver.sources.memory import generated_bytes
from support.machine import Machine
from support.seaweed import ACCESS_KEY, SECRET_KEY, Seaweed

MIB = 1024 * 1024
PART_BYTES = 8 * MIB
MOST_MEMORY = 150_000_000


def parts_of(server: Seaweed, bucket: str) -> tuple[str, int]:
    """The big object that is on its way: its id, and how many parts of it are there."""
    uploads = server.uploads(bucket)
    if not uploads:
        return "", 0
    upload = uploads[0]
    pages = server.client.get_paginator("list_parts").paginate(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    return upload["UploadId"], sum(len(page.get("Parts", [])) for page in pages)


def digest_of(server: Seaweed, bucket: str) -> tuple[int, str]:
    """Size and SHA-256 of the only object."""
    (found,) = server.client.list_objects_v2(Bucket=bucket)["Contents"]
    whole = hashlib.sha256()
    for piece in server.client.get_object(Bucket=bucket, Key=found["Key"])["Body"].iter_chunks(MIB):
        whole.update(piece)
    return found["Size"], whole.hexdigest()


async def killed_large_object(machine: Machine, server: Seaweed, bucket: str, size: int, kills: int) -> None:
    """One item of this size, killed at equal distances; it goes on in the same upload, and nothing of it is held in memory."""
    server.bucket(bucket)
    await machine.archiver(
        *("customers", "add", "acme", "--from", "memory", "--from-option", "items=1", "--from-option", f"size={size}"),
        *("--to", f"s3:{bucket}", "--to-option", f"endpoint={server.url}", "--to-option", f"access_key={ACCESS_KEY}"),
        ARCHIVER_S3_SECRET_KEY=SECRET_KEY,
    )
    peak = done = 0
    began = time.monotonic()
    begun: set[str] = set()
    process = await machine.start("run", "--log-level", "error")
    while True:
        await asyncio.sleep(0.1)
        peak = max(peak, psutil.Process(process.pid).memory_info().rss)
        upload, parts = await asyncio.to_thread(parts_of, server, bucket)
        begun |= {upload} - {""}
        if done < kills and parts * PART_BYTES > size * (done + 1) / (kills + 1):
            process.send_signal(signal.SIGKILL)
            await process.communicate()
            done += 1
            process = await machine.start("run", "--log-level", "error")
        if done == kills and not upload:
            break
    await machine.until_archived("acme", 1, seconds=60)
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert (process.returncode, done) == (0, kills)
    print(f"{size / 1e9:.1f} GB in {time.monotonic() - began:.0f} s, {done} kills, {peak / 1e6:.0f} MB")  # noqa: T201  for who looks
    assert peak <= MOST_MEMORY, f"{peak / 1e6:.0f} MB"
    assert len(begun) == 1, "it was begun anew"
    whole = hashlib.sha256()
    for start in range(0, size, MIB):
        whole.update(generated_bytes("000000000", start, min(start + MIB, size)))
    assert await asyncio.to_thread(digest_of, server, bucket) == (size, whole.hexdigest())


@pytest.mark.scenario
@pytest.mark.timeout(180)
async def test_two_hundred_megabytes_survive_a_kill(machine: Machine, seaweed: Seaweed) -> None:
    """Under 150 MB of memory, in one upload, with the same hash."""
    await killed_large_object(machine, seaweed, "large", 200 * MIB, kills=1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_five_gigabytes_survive_three_kills(machine: Machine, seaweed: Seaweed) -> None:
    """As above, twenty-five times as large."""
    await killed_large_object(machine, seaweed, "larger", 5 * 1024 * MIB, kills=3)
