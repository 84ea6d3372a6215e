"""The sandbox as a process: ``python -m archiver.sandbox``.

Prints one line of JSON (``url``, ``tls_url``, ``pid``, ``directory``) when it is ready, and ends on SIGTERM or SIGINT, when its
standard input closes (``--until-stdin-closes``), or when the process that wanted it is gone (``--parent-pid``): nothing is left running.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

from archiver.sandbox.server import HEADER_BYTES, Sandbox

__all__ = ["main"]

PARENT_SECONDS = 0.5


def main(arguments: list[str] | None = None) -> None:
    """Runs a sandbox until it is told to end."""
    options = _parser().parse_args(arguments)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m archiver.sandbox", description="A Dropbox on loopback that keeps a ledger.")
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; 0 takes a free port")
    parser.add_argument("--state", type=Path, help="keep everything here, and go on with what is here")
    parser.add_argument("--no-content", action="store_true", help="keep hashes only")
    parser.add_argument("--header-bytes", type=int, default=HEADER_BYTES, help="longer arguments in headers are answered 431")
    parser.add_argument("--tls-certificate", type=Path, help="serve HTTPS too, with this certificate chain")
    parser.add_argument("--tls-key", type=Path, help="and this key")
    parser.add_argument("--parent-pid", type=int, help="end when this process is gone")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input closes")
    return parser


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - where it does not install, asyncio's own loop serves as well
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), _look_at_stdin, stop)
    if options.parent_pid is not None:
        _look_at_parent(loop, options.parent_pid, stop)
    tls = None
    if options.tls_certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.tls_certificate, options.tls_key)
    sandbox = Sandbox(
        port=options.port, state=options.state, keep_content=not options.no_content, tls=tls, header_bytes=options.header_bytes
    )
    async with sandbox:
        ready = {"url": sandbox.url, "tls_url": sandbox.tls_url, "pid": os.getpid(), "directory": str(sandbox.directory)}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _look_at_stdin(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


def _look_at_parent(loop: asyncio.AbstractEventLoop, pid: int, stop: asyncio.Event) -> None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        stop.set()
        return
    except PermissionError:
        pass  # it lives, and belongs to somebody else
    loop.call_later(PARENT_SECONDS, _look_at_parent, loop, pid, stop)


if __name__ == "__main__":
    main()
