"""The database for a fleet: PostgreSQL, served by any number of workers on any number of machines.

In: calls of the ports. Out: rows as values. The rooms: `address` and `errors` know PostgreSQL's words, `handle` is one connection and its
thread, `opening` migrates, `arrays` passes many rows to one statement; `births`, `reading` and `settling` are the hot path; `owning` says
which worker serves whom, `journal` what began after a death, `hints` tells other processes to look again; `looking` is for people.
`database` puts them together.
"""

from archiver.database.postgres.database import PostgresDatabase

__all__ = ["PostgresDatabase"]
