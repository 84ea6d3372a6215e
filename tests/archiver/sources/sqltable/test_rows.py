"""Rows become discoveries."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from archiver.model import Kind
from archiver.sources.sqltable.rows import Row, RowReader
from archiver.sources.sqltable.settings import SqlTableSettings


def settings(**changes: Any) -> SqlTableSettings:
    """A table of texts."""
    given = {"url": "sqlite://", "table": "t", "id_column": "id", "time_column": "at", "content_column": "body", **changes}
    return SqlTableSettings(**given)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (7, 7),
        (0.5, 0.5),
        (Decimal(2163), 2163),
        (Decimal("1.5"), 1.5),
        (math.inf, "inf"),
        (math.nan, "nan"),
        (datetime(2026, 5, 10, tzinfo=UTC), "2026-05-10T00:00:00+00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"a": [1]}, {"a": [1]}),
        (b"\x01", "01"),
    ],
)
def test_metadata_is_json(value: Any, expected: Any) -> None:
    """Whatever a driver gives."""
    reader = RowReader(settings(metadata_columns=("extra",)))
    found = reader.discovery(Row(1, 5, None, {"id": 1, "at": 5, "extra": value}))
    assert found is not None
    assert found.metadata == {"extra": expected}


def test_a_column_that_is_null_says_nothing() -> None:
    """Empty texts, no size but the measured one, no metadata, the kind's own media type."""
    columns = {"sender": "who", "size": "bytes", "media_type": "mime", "sha256": "hash", "purge": "purge"}
    reader = RowReader(settings(columns=columns, metadata_columns=("extra",), kind=Kind.FAX))
    values = dict.fromkeys(["who", "bytes", "mime", "hash", "purge", "extra"])
    found = reader.discovery(Row(1, 5, 17, {"id": 1, "at": 5, **values}))
    assert found is not None
    assert (found.sender, found.size, found.media_type, found.sha256, found.purge_at) == ("", 17, "application/pdf", None, None)
    assert found.metadata == {}


@pytest.mark.parametrize(("said", "meant"), [("IN", "inbound"), ("Outgoing", "outbound"), ("internal", "internal"), (None, "")])
def test_directions_have_two_words(said: str | None, meant: str) -> None:
    """Other words stay what they are."""
    reader = RowReader(settings(columns={"direction": "dir"}))
    found = reader.discovery(Row(1, 5, None, {"id": 1, "at": 5, "dir": said}))
    assert found is not None
    assert found.direction == meant


def test_without_a_mapping_kinds_are_kinds() -> None:
    """And a row of none is left out and counted."""
    reader = RowReader(settings(kind_column="kind", kinds={kind.value: kind for kind in Kind}))
    assert [
        None if (found := reader.discovery(Row(1, 5, None, {"id": 1, "at": 5, "kind": kind}))) is None else found.kind
        for kind in ("sms", "letter", None)
    ] == [Kind.SMS, None, None]
    assert reader.ignored == {"unknown kind": 2}
