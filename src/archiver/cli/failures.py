"""Errors as people see them: one line, and a line with what can be done about it. No traceback unless ARCHIVER_DEBUG is set."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator

from cyclopts import CycloptsError

from archiver.errors import ArchiverError

__all__ = ["UsageError", "report", "report_usage"]

_USAGE = 2
_BUG = 70  # EX_SOFTWARE of sysexits.h: whoever supervises the process starts it again, and begins with what the database says


class UsageError(ArchiverError):
    """The words of a command line do not fit together."""

    exit_code = _USAGE


def report(error: BaseException, *, as_json: bool) -> int:
    """Tells what went wrong, on standard error.

    Args:
        error: What came out of a command; a group is told leaf by leaf.
        as_json: Also one JSON object on standard output, so that a machine need not read our words.

    Returns:
        The exit code: that of the first error.
    """
    debug = os.environ.get("ARCHIVER_DEBUG", "0").lower() not in {"", "0", "false"}
    if debug:
        traceback.print_exception(error)
    leaves = list(_leaves(error))
    for leaf in leaves:
        message, hint = _words(leaf, debug=debug)
        _line(f"archiver: {message}")
        if hint:
            _line(f"  hint: {hint}")
    if as_json:
        _document(type(leaves[0]).__name__, *_words(leaves[0], debug=debug))
    if isinstance(leaves[0], ArchiverError):
        return leaves[0].exit_code
    return 1 if isinstance(leaves[0], OSError) else _BUG


def report_usage(error: CycloptsError, *, as_json: bool) -> int:
    """Tells what cannot be understood on a command line, as `report` does; returns the exit code 2."""
    chain = " ".join(("archiver", *(error.command_chain or ())))
    message, hint = " ".join(str(error).split()), f"`{chain} --help` shows what can be said."
    _line(f"archiver: {message}")
    _line(f"  hint: {hint}")
    if as_json:
        _document(UsageError.__name__, message, hint)
    return _USAGE


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _words(error: BaseException, *, debug: bool) -> tuple[str, str]:
    if isinstance(error, ArchiverError):
        return error.message, error.hint
    # A bug, or the machine: its text may hold what it was working on, so only its class is told unless somebody debugs.
    hint = "" if debug else "Set ARCHIVER_DEBUG=1 to see where, and please report it."
    return f"internal error: {type(error).__name__}{f': {error}' if debug or isinstance(error, OSError) else ''}", hint


def _document(error: str, message: str, hint: str) -> None:
    sys.stdout.write(json.dumps({"error": error, "message": message, "hint": hint}, ensure_ascii=False, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _line(text: str) -> None:
    sys.stderr.write(text + "\n")
