"""The statements on the user's table: read-only, blocking, and in the words of the house when they fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from archiver.errors import ArchiverError, ConfigError, UnavailableError
from archiver.sources.sqltable.progress import Place
from archiver.sources.sqltable.rows import Row
from archiver.sources.sqltable.settings import SqlTableSettings

__all__ = ["Table"]

_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}
"""Said to each new connection, so that not even a mistake here could write."""


class Table:
    """The user's table. Every method waits for the database; may be called by two threads.

    Raises:
        ConfigError: The address is no address, its driver is not installed, or it is one for asyncio. Never shows the address.
    """

    def __init__(self, settings: SqlTableSettings) -> None:
        self._settings = settings
        self._engine = _engine(settings.url)
        self._checked = False
        columns = [settings.id_column, *settings.named_columns()]
        # Columns have no types here: values come as the driver gives them, and go back to it exactly so.
        self._table = sa.table(
            sa.quoted_name(settings.table, quote=True),
            *(sa.column(sa.quoted_name(name, quote=True)) for name in dict.fromkeys(columns)),
            schema=sa.quoted_name(settings.schema, quote=True) if settings.schema else None,
        )
        self._octets: sa.ColumnElement[Any] | None = None

    def rows_after(self, place: Place | None, limit: int) -> Sequence[Row]:
        """The next rows in the order of (order column, id); those without a time or without bytes are left out.

        Raises:
            ConfigError: The table or a column is not there; the hint lists what is.
            UnavailableError: The database cannot be asked.
        """
        with _Translated(self._settings), self._engine.connect() as connection:
            self._check(connection)
            order, id_ = self._column(self._settings.order_column), self._column(self._settings.id_column)
            bytes_column = self._column(self._settings.content_column or self._settings.path_column)
            others = [name for name in self._settings.named_columns() if name != self._settings.content_column]
            octets = sa.null() if self._octets is None else self._octets
            statement = (
                sa.select(id_, order, octets, *(self._column(name).label(f"c{index}") for index, name in enumerate(others)))
                .where(id_.is_not(None), order.is_not(None), bytes_column.is_not(None))
                .order_by(order, id_)
                .limit(limit)
            )
            if place is not None:
                statement = statement.where(order >= place.order, sa.or_(order > place.order, id_ > place.id))
            return [Row(row[0], row[1], row[2], dict(zip(others, row[3:], strict=True))) for row in connection.execute(statement)]

    def contents(self, ids: Sequence[Any]) -> Mapping[Any, Any]:
        """The content of rows by id; rows that are not there, or have none, are left out.

        Raises:
            UnavailableError: The database cannot be asked.
        """
        id_, content = self._column(self._settings.id_column), self._column(self._settings.content_column)
        statement = sa.select(id_, content).where(id_.in_(ids), content.is_not(None))
        with _Translated(self._settings, reading=True), self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    def part_of_content(self, id_: Any, offset: int, length: int) -> Any:
        """Some bytes of a row's content, or all of it if it is text; None if it is not there.

        Raises:
            UnavailableError: The database cannot be asked.
        """
        key, content = self._column(self._settings.id_column), self._column(self._settings.content_column)
        cut = sa.func.substring if self._engine.dialect.name == "mssql" else sa.func.substr
        with _Translated(self._settings, reading=True), self._engine.connect() as connection:
            statement = sa.select(cut(content, offset + 1, length)).where(key == id_, content.is_not(None))
            row = connection.execute(statement).first()
            if row is None:
                return None
            if isinstance(row[0], str):
                # Characters are no bytes; text is never big.
                return connection.execute(sa.select(content).where(key == id_)).scalar()
            # Behind the end, SQLite answers NULL.
            return b"" if row[0] is None else row[0]

    def close(self) -> None:
        """Closes the connections; harmless when called twice."""
        self._engine.dispose()

    def _column(self, name: str) -> sa.ColumnElement[Any]:
        return self._table.c[name]

    def _check(self, connection: sa.Connection) -> None:
        """Once: that the table has the columns, and how it tells the length of the content."""
        if self._checked:
            return
        settings = self._settings
        try:
            columns = {
                column["name"]: column["type"] for column in sa.inspect(connection).get_columns(settings.table, settings.schema or None)
            }
        except NoSuchTableError:
            raise ConfigError("sqltable: the database has no such table", hint="See the options 'table' and 'schema'.") from None
        for name, option in settings.named_columns().items():
            if name not in columns:
                raise ConfigError(
                    f"sqltable: the table has no column {name!r}, which the option {option!r} names",
                    hint=f"It has: {', '.join(sorted(columns))}.",
                )
        if settings.content_column:
            self._octets = self._octets_of(self._column(settings.content_column), columns[settings.content_column])
        self._checked = True

    def _octets_of(self, content: sa.ColumnElement[Any], kind: Any) -> sa.ColumnElement[Any] | None:
        """How the database tells the length of the content in bytes of UTF-8 without reading it; None if it cannot."""
        match self._engine.dialect.name:
            case "sqlite":
                # octet_length() is younger than many a SQLite. Of a BLOB, length() reads only the header.
                return sa.case(
                    (sa.func.typeof(content) == "blob", sa.func.length(content)),
                    else_=sa.func.length(sa.cast(content, sa.LargeBinary)),
                )
            case "postgresql" if isinstance(kind, sa.LargeBinary):
                return sa.func.octet_length(content)
            case "postgresql":
                return sa.func.octet_length(sa.func.convert_to(sa.cast(content, sa.Text), "UTF8"))
            case "mysql" | "mariadb" if isinstance(kind, sa.LargeBinary):
                return sa.func.octet_length(content)
            case _:
                return None


def _engine(address: str) -> Engine:
    try:
        url = make_url(address)
        engine = sa.create_engine(_read_only_file(url), pool_size=2, max_overflow=0, pool_pre_ping=url.get_backend_name() != "sqlite")
    except (ArgumentError, NoSuchModuleError, ValueError, TypeError):
        # Their words contain the address, and so the password.
        raise ConfigError(
            "sqltable: the option 'url' is no address that SQLAlchemy knows", hint="Such as postgresql+psycopg://user:…@host/database."
        ) from None
    except ImportError as error:
        raise ConfigError(
            f"sqltable: the database's driver {error.name or ''!r} is not installed", hint=f"pip install {error.name or 'the driver'}"
        ) from None
    if engine.dialect.is_async:
        raise ConfigError("sqltable: the option 'url' names a driver for asyncio", hint="Use the driver's ordinary form, such as +psycopg.")
    statement = _READ_ONLY.get(engine.dialect.name)
    if statement is not None:

        @event.listens_for(engine, "connect")
        def set_read_only(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            cursor.execute(statement)
            cursor.close()
            connection.commit()

    return engine


def _read_only_file(url: URL) -> URL:
    """For SQLite: an address that makes no empty database where there is none."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        return url
    path = url.database.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return url.set(database=f"file:{path}", query={**url.query, "mode": "ro", "uri": "true"})


