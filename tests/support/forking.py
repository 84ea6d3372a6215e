"""A process that has everything imported, and forks the ones that are killed: a start costs 20 ms instead of half a second.

Each fork is a whole process of its own, forked before there is any thread or event loop, so it is the same as a fresh one but for the
time that imports take. One line of JSON asks for one (see `Run`); its pid and, at its end, its exit code are answered, a line each.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import msgspec

import archiver.app
import archiver.cli.run
import archiver.database.postgres
import archiver.destinations.dropbox
import archiver.sources.folder  # all of these are loaded for the forks
from archiver.cli import main
from archiver.destinations.dropbox import chunks, destination
from archiver.http import body
from archiver.sources.files import reader

__all__ = ["CHUNK_BYTES", "WHOLE_BYTES", "Run", "serve"]

CHUNK_BYTES = 16 * 1024
"""So small are chunks here: a few kilobytes make many of them."""
WHOLE_BYTES = 32 * 1024
"""What is larger goes in chunks."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What to run.

    Attributes:
        words: Of the command line, without ``archiver``.
        environment: All of it.
        log: Where what it says goes.
    """

    words: list[str]
    environment: dict[str, str]
    log: str


def serve() -> None:
    """Forks what is asked for, one after the other, until nobody asks any more."""
    for line in sys.stdin.buffer:
        run = msgspec.json.decode(line, type=Run)
        pid = os.fork()
        if pid == 0:
            _become(run)
        _answer(pid)
        _, status = os.waitpid(pid, 0)
        _answer(os.waitstatus_to_exitcode(status))


def _answer(number: int) -> None:
    sys.stdout.write(json.dumps(number) + "\n")
    sys.stdout.flush()


def _become(run: Run) -> NoReturn:
    code = 70
    try:
        log = os.open(run.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.environ.clear()
        os.environ.update(run.environment)
        code = main(run.words)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001  a fork must never come back into its parent's loop
        traceback.print_exc()
    finally:
        os._exit(code)


def _shrink() -> None:
    """Makes all sizes small that decide when something is sent in pieces."""
    chunks.CHUNK_BYTES = CHUNK_BYTES
    reader._CHUNK_BYTES = CHUNK_BYTES
    body._SMALL_BYTES, body._SLICE_BYTES = 2 * 1024, 4 * 1024
    destination.FEATURES = msgspec.structs.replace(destination.FEATURES, whole_bytes=WHOLE_BYTES)


if __name__ == "__main__":
    assert Path(archiver.app.__file__).exists()
    _shrink()
    serve()
