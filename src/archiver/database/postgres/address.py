"""The address of a PostgreSQL database. It may hold a password, which is shown nowhere."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from archiver.errors import ConfigError

__all__ = ["Address"]

_HINT = "Such as postgresql://archiver@db.example.com/archiver; the password may stand in PGPASSWORD or in ~/.pgpass."

_OURS = "prepare_threshold="

# What libpq leaves to the operating system, which notices a connection that is gone only after hours.
_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "archiver",
}


class Address:
    """Where a database is, and how it is connected to.

    Args:
        text: ``postgresql://…`` as libpq has it, with one parameter more: ``prepare_threshold``, after how many times a statement is
            prepared on the server, or ``none`` for never.

    Raises:
        ConfigError: It cannot be understood. The message does not show it.
    """

    def __init__(self, text: str) -> None:
        try:
            base, _, query = text.partition("?")
            parameters = [one for one in query.split("&") if one]
            threshold = [one.removeprefix(_OURS) for one in parameters if one.startswith(_OURS)] or ["5"]
            self.prepare_threshold = None if threshold[-1] == "none" else int(threshold[-1])
            others = "&".join(one for one in parameters if not one.startswith(_OURS))
            known = conninfo_to_dict(f"{base}?{others}" if others else base)
        except (ValueError, psycopg.Error):
            # Their words repeat the address, password and all.
            raise ConfigError("the address of the database cannot be understood", hint=_HINT) from None
        self._parameters: dict[str, Any] = {**_DEFAULTS, **known}

    def connect(self) -> psycopg.Connection[Any]:
        """Connects. Blocks."""
        return psycopg.connect(**self._parameters, autocommit=True, prepare_threshold=self.prepare_threshold)

    def __str__(self) -> str:
        known = self._parameters
        host, port, database = (known.get(name) for name in ("host", "port", "dbname"))
        return f"postgresql://{host or 'localhost'}{f':{port}' if port else ''}/{database or ''}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"
