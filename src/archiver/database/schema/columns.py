"""What all tables share: their names' manner, the types of their columns, and constraints with the words of enums."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

__all__ = ["Id", "Size", "Time", "metadata", "one_of"]

metadata = sa.MetaData(
    naming_convention={
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "%(column_0_label)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

# SQLite numbers rows by itself only where the type is spelled INTEGER.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Time = sa.BigInteger
Size = sa.BigInteger


def one_of(column: str, words: type[StrEnum]) -> sa.CheckConstraint:
    """The constraint that ``column`` holds one of the enum's words."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)
