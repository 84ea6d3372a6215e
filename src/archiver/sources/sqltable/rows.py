"""Makes discoveries of rows; pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from archiver.model import Discovery, Kind
from archiver.sources.sqltable.settings import SqlTableSettings
from archiver.sources.sqltable.values import millis_of, text_of, write_value

__all__ = ["PATH_MARK", "Row", "RowReader"]

PATH_MARK = "p:"
"""Begins the locator of a row whose bytes are in a file; no written value begins so."""
_DIRECTIONS = {
    "in": "inbound",
    "incoming": "inbound",
    "inbound": "inbound",
    "out": "outbound",
    "outgoing": "outbound",
    "outbound": "outbound",
}


class Row(NamedTuple):
    """A row as the query gives it.

    Attributes:
        id: The id column.
        order: The order column.
        octets: The length of the content in bytes; None if the database was not asked.
        values: Every other named column.
    """

    id: Any
    order: Any
    octets: int | None
    values: Mapping[str, Any]


class RowReader:
    """Reads rows by the mapping of the settings.

    Attributes:
        ignored: Why rows were left out, and how many.
    """

    def __init__(self, settings: SqlTableSettings) -> None:
        self.ignored: Counter[str] = Counter()
        self._settings = settings

    def discovery(self, row: Row) -> Discovery | None:
        """The discovery of a row; None for one that is no item, which is counted."""
        settings, values = self._settings, row.values
        kind = self._kind(values)
        locator = self._locator(row)
        if kind is None or locator is None:
            self.ignored["unknown kind" if kind is None else "no path"] += 1
            return None
        occurred_at = millis_of(values[settings.time_column])
        if occurred_at is None:
            # Better under a wrong day than not at all.
            self.ignored["unreadable time (kept)"] += 1
            occurred_at = millis_of(row.order) or 0
        size = self._field(values, "size")
        direction = text_of(self._field(values, "direction"))
        return Discovery(
            kind=kind,
            external_id=text_of(row.id),
            part=text_of(self._field(values, "part")),
            occurred_at=occurred_at,
            purge_at=millis_of(self._field(values, "purge")),
            locator=locator,
            media_type=text_of(self._field(values, "media_type")) or settings.media_type_of(kind),
            size=int(size) if isinstance(size, int | Decimal) and size >= 0 else row.octets,
            sha256=_sha256(text_of(self._field(values, "sha256"))),
            direction=_DIRECTIONS.get(direction.lower(), direction),
            sender=text_of(self._field(values, "sender")),
            recipient=text_of(self._field(values, "recipient")),
            owner=text_of(self._field(values, "owner")),
            metadata={name: _json(values[name]) for name in settings.metadata_columns if values[name] is not None},
        )

    def _field(self, values: Mapping[str, Any], field: str) -> Any:
        column = self._settings.columns.get(field)
        return None if column is None else values[column]

    def _kind(self, values: Mapping[str, Any]) -> Kind | None:
        if not self._settings.kind_column:
            return self._settings.kind
        return self._settings.kinds.get(text_of(values[self._settings.kind_column]))

    def _locator(self, row: Row) -> str | None:
        if not self._settings.path_column:
            return write_value(row.id)
        path = text_of(row.values[self._settings.path_column]).replace("\\", "/")
        # Old telephone systems write absolute paths; below the same directory they mean the same file.
        path = path.removeprefix(self._settings.base_dir.rstrip("/") + "/").lstrip("/")
        return f"{PATH_MARK}{path}" if path else None


def _sha256(text: str) -> str | None:
    text = text.lower()
    return text if len(text) == 64 and all(digit in "0123456789abcdef" for digit in text) else None


def _json(value: Any) -> Any:
    """A value of a column as JSON can have it."""
    match value:
        case bool() | int() | str() | dict() | list():
            return value
        case float() | Decimal() if math.isfinite(value):
            return int(value) if value == int(value) else float(value)
        case date():
            return value.isoformat()
        case _:
            return text_of(value)
