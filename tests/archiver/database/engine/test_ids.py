"""Many numbers as the one parameter of a statement."""

from __future__ import annotations

import sqlalchemy as sa

from archiver.database.engine.ids import chosen


def test_ids_may_be_more_than_a_statement_takes_parameters() -> None:
    """They travel as one."""
    engine = sa.create_engine("sqlite://")
    ids = list(range(300_000))
    with engine.connect() as core:
        assert core.execute(sa.select(sa.func.count()).select_from(chosen(core, ids).subquery())).scalar_one() == len(ids)
    engine.dispose()
