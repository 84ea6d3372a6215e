"""One run of one contestant of ``benchmarks.line``, in a process of its own; prints one JSON line.

Contestants: ``bare``, a hand-written aiohttp loop that makes the same calls with no database, and ``archiver``, the whole line from the
folder through SQLite into the destination. The clock starts when everything is imported and ends when the last item is archived.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import hashlib
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvloop

from archiver.app import Archiver, ConnectionSpec
from archiver.observe import log
from archiver.observe.metrics import Metrics
from archiver.pipeline.events import Listener, ignore_event
from archiver.settings import load

_BATCH_ITEMS = 300
_BATCH_BYTES = 8 * 1024 * 1024
_AT_ONCE = 4
_BLOCK = 4 * 1024 * 1024


class Watch:
    """Measures the work and nothing before or after it: seconds, and the process's CPU seconds, of all its threads."""

    def __init__(self, profile: cProfile.Profile | None) -> None:
        self._profile = profile
        self.seconds = self.cpu_seconds = 0.0

    def start(self) -> None:
        """The work begins."""
        gc.collect()
        if self._profile is not None:
            self._profile.enable()
        self.seconds, self.cpu_seconds = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """The work is done."""
        self.seconds, self.cpu_seconds = time.perf_counter() - self.seconds, time.process_time() - self.cpu_seconds
        if self._profile is not None:
            self._profile.disable()


class Bare:
    """What anybody would write who knows Dropbox's three calls: read, append a batch, commit it; four batches at a time.

    The calls carry what the official client's and Archiver's carry: the hash goes with the bytes, and each file's is compared at the end.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session = session
        self._url = f"{url}/2/files/upload_session/"
        self._authorised = {"Authorization": f"Bearer {token}"}
        self._committing = asyncio.Lock()

    async def run(self, folder: Path) -> int:
        """Uploads a folder's files; returns how many."""
        paths = [Path(entry.path) for entry in os.scandir(folder)]
        ids: list[str] = []
        for start in range(0, len(paths), 1000):
            arguments = {"session_type": "sequential", "num_sessions": min(1000, len(paths) - start)}
            ids += (await self._call("start_batch", arguments))["session_ids"]
        at = 0
        work = []
        for some in _batches(paths):
            work.append((some, ids[at : at + len(some)]))
            at += len(some)
        todo = iter(work)

        async def worker() -> None:
            for some, its in todo:
                await self._batch(some, its)

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(worker())
        return len(paths)

    async def _batch(self, some: list[Path], ids: list[str]) -> None:
        contents = [path.read_bytes() for path in some]
        digests = [_content_hash(content) for content in contents]
        appends = [
            {"cursor": {"session_id": session_id, "offset": 0}, "length": len(content), "close": True}
            for session_id, content in zip(ids, contents, strict=True)
        ]
        body = b"".join(contents)
        argument = msgspec.json.encode({"entries": appends, "content_hash": _content_hash(body)}).decode()
        await self._post("append_batch", body, {"Dropbox-API-Arg": argument, "Content-Type": "application/octet-stream"})
        commits = [
            {
                "cursor": {"session_id": session_id, "offset": len(content)},
                "commit": {"path": f"/bare/{path.name}", "mode": "add", "autorename": False, "mute": True},
            }
            for session_id, content, path in zip(ids, contents, some, strict=True)
        ]
        async with self._committing:
            reply = await self._call("finish_batch_v2", {"entries": commits})
        for entry, content, digest in zip(reply["entries"], contents, digests, strict=True):
            if entry[".tag"] != "success" or entry["size"] != len(content) or entry["content_hash"] != digest:
                raise RuntimeError(f"not stored: {entry}")

    async def _call(self, route: str, arguments: dict[str, Any]) -> Any:
        return await self._post(route, msgspec.json.encode(arguments), {"Content-Type": "application/json"})

    async def _post(self, route: str, body: bytes, headers: dict[str, str]) -> Any:
        async with self._session.post(self._url + route, data=body, headers=self._authorised | headers) as reply:
            text = await reply.read()
            if reply.status != 200:
                raise RuntimeError(f"{route}: {reply.status} {text[:200]!r}")
            return msgspec.json.decode(text)


async def bare(folder: Path, url: str, token: str, watch: Watch) -> int:
    """The hand-written loop."""
    async with aiohttp.ClientSession() as session:
        watch.start()
        items = await Bare(session, url, token).run(folder)
        watch.stop()
        return items


def _content_hash(content: bytes) -> str:
    blocks = [content[start : start + _BLOCK] for start in range(0, len(content), _BLOCK)] or [b""]
    return hashlib.sha256(b"".join(hashlib.sha256(block).digest() for block in blocks)).hexdigest()


def _batches(paths: list[Path]) -> list[list[Path]]:
    batches: list[list[Path]] = []
    room = 0
    for path in paths:
        size = path.stat().st_size
        if not batches or len(batches[-1]) >= _BATCH_ITEMS or room < size:
            batches.append([])
            room = _BATCH_BYTES
        batches[-1].append(path)
        room -= size
    return batches


async def archiver(folder: Path, destination: ConnectionSpec, watch: Watch, listener: Listener = ignore_event) -> int:
    """The whole line: folder → births → SQLite → Fetcher → Uploader → destination → receipts in SQLite. Making the database is apart."""
    with tempfile.TemporaryDirectory() as home:
        settings = load(environment={}, flags={"home": home})
        async with Archiver.open(settings, serve=True) as app:
            source = ConnectionSpec(adapter="folder", options={"path": str(folder)})
            await app.add_customer("airline", [source], [destination], ping=False)
            watch.start()
            await app.run(asyncio.Event(), until_empty=True, listener=listener)
            watch.stop()
            return sum(row.archived for row in await app.status())


def listener_of(contestant: str) -> Listener:
    """Who listens: nobody, or the metrics, or a JSON log with a line for each item, which goes nowhere."""
    match contestant:
        case "archiver-metrics":
            return Metrics("benchmark").listen
        case "archiver-log":
            return log.configure("info", "json", Path(os.devnull).open("w")).listen
        case _:
            return ignore_event


def main() -> None:
    """Runs one contestant and prints its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contestant", choices=["bare", "archiver", "archiver-metrics", "archiver-log", "archiver-memory"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--token")
    parser.add_argument("--core", type=int)
    parser.add_argument("--profile", help="write a profile there, for snakeviz or pstats")
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    profile = cProfile.Profile() if arguments.profile else None
    watch = Watch(profile)
    match arguments.contestant:
        case "bare":
            work = bare(arguments.folder, arguments.url, arguments.token, watch)
        case "archiver" | "archiver-metrics" | "archiver-log":
            options = {"api_url": arguments.url, "content_url": arguments.url}
            dropbox = ConnectionSpec(adapter="dropbox", options=options, secrets={"access_token": arguments.token})
            work = archiver(arguments.folder, dropbox, watch, listener_of(arguments.contestant))
        case _:
            work = archiver(arguments.folder, ConnectionSpec(adapter="memory"), watch)
    items = uvloop.run(work)
    if profile is not None:
        profile.dump_stats(arguments.profile)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"items": items, "seconds": watch.seconds, "cpu_seconds": watch.cpu_seconds, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