class _Translated:
    """Turns SQLAlchemy's errors into ours; theirs show statements with values, and addresses.

    Args:
        settings: Whose password is not shown.
        reading: Contents are read: the mapping was good when the row was found, so whatever is wrong now may be right again.
    """

    def __init__(self, settings: SqlTableSettings, *, reading: bool = False) -> None:
        self._url = settings.url
        self._reading = reading

    def __enter__(self) -> None:
        """Begins."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Translates.

        Raises:
            ArchiverError: In place of SQLAlchemy's error, without its chain.
        """
        if isinstance(error, SQLAlchemyError):
            raise self._translated(error) from None

    def _translated(self, error: SQLAlchemyError) -> ArchiverError:
        name = type(error.orig if isinstance(error, DBAPIError) and error.orig is not None else error).__name__
        if isinstance(error, sa.exc.ProgrammingError) and not self._reading:
            return ConfigError(f"sqltable: the database refuses to be asked: {name}", hint="May the account read the table?")
        return UnavailableError(f"the database of call records cannot be asked: {name}", hint=self._words(error))

    def _words(self, error: SQLAlchemyError) -> str:
        """The driver's first line, where it can only speak of the connection, without the password."""
        if not isinstance(error, sa.exc.OperationalError) or error.orig is None:
            return ""
        password = make_url(self._url).password
        words = (str(error.orig).splitlines() or [""])[0]
        return words.replace(str(password), "…") if password else words
