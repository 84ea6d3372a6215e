"""The contests of ``benchmarks.destinations``: one module for each destination, whose class `CONTEST` says against whom and where.

A module here is found by itself. Its class has what `Contest` asks for; `archiver` opens our side as the app does, from options.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

__all__ = ["Contest", "File", "Theirs", "UnavailableError", "contests"]


class UnavailableError(Exception):
    """The server cannot be started on this machine; the message says why."""


class File(msgspec.Struct, frozen=True):
    """One small file: a path that begins with a slash, and its bytes."""

    path: str
    data: bytes


Theirs = Callable[[Sequence[File]], Callable[[], None]]
"""Prepares somebody else's way of uploading files, and gives what is to be timed. It raises if a file was not taken."""


class Contest(Protocol):
    """One destination beside the provider's own package, or a tool that everybody knows, in front of the same server.

    Attributes:
        name: The destination's name in the registry.
        in_flight: How many uploads each side has in flight.
    """

    name: str
    in_flight: int

    def server(self) -> AbstractContextManager[None]:
        """Runs what both sides upload to, in a process of its own: it inherits the cores that are not measured.

        Raises:
            UnavailableError: It is not to be had here; the contest is skipped, and says why.
        """
        ...

    def options(self) -> Mapping[str, Any]:
        """The options of our destination; asked while the server runs."""
        ...

    def rivals(self) -> Mapping[str, Theirs]:
        """Who stands beside us, by name; the first one is the one that must not be faster. Asked while the server runs."""
        ...


def contests() -> dict[str, Contest]:
    """Every contest by its name."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    found = [importlib.import_module(f"{__name__}.{name}").CONTEST() for name in names]
    return {contest.name: contest for contest in found}
