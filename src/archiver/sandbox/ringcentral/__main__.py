"""RingCentral on loopback as a process: ``python -m archiver.sandbox.ringcentral``.

Prints one line of JSON (``url``, ``pid``, and the credentials of a user) when it is ready, and ends on SIGTERM or SIGINT, or when its
standard input closes (``--until-stdin-closes``).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys

import msgspec

from archiver.sandbox.ringcentral.company import fill
from archiver.sandbox.ringcentral.limits import LIMITS, GroupLimit
from archiver.sandbox.ringcentral.server import RingCentral

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is told to end."""
    asyncio.run(_serve(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m archiver.sandbox.ringcentral", description="A RingCentral on loopback.")
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; 0 takes a free port")
    parser.add_argument("--extensions", type=int, default=8, help="people of the made company")
    parser.add_argument("--calls", type=int, default=60, help="calls that it has")
    parser.add_argument("--messages", type=int, default=60, help="messages that it has")
    parser.add_argument("--days", type=float, default=14.0, help="over how many days they are spread")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same company")
    parser.add_argument("--window", type=float, default=60.0, help="seconds of the limits' window and penalty; shorter ones save time")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input closes")
    return parser


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), _look_at_stdin, stop)
    limits = {group: GroupLimit(calls=limit.calls, window=options.window, penalty=options.window) for group, limit in LIMITS.items()}
    async with RingCentral(port=options.port, limits=limits) as phones:
        fill(
            phones.office,
            extensions=options.extensions,
            calls=options.calls,
            messages=options.messages,
            days=options.days,
            seed=options.seed,
        )
        ready = {"url": phones.url, "pid": os.getpid(), **msgspec.structs.asdict(phones.login())}
        sys.stdout.buffer.write(msgspec.json.encode(ready) + b"\n")
        sys.stdout.flush()
        await stop.wait()


def _look_at_stdin(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


if __name__ == "__main__":
    main()
