"""A Google Cloud Storage on loopback as a process: ``python -m archiver.sandbox.gcs``.

Prints one line of JSON when it is ready: ``url``, ``bucket``, and ``service_account``, a key that may do everything. Ends on SIGTERM or
SIGINT, or when its standard input closes (``--until-stdin-closes``).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys

import msgspec

from archiver.sandbox.gcs.server import GoogleStorage

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m archiver.sandbox.gcs", description="A Google Cloud Storage on loopback.")
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; 0 takes a free port")
    parser.add_argument("--bucket", default="archive", help="the name of its bucket")
    parser.add_argument("--no-content", action="store_true", help="keep hashes only")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input closes")
    asyncio.run(_serve(parser.parse_args(arguments)))


async def _serve(options: argparse.Namespace) -> None:
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if options.until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 4096) else ended.set())
    async with GoogleStorage(port=options.port, keep_content=not options.no_content) as storage:
        storage.add_bucket(options.bucket)
        key = storage.add_account("archiver")
        ready = {"url": storage.url, "bucket": options.bucket, "service_account": key.json}
        sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
        sys.stdout.flush()
        await ended.wait()
        if options.until_stdin_closes:
            loop.remove_reader(sys.stdin.fileno())


if __name__ == "__main__":
    main()
