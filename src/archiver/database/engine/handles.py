"""What the mixins of this room need of an engine: connections that run a function of SQLAlchemy Core in a transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa

__all__ = ["CoreHandle", "Handled"]

_T = TypeVar("_T")
_P = ParamSpec("_P")


class CoreHandle(Protocol):
    """One connection."""

    async def core(self, work: Callable[Concatenate[sa.Connection, _P], _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Runs ``work(connection, …)`` in a transaction."""
        ...


class Handled(Protocol):
    """A database with a connection that writes and one for people who look."""

    @property
    def _writer(self) -> CoreHandle: ...

    @property
    def _looker(self) -> CoreHandle: ...
