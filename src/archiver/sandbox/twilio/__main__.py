"""Twilio on loopback as a process: ``python -m archiver.sandbox.twilio``.

Prints one line of JSON (``url``, ``pid``, and the credentials of the account) when it is ready, and ends on SIGTERM or SIGINT, or when its
standard input closes (``--until-stdin-closes``).
"""

from __future__ import annotations

import argparse
import asyncio

from archiver.sandbox.process import arguments_of, serve_until_told
from archiver.sandbox.twilio.company import fill
from archiver.sandbox.twilio.server import Limits, Twilio

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is told to end."""
    parser = arguments_of("twilio", "A Twilio on loopback.")
    parser.add_argument("--subaccounts", type=int, default=2, help="subaccounts of the made company")
    parser.add_argument("--calls", type=int, default=60, help="calls that it has")
    parser.add_argument("--messages", type=int, default=60, help="messages that it has")
    parser.add_argument("--days", type=float, default=14.0, help="over how many days they are spread")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same company")
    parser.add_argument("--at-once", type=int, default=100, help="how many calls are let in at the same time")
    asyncio.run(_serve(parser.parse_args(arguments)))


async def _serve(options: argparse.Namespace) -> None:
    async with Twilio(port=options.port, limits=Limits(at_once=options.at_once)) as twilio:
        fill(
            twilio.exchange,
            subaccounts=options.subaccounts,
            calls=options.calls,
            messages=options.messages,
            days=options.days,
            seed=options.seed,
        )
        await serve_until_told(options, twilio.url, "", twilio.login())


if __name__ == "__main__":
    main()
