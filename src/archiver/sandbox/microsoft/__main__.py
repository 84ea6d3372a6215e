"""A OneDrive on loopback as a process: ``python -m archiver.sandbox.microsoft``.

Prints one line of JSON (``url``, ``tls_url``, ``pid``, and the credentials of a user) when it is ready, and ends on SIGTERM or SIGINT,
or when its standard input closes (``--until-stdin-closes``).
"""

from __future__ import annotations

import argparse
import asyncio
from typing import get_args

from archiver.sandbox.microsoft.budget import Limits
from archiver.sandbox.microsoft.drive import DriveType
from archiver.sandbox.microsoft.server import OneDrive
from archiver.sandbox.process import arguments_of, serve_until_told, tls_of

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is told to end."""
    parser = arguments_of("microsoft", "A OneDrive on loopback.")
    parser.add_argument("--kind", default="business", choices=get_args(DriveType), help="what their drive is")
    parser.add_argument("--units", type=int, help="resource units a minute; 1200 by default, 0 permits any number")
    asyncio.run(_serve(parser.parse_args(arguments)))


async def _serve(options: argparse.Namespace) -> None:
    limits = Limits() if options.units is None else Limits(units=options.units or None)
    async with OneDrive(port=options.port, tls=tls_of(options), keep_content=not options.no_content) as onedrive:
        login = onedrive.add_user(options.user, limits, kind=options.kind)
        await serve_until_told(options, onedrive.url, onedrive.tls_url, login)


if __name__ == "__main__":
    main()
