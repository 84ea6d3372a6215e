"""What a table source is told: its options, and the record they become."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from archiver.adapter import Option
from archiver.errors import ConfigError
from archiver.model import Kind

__all__ = ["FIELD_COLUMNS", "OPTIONS", "SqlTableSettings", "settings_from"]

FIELD_COLUMNS = ("part", "media_type", "size", "sha256", "direction", "sender", "recipient", "owner", "purge")
"""What of a discovery may come from a column: the option ``<name>_column``."""

_MEDIA_TYPES = {
    Kind.RECORDING: "audio/x-wav",
    Kind.VOICEMAIL: "audio/x-wav",
    Kind.SMS: "text/plain",
    Kind.FAX: "application/pdf",
    Kind.CALL_LOG: "application/json",
    Kind.MANIFEST: "text/plain",
    Kind.SIDECAR: "application/json",
}


class SqlTableSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which column of which table means what.

    Attributes:
        url: SQLAlchemy's address of the database; may hold a password.
        table: The table's or view's name.
        schema: Its schema; empty for the default.
        id_column: Names a row for good.
        time_column: When the call, message or fax happened.
        updated_column: When the row was last written; empty if there is none. Rows are found in its order, else in the order of time.
        overlap: Seconds that are looked at again and again, in units of the order column, for rows that were committed late.
        kind: What every row is, if ``kind_column`` does not tell.
        kind_column: Empty if there is none.
        kinds: Value of ``kind_column`` → kind; a row with another value is left out.
        content_column: The bytes or the text itself; empty if they are in files.
        path_column: The file's path; empty if the bytes are in the table.
        base_dir: What paths are relative to.
        media_type: What the bytes are, if no column tells.
        columns: Field of the discovery (`FIELD_COLUMNS`) → column.
        metadata_columns: Columns kept as metadata under their own names.
        poll_interval: Seconds between two looks for new rows.
        watch: False looks once and ends.
    """

    url: str
    table: str
    schema: str = ""
    id_column: str
    time_column: str
    updated_column: str = ""
    overlap: float = 3600.0
    kind: Kind = Kind.RECORDING
    kind_column: str = ""
    kinds: Mapping[str, Kind] = MappingProxyType({})
    content_column: str = ""
    path_column: str = ""
    base_dir: str = ""
    media_type: str = ""
    columns: Mapping[str, str] = MappingProxyType({})
    metadata_columns: tuple[str, ...] = ()
    poll_interval: float = 5.0
    watch: bool = True

    def __repr__(self) -> str:
        return f"SqlTableSettings(table={self.table!r})"

    @property
    def order_column(self) -> str:
        """The column in whose order rows are found."""
        return self.updated_column or self.time_column

    def media_type_of(self, kind: Kind) -> str:
        """The media type of a row whose columns do not tell."""
        return self.media_type or _MEDIA_TYPES[kind]

    def named_columns(self) -> Mapping[str, str]:
        """Every column that was named → the option that names it."""
        named = {f"{field}_column": column for field, column in self.columns.items()}
        for option in ("id_column", "time_column", "updated_column", "kind_column", "content_column", "path_column"):
            named[option] = getattr(self, option)
        by_column = {column: option for option, column in named.items() if column}
        return {**dict.fromkeys(self.metadata_columns, "metadata_columns"), **by_column}


OPTIONS = (
    Option(
        name="url",
        help="The database's address as SQLAlchemy writes it, such as postgresql+psycopg://reader:…@host/calls. It is only read.",
        type="url",
        secret=True,
    ),
    Option(name="table", help="The table or view of call records.", main=True),
    Option(name="schema", help="The table's schema, if it is not the default one.", optional=True),
    Option(name="id_column", help="The column that names a row for good.", default="id"),
    Option(name="time_column", help="When it happened: date and time, ISO 8601 text, or seconds or milliseconds since 1970."),
    Option(name="updated_column", help="When the row was last written; rows are then found in this order.", optional=True),
    Option(
        name="overlap", help="Seconds of the order column that are looked at again, for rows committed late.", type="number", default=3600.0
    ),
    Option(name="kind", help=f"What every row is: {', '.join(Kind)}.", default=Kind.RECORDING.value),
    Option(name="kind_column", help="The column that says what a row is.", optional=True),
    Option(
        name="kinds", help="What the values of 'kind_column' mean, such as '1=recording,2=fax'; without it they are kinds.", optional=True
    ),
    Option(name="content_column", help="The column that has the bytes or the text.", optional=True),
    Option(name="path_column", help="The column that has the path of a file, below 'base_dir'.", optional=True),
    Option(name="base_dir", help="The directory of the files that 'path_column' names.", type="path", optional=True),
    Option(name="media_type", help="What the bytes are, such as audio/mpeg, if no column tells.", optional=True),
    *(Option(name=f"{field}_column", help=f"The column with the {field.replace('_', ' ')}.", optional=True) for field in FIELD_COLUMNS),
    Option(name="metadata_columns", help="More columns to keep as metadata, separated by commas.", optional=True),
    Option(name="poll_interval", help="Seconds between two looks for new rows.", type="number", default=5.0),
    Option(name="watch", help="Go on with what comes; otherwise look once and end.", type="boolean", default=True),
)


def settings_from(options: Mapping[str, Any]) -> SqlTableSettings:
    """Makes the record from checked options.

    Raises:
        ConfigError: Options that cannot work together; named, but no value shown.
    """
    content, path = options.get("content_column", ""), options.get("path_column", "")
    if bool(content) == bool(path):
        raise ConfigError("sqltable: exactly one of 'content_column' and 'path_column' is needed", hint="Where are the bytes?")
    if path and not options.get("base_dir"):
        raise ConfigError("sqltable: 'path_column' needs 'base_dir'", hint="Files are only read below this directory.")
    if options["poll_interval"] <= 0 or options["overlap"] < 0:
        raise ConfigError("sqltable: 'poll_interval' must be positive and 'overlap' not negative")
    return SqlTableSettings(
        url=options["url"],
        table=options["table"],
        schema=options.get("schema", ""),
        id_column=options["id_column"],
        time_column=options["time_column"],
        updated_column=options.get("updated_column", ""),
        overlap=options["overlap"],
        kind=_kind(options["kind"], "kind"),
        kind_column=options.get("kind_column", ""),
        kinds=_kinds(options.get("kinds", "")) or {kind.value: kind for kind in Kind},
        content_column=content,
        path_column=path,
        base_dir=str(Path(options["base_dir"]).expanduser().absolute()) if path else "",
        media_type=options.get("media_type", ""),
        columns={field: options[f"{field}_column"] for field in FIELD_COLUMNS if options.get(f"{field}_column")},
        metadata_columns=tuple(name.strip() for name in options.get("metadata_columns", "").split(",") if name.strip()),
        poll_interval=options["poll_interval"],
        watch=options["watch"],
    )


def _kind(text: str, option: str) -> Kind:
    if text not in list(Kind):
        raise ConfigError(f"sqltable: the option {option!r} names no kind of item", hint=f"Kinds: {', '.join(Kind)}.")
    return Kind(text)


def _kinds(text: str) -> dict[str, Kind]:
    kinds = {}
    for pair in filter(None, (pair.strip() for pair in text.split(","))):
        value, equals, kind = pair.rpartition("=")
        if not equals:
            raise ConfigError("sqltable: the option 'kinds' must be like '1=recording,2=fax'", hint=f"Kinds: {', '.join(Kind)}.")
        kinds[value.strip()] = _kind(kind.strip(), "kinds")
    return kinds
