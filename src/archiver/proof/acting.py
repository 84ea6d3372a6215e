"""Who does what is done now: said once where a person's request comes in, known wherever it is written down.

A command is done by whoever is logged in to this machine. The console says for each request who asks, and from where::

    with acting(Who(actor="ada", origin="203.0.113.7")):
        await archiver.pause("acme")
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from archiver.database.audit import this_machine

__all__ = ["Who", "acting", "who"]


class Who(msgspec.Struct, frozen=True):
    """Somebody who does something.

    Attributes:
        actor: The name of a person, or of the service.
        origin: From where: a machine's name or a network address.
    """

    actor: str
    origin: str


_now: ContextVar[Who | None] = ContextVar("archiver_acting", default=None)


@contextmanager
def acting(someone: Who) -> Iterator[None]:
    """What is done inside is done by ``someone``."""
    token = _now.set(someone)
    try:
        yield
    finally:
        _now.reset(token)


def who() -> Who:
    """Whoever acts now; without `acting` the user of this machine."""
    return _now.get() or Who(actor=_user(), origin=this_machine())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's number without a name
        return "unknown"
