"""What people look through: the causes of failures by an index, and the words by which items are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Adds an index and a table of words, which is filled by and by: what was there before is found after some time."""
    failed = sa.text("state IN ('rejected', 'gone')")
    op.create_index("deliveries_causes", "deliveries", ["state", "reason"], sqlite_where=failed, postgresql_where=failed)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE TABLE items_words (item_id bigint PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE, words tsvector NOT NULL)")
        op.execute("CREATE INDEX items_words_words ON items_words USING gin (words)")
        return
    op.execute("CREATE VIRTUAL TABLE items_words USING fts5(words, detail = 'none', tokenize = 'unicode61 remove_diacritics 2')")
    forget = "BEGIN DELETE FROM items_words WHERE rowid = -OLD.id; END"
    op.execute(f"CREATE TRIGGER items_words_lost AFTER DELETE ON items {forget}")
    op.execute(f"CREATE TRIGGER items_words_erased AFTER UPDATE OF sender, recipient, owner ON items {forget}")
