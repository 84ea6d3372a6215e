"""What every cloud of the sandbox does as a process of its own: its arguments, the line that says it is ready, its end."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import ssl
import sys
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["arguments_of", "serve_until_told", "tls_of"]


def arguments_of(cloud: str, description: str) -> argparse.ArgumentParser:
    """The arguments that all of them have.

    Args:
        cloud: The module: ``google``.
        description: What it is.
    """
    parser = argparse.ArgumentParser(prog=f"python -m archiver.sandbox.{cloud}", description=description)
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; 0 takes a free port")
    parser.add_argument("--user", default="me", help="the name of its first user")
    parser.add_argument("--no-content", action="store_true", help="keep hashes only")
    parser.add_argument("--tls-certificate", type=Path, help="serve HTTPS too, with this certificate chain")
    parser.add_argument("--tls-key", type=Path, help="and this key")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input closes")
    return parser


def tls_of(options: argparse.Namespace) -> ssl.SSLContext | None:
    """The certificate that was named; None if none was."""
    if options.tls_certificate is None:
        return None
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(options.tls_certificate, options.tls_key)
    return tls


async def serve_until_told(options: argparse.Namespace, url: str, tls_url: str, login: Any) -> None:
    """Says where it is and who may come, as one line of JSON, and waits for SIGTERM, SIGINT, or the end of standard input.

    Args:
        options: Of `arguments_of`.
        url: Where it is.
        tls_url: The same over TLS.
        login: A struct with what a client needs.
    """
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if options.until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 4096) else ended.set())
    ready = {"url": url, "tls_url": tls_url, "pid": os.getpid(), **msgspec.structs.asdict(login)}
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()
    await ended.wait()
    if options.until_stdin_closes:
        loop.remove_reader(sys.stdin.fileno())
