"""A table of call records in the user's own database, mapped by configuration; only ever read.

In: an address, a table, which column means what. Out: a discovery per row; bytes from a column, or from files that a column names.

``source`` is the adapter; ``settings`` the mapping, ``query`` the statements, ``rows`` makes discoveries, ``values`` understands what
drivers give, ``progress`` knows where to go on, so that a row that is committed late is found.
"""

from archiver.sources.sqltable.source import ADAPTER, SqlTableAdapter, SqlTableSource

__all__ = ["ADAPTER", "SqlTableAdapter", "SqlTableSource"]
