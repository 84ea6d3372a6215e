"""The audit log: a chain of lines to which the database only lets lines be appended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_GENESIS = "0" * 64


def upgrade() -> None:
    """Adds a table and its guards."""
    op.create_table(
        "audit",
        sa.Column("number", _ID, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *[sa.Column(name, sa.Text, nullable=False) for name in ("actor", "action", "subject", "result", "origin", "detail")],
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()


def _sqlite() -> None:
    refused = "BEGIN SELECT RAISE(ABORT, 'lines are only appended to the audit log'); END"
    misfits = f"""NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM audit)
    OR NEW.previous IS NOT coalesce((SELECT hash FROM audit ORDER BY number DESC LIMIT 1), '{_GENESIS}')"""  # noqa: S608  made of constants
    op.execute(f"CREATE TRIGGER audit_changes BEFORE UPDATE ON audit {refused}")
    op.execute(f"CREATE TRIGGER audit_losses BEFORE DELETE ON audit {refused}")
    # Also keeps INSERT OR REPLACE from putting a line in the place of another, at which SQLite tells no trigger of the loss.
    op.execute(f"CREATE TRIGGER audit_misfits BEFORE INSERT ON audit WHEN {misfits} {refused}")


def _postgresql() -> None:
    op.execute(
        """
        CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'lines are only appended to the audit log'; END $$
        """
    )
    op.execute(
        f"""
        CREATE FUNCTION audit_fit() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE last audit;
        BEGIN
            SELECT * INTO last FROM audit ORDER BY number DESC LIMIT 1;
            IF NEW.number <> coalesce(last.number, 0) + 1 OR NEW.previous <> coalesce(last.hash, '{_GENESIS}') THEN
                RAISE EXCEPTION 'lines are only appended to the audit log';
            END IF;
            RETURN NEW;
        END $$
        """  # noqa: S608  made of constants
    )
    op.execute("CREATE TRIGGER audit_changes BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()")
    op.execute("CREATE TRIGGER audit_losses BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()")
    op.execute("CREATE TRIGGER audit_misfits BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_fit()")
    # A session that says it is a replica's would fire none of them.
    op.execute("ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_changes")
    op.execute("ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_losses")
    op.execute("ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_misfits")
