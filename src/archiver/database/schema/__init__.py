"""The tables, for every engine: what the migrations build and what the queries may rely on.

Times are milliseconds since the epoch, sizes bytes; JSON is text; the CHECK constraints have the words of the enums.

* A delivery is in a hot index only while it waits: settling it takes it out, and finished rows cost nothing ever after.
* ``deliveries_deferred`` holds only what was put off at least once, so that it costs a first try nothing; with it the oldest waiting
  delivery of a lane is found by looking at the heads of two indexes.
* ``deliveries_customer`` serves the pages that people look at. Its columns never change: settling does not touch it.
* ``audit`` is guarded by triggers: no line is ever changed or deleted, and a new one fits at the end. PostgreSQL's are in their migration.
"""

from __future__ import annotations

from archiver.database.schema.columns import metadata
from archiver.database.schema.customers import connections, cursors, customers, invitations, notices, passes, workers
from archiver.database.schema.items import deliveries, items, journal, kind_counters, lane_counters, receipts, tombstones
from archiver.database.schema.people import DEEDS, api_keys, audit, sessions, user_invitations, users

__all__ = [
    "DEEDS",
    "HEAD",
    "api_keys",
    "audit",
    "connections",
    "cursors",
    "customers",
    "deliveries",
    "invitations",
    "items",
    "journal",
    "kind_counters",
    "lane_counters",
    "metadata",
    "notices",
    "passes",
    "receipts",
    "sessions",
    "tombstones",
    "user_invitations",
    "users",
    "workers",
]

HEAD = "0014"
"""The newest revision of ``archiver.database.migrations``; kept here so that opening an up-to-date database need not load Alembic."""
