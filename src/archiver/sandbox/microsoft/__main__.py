"""A OneDrive on loopback as a process: ``python -m archiver.sandbox.microsoft``.

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
from typing import get_args

import msgspec

from archiver.sandbox.microsoft.budget import Limits
from archiver.sandbox.microsoft.drive import DriveType
from archiver.sandbox.microsoft.server import OneDrive

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m archiver.sandbox.microsoft", description="A OneDrive on loopback.")
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; 0 takes a free port")
    parser.add_argument("--user", default="me", help="the name of its first user")
    parser.add_argument("--kind", default="business", choices=get_args(DriveType), help="what their drive is")
    parser.add_argument("--units", type=int, help="resource units a minute; 1200 by default, 0 permits any number")
    parser.add_argument("--no-content", action="store_true", help="keep hashes only")
    parser.add_argument("--tls-certificate", type=Path, help="serve HTTPS too, with this certificate chain")
    parser.add_argument("--tls-key", type=Path, help="and this key")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input closes")
    asyncio.run(_serve(parser.parse_args(arguments)))


async def _serve(options: argparse.Namespace) -> None:
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if options.until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 4096) else ended.set())
    tls = None
    if options.tls_certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.tls_certificate, options.tls_key)
    limits = Limits() if options.units is None else Limits(units=options.units or None)
    async with OneDrive(port=options.port, tls=tls, keep_content=not options.no_content) as onedrive:
        login = onedrive.add_user(options.user, limits, kind=options.kind)
        ready = {"url": onedrive.url, "tls_url": onedrive.tls_url, "pid": os.getpid(), **msgspec.structs.asdict(login)}
        sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
        sys.stdout.flush()
        await ended.wait()
        if options.until_stdin_closes:
            loop.remove_reader(sys.stdin.fileno())


if __name__ == "__main__":
    main()
