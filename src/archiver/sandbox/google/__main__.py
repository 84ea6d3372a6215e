"""A Google Drive on loopback as a process: ``python -m archiver.sandbox.google``.

Prints one line of JSON (``url``, ``tls_url``, ``pid``, and the credentials of a user) when it is ready, and ends on SIGTERM or SIGINT,
or when its standard input closes (``--until-stdin-closes``).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import ssl
import sys
from pathlib import Path

import msgspec

from archiver.sandbox.google.quota import Limits
from archiver.sandbox.google.server import GoogleDrive

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is told to end."""
    asyncio.run(_serve(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m archiver.sandbox.google", description="A Google Drive on loopback.")
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; 0 takes a free port")
    parser.add_argument("--user", default="me", help="the name of its first user")
    parser.add_argument("--writes-per-second", type=float, help="what a user may write in the long run")
    parser.add_argument("--testing", action="store_true", help="the application is in testing: links die after a week")
    parser.add_argument("--directory", type=Path, help="where contents are kept; a temporary one by default")
    parser.add_argument("--no-content", action="store_true", help="keep hashes only")
    parser.add_argument("--tls-certificate", type=Path, help="serve HTTPS too, with this certificate chain")
    parser.add_argument("--tls-key", type=Path, help="and this key")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input closes")
    return parser


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), _look_at_stdin, stop)
    tls = None
    if options.tls_certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.tls_certificate, options.tls_key)
    sandbox = GoogleDrive(
        port=options.port, tls=tls, directory=options.directory, testing=options.testing, keep_content=not options.no_content
    )
    async with sandbox as drive:
        login = drive.add_user(options.user, Limits(writes_per_second=options.writes_per_second))
        ready = {"url": drive.url, "tls_url": drive.tls_url, "pid": os.getpid(), **msgspec.structs.asdict(login)}
        sys.stdout.buffer.write(msgspec.json.encode(ready) + b"\n")
        sys.stdout.flush()
        await stop.wait()


def _look_at_stdin(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


if __name__ == "__main__":
    main()
