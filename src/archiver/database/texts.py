"""Texts in a database that cannot hold every character of a Python string: PostgreSQL has no NUL.

What comes from outside may have one. It is written as DLE and ``@``, as terminals show it (``^@``), and DLE itself as DLE and ``P``; texts
without either, which is nearly all there are, stay as they are.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

__all__ = ["Words", "escape", "unescape"]

_DLE = "\x10"


def escape(text: str) -> str:
    """A text without NUL."""
    return text.replace(_DLE, _DLE + "P").replace("\0", _DLE + "@")


def unescape(text: str) -> str:
    """The text that `escape` was given."""
    return text.replace(_DLE + "@", "\0").replace(_DLE + "P", _DLE)


class Words(sa.TypeDecorator[str]):
    """A column for texts that come from outside; escaped where the engine needs it."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        """On the way in."""
        return escape(value) if value is not None and dialect.name == "postgresql" else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        """On the way out."""
        return unescape(value) if value is not None and dialect.name == "postgresql" else value
