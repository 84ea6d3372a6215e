"""A Box on loopback as a process: ``python -m archiver.sandbox.box``.

Prints one line of JSON (``url``, ``tls_url``, ``pid``, and the credentials of a user) when it is ready, and ends on SIGTERM or SIGINT,
or when its standard input closes (``--until-stdin-closes``).
"""

from __future__ import annotations

import argparse
import asyncio

from archiver.sandbox.box.limits import Limits
from archiver.sandbox.box.server import Box
from archiver.sandbox.process import arguments_of, serve_until_told, tls_of

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is told to end."""
    parser = arguments_of("box", "A Box on loopback.")
    parser.add_argument("--calls", type=int, default=1000, help="calls a minute; 0 permits any number")
    parser.add_argument("--uploads", type=int, default=240, help="uploads a minute; 0 permits any number")
    asyncio.run(_serve(parser.parse_args(arguments)))


async def _serve(options: argparse.Namespace) -> None:
    async with Box(port=options.port, tls=tls_of(options), keep_content=not options.no_content) as box:
        login = box.add_user(options.user, Limits(calls=options.calls or None, uploads=options.uploads or None))
        await serve_until_told(options, box.url, box.tls_url, login)


if __name__ == "__main__":
    main()
