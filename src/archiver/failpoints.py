"""Failpoints: named places at which a test lets this process die, so that every order of death can be tried and none is left to chance.

They do nothing, but for one look at a variable, unless ``ARCHIVER_FAILPOINTS`` is set; and that is refused unless ``ARCHIVER_TESTING=1``
is set as well. ``F7:3=kill`` kills the process when it comes to the point F7 for the third time; several are separated by commas.

| action | what happens at the hit |
|---|---|
| ``kill`` | SIGKILL to itself: nothing is cleaned up, nothing more is written |
| ``stop`` | SIGSTOP to itself: it stands still until somebody sends SIGCONT |
| ``exit`` | it ends at once with exit code 1 |
| ``raise`` | an error that nobody expects, as a bug would |

In: the environment. Out: nothing, or a death. Adapters may use it, too.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Mapping

from archiver.errors import ConfigError

__all__ = ["POINTS", "FailpointError", "arm", "failpoint"]

POINTS = {
    "own.unwritten": ("F0", "customers are being taken (on SQLite: all of them), and it is not committed"),
    "own.written": ("F1", "customers were taken, and nothing of them has begun"),
    "source.opened": ("F2", "a source was asked for bytes, and nothing of them was sent"),
    "session.started": ("F3", "the storage has begun an upload session, and nobody here knows it yet"),
    "chunk.half": ("F4", "half of a body is on its way"),
    "chunk.accepted": ("F5", "the storage has a chunk, and the new offset is not saved"),
    "finish.before": ("F6", "all bytes are there, and the file is not visible"),
    "finish.done": ("F7", "the file is visible, and the answer that says so is lost"),
    "answer.read": ("F8", "it is known that the file is visible, and there is no receipt"),
    "settle.inside": ("F9", "receipts are written, and not committed"),
    "settle.committed": ("F10", "receipts are committed, and their demand has not returned"),
    "demand.returned": ("F11", "everything of these items is done"),
    "token.refreshed": ("F12", "the provider has given a new token, and it is not stored"),
}
"""Every point: its number, and what has and has not happened when it is hit."""

_VARIABLE = "ARCHIVER_FAILPOINTS"
_SWITCH = "ARCHIVER_TESTING"
_ONE = re.compile(r"(?P<point>[\w.]+)(?::(?P<hit>[1-9]\d*))?=(?P<action>\w+)")
_ACTIONS = frozenset({"exit", "kill", "raise", "stop"})

_armed: dict[str, dict[int, str]] = {}  # by point: at which hit what happens
_hits: dict[str, int] = {}
_counting = threading.Lock()  # the database's threads have points, too


class FailpointError(Exception):
    """What ``raise`` raises; not of our tree, as a bug's errors are not."""


def failpoint(name: str) -> None:
    """A place at which a test may let the process die; ``name`` stands in `POINTS`."""
    if _armed:
        _hit(name)


def arm(environment: Mapping[str, str]) -> None:
    """Arms what the environment asks for; nothing if it asks for nothing.

    Raises:
        ConfigError: It asks for something, but this is no test; or what it asks for cannot be understood.
    """
    wanted = environment.get(_VARIABLE, "")
    armed: dict[str, dict[int, str]] = {}
    if wanted and environment.get(_SWITCH) != "1":
        raise ConfigError(f"{_VARIABLE} is set outside a test", hint=f"It lets the process die; unset it. Tests set {_SWITCH}=1 as well.")
    numbers = {number: name for name, (number, _) in POINTS.items()}
    for part in filter(None, (part.strip() for part in wanted.split(","))):
        one = _ONE.fullmatch(part)
        name = one and numbers.get(one["point"], one["point"])
        if one is None or name not in POINTS or one["action"] not in _ACTIONS:
            hint = f"Such as F7:3=kill. Points: {', '.join(numbers)}; actions: {', '.join(sorted(_ACTIONS))}."
            raise ConfigError(f"{_VARIABLE} cannot be understood", hint=hint)
        armed.setdefault(name, {})[int(one["hit"] or 1)] = one["action"]
    _armed.clear()
    _hits.clear()
    _armed.update(armed)


def _hit(name: str) -> None:
    with _counting:
        hit = _hits[name] = _hits.get(name, 0) + 1
    match _armed.get(name, {}).get(hit):
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "exit":
            os._exit(1)
        case "raise":
            raise FailpointError(f"{POINTS[name][0]} {name}, hit {hit}")
        case _:
            pass
