"""A Google Drive on loopback as a process: ``python -m archiver.sandbox.google``.

Prints one line of JSON (``url``, ``tls_url``, ``pid``, and the credentials of a user) when it is ready, and ends on SIGTERM or SIGINT,
or when its standard input closes (``--until-stdin-closes``).
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from archiver.sandbox.google.quota import Limits
from archiver.sandbox.google.server import GoogleDrive
from archiver.sandbox.process import arguments_of, serve_until_told, tls_of

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is told to end."""
    parser = arguments_of("google", "A Google Drive on loopback.")
    parser.add_argument("--writes-per-second", type=float, help="what a user may write in the long run")
    parser.add_argument("--testing", action="store_true", help="the application is in testing: links die after a week")
    parser.add_argument("--directory", type=Path, help="where contents are kept; a temporary one by default")
    asyncio.run(_serve(parser.parse_args(arguments)))


async def _serve(options: argparse.Namespace) -> None:
    sandbox = GoogleDrive(
        port=options.port, tls=tls_of(options), directory=options.directory, testing=options.testing, keep_content=not options.no_content
    )
    async with sandbox as drive:
        login = drive.add_user(options.user, Limits(writes_per_second=options.writes_per_second))
        await serve_until_told(options, drive.url, drive.tls_url, login)


if __name__ == "__main__":
    main()
