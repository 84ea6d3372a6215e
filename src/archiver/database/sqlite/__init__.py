"""The embedded database: one SQLite file, one process that serves it, others that look and change settings meanwhile.

In: calls of the port. Out: rows as values. The rooms: `lock` says who serves, `opening` makes and migrates the file, `handle` is one
connection and its thread, `many` writes many rows in one step; `owning` tells whether the last one died;
`births`, `reading` and `settling` are the hot path;
`customers` and `looking` are for people. `database` puts them together.
"""

from archiver.database.sqlite.database import SqliteDatabase

__all__ = ["SqliteDatabase"]
