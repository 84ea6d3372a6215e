"""PostgreSQL's errors in the words of our tree; the only place that reads its codes."""

from __future__ import annotations

import psycopg
import sqlalchemy as sa

from archiver.errors import ArchiverError, ConfigError, DatabaseUnavailableError

__all__ = ["is_lost", "is_worth_another_try", "refused", "translate"]

# Codes (https://www.postgresql.org/docs/current/errcodes-appendix.html) that say nothing about the statement, only about now.
_UNAVAILABLE = {
    "08": "the connection was lost",
    "25006": "it may only be read",
    "25P03": "a transaction took too long",
    "53": "it has no room",
    "53100": "its disk is full",
    "53200": "it has no memory left",
    "53300": "it has too many connections",
    "55P03": "it is locked by another process",
    "57014": "it was told to stop a statement",
    "57P": "it is shutting down",
    "58": "reading or writing its disk failed",
    "40": "others write the same rows",
}

# Connecting fails without a code; these words of the server or of libpq mean that waiting does not help.
_WRONG = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "permission denied for database",
    "could not translate host name",
    "certificate",
    "does not support SSL",
)


def is_worth_another_try(error: BaseException) -> bool:
    """Whether two transactions were in each other's way, and one of them was taken back so that the other could go on."""
    return isinstance(_original(error), psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected)


def is_lost(error: BaseException) -> bool:
    """Whether the connection is of no use any more.

    A server that may only be read has perhaps become another's replica: at the same address another one may answer by now.
    """
    original = _original(error)
    if isinstance(original, psycopg.errors.ReadOnlySqlTransaction):
        return True
    return isinstance(original, psycopg.InterfaceError | psycopg.OperationalError) and not is_worth_another_try(original)


def translate(error: psycopg.Error | sa.exc.DBAPIError) -> ArchiverError | None:
    """The error of our tree for an error of PostgreSQL; None if it is a bug of ours, which must stay what it is."""
    original = _original(error)
    code = getattr(original, "sqlstate", None)
    if code is None:
        # No answer at all: the server is not there, or went away while it was working.
        why = "the connection was lost" if isinstance(original, psycopg.OperationalError | psycopg.InterfaceError) else None
    else:
        why = next((_UNAVAILABLE[code[:length]] for length in (5, 3, 2) if code[:length] in _UNAVAILABLE), None)
    if why is None:
        return None
    return DatabaseUnavailableError(f"the database is not available: {why}", hint="Nothing was written; it may be tried again.")


def refused(error: psycopg.OperationalError) -> ArchiverError:
    """The error of our tree for a connection that could not be made. libpq's words name the host and the user, never the password."""
    words = " ".join(str(error).split())
    if any(wrong in words for wrong in _WRONG):
        return ConfigError(f"the database cannot be opened: {words}", hint="Name another one with --database or ARCHIVER_DATABASE.")
    return DatabaseUnavailableError(f"the database is not available: {words}", hint="Nothing was written; it may be tried again.")


def _original(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, sa.exc.DBAPIError) else error
