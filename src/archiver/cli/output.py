"""What a command says: texts for people, and one JSON document for machines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console, RenderableType
from rich.table import Table

from archiver.cli.options import Options
from archiver.observe.lines import file_of, is_writable

__all__ = ["Output", "ago", "bytes_text", "clock_time", "console", "make_table", "moment_text", "to_json"]

_WHOLE = frozenset({"value", "name", "customer", "setting"})  # columns that are copied from, and so stay in one line
_WIDTH = 120  # of tables that go into a file or a pipe, where there is no terminal to ask

_PATIENCE_SECONDS = 0.5  # with a reader of words that may be left out


class Output:
    """Where a command's words go.

    Args:
        options: With ``json``, texts for people go to standard error, so that standard output holds nothing but the result.
        lossy: Texts for people that cannot be written, since a disk is full, or the reader has gone or does not read, are left out: for a
            command whose work is worth more than its words.
    """

    def __init__(self, options: Options | None, *, lossy: bool = False) -> None:
        self._lossy = lossy
        self.json = options is not None and options.json
        self.console = console(sys.stderr if self.json else sys.stdout)

    def say(self, text: str = "", *, style: str | None = None) -> None:
        """A line for people. Nothing in it is markup: texts of providers and customers are shown as they are."""
        file = file_of(self.console.file) if self._lossy else None
        if file is not None and not is_writable(file, _PATIENCE_SECONDS):
            return
        try:
            self.console.print(text, style=style, soft_wrap=True)
        except OSError:
            if not self._lossy:
                raise

    def end(self) -> None:
        """Forgets what could not be written, so that the process does not fail of it when it ends."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: frozenset[str] = frozenset()) -> None:
        """A table for people; columns in ``right`` are numbers."""
        self.console.print(make_table(columns, rows, right=right))

    def show(self, part: RenderableType) -> None:
        """Something drawn, for people."""
        self.console.print(part)

    def result(self, value: Any) -> None:
        """The JSON document, if one was asked for."""
        if self.json:
            sys.stdout.write(to_json(value) + "\n")
            sys.stdout.flush()


def console(stream: Any) -> Console:
    """A console that interprets nothing and does not shrink tables that go into a pipe."""
    return Console(file=stream, markup=False, emoji=False, highlight=False, width=None if stream.isatty() else _WIDTH)


def make_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: frozenset[str] = frozenset()) -> Table:
    """A plain table without lines."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold", no_wrap=column in _WHOLE)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    return table


def to_json(value: Any) -> str:
    """One line of JSON."""
    return msgspec.json.encode(value, enc_hook=str).decode()


def bytes_text(size: float) -> str:
    """A size for people, such as ``3.4 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def ago(moment: int | None, *, now: float) -> str:
    """How long ago a moment (milliseconds since the epoch) was at ``now`` (seconds), for people; a dash if there is none."""
    if not moment:
        return "–"
    seconds = max(0.0, now - moment / 1000)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def clock_time(moment: int) -> str:
    """A moment (milliseconds since the epoch) as local time of day."""
    return datetime.fromtimestamp(moment / 1000, UTC).astimezone().strftime("%H:%M:%S")


def moment_text(moment: int) -> str:
    """A moment (milliseconds since the epoch) as UTC, to the second."""
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
