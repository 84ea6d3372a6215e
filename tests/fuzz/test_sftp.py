"""Whatever a server of SFTP says before, in or instead of its greeting: an outcome, and no secret."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.adapter import check_options
from archiver.destinations.conformance import put, streamed, whole
from archiver.destinations.port import Context, Unpaced
from archiver.destinations.sftp import ADAPTER
from archiver.errors import ArchiverError
from archiver.outcome import Archived
from fuzz.babbling import CANARY, FUZZED, HastyClock

EXAMPLES = int(os.environ.get("ARCHIVER_FUZZ_EXAMPLES", "8"))
PIECES = st.binary(max_size=80) | st.sampled_from(
    [b"SSH-2.0-x\r\n", b"SSH-1.0-old\r\n", b"SSH-2.0-" + b"x" * 9000, b"\r\n" * 2000, b"\0\0\0\x0c\x0a\x14" + b"\0" * 16, b"\xff" * 64]
)


def _opened(port: int) -> Any:
    options = {"host": "127.0.0.1", "port": port, "username": "acme", "password": CANARY, "path": "/archive"}
    return ADAPTER.open(check_options("sftp", ADAPTER.options, options), Context(pace=Unpaced(), clock=HastyClock()))


@settings(FUZZED, max_examples=EXAMPLES)
@given(pieces=st.lists(PIECES, max_size=5))
def test_any_greeting(pieces: list[bytes]) -> None:
    """The connection is given up, and no item is lost for it."""

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def main() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, asyncio.timeout(40):
            destination = _opened(server.sockets[0].getsockname()[1])
            shown = [repr(destination)]
            for upload in (whole(1, b"sound"), streamed(2, b"sound" * 1000)):
                (outcome,) = (await put(destination, [upload])).values()
                assert not isinstance(outcome, Archived)
                shown.append(repr(outcome))
            try:
                await destination.ping()
            except ArchiverError as error:
                shown += [repr(error), error.hint]
            await destination.close()
            assert CANARY not in "".join(shown)

    asyncio.run(main())
