"""The line of a batch in the audit log: it goes out with the batch and its commit, in one journey.

Whoever appends holds a lock until the end of the transaction. So number and hash are made by the server, and nobody waits for a journey
with the lock in hand.
"""

from __future__ import annotations

import msgspec

from archiver.database.audit import GENESIS, Line
from archiver.database.engine.audit import LOCK
from archiver.database.postgres.handle import Raw
from archiver.database.texts import escape

__all__ = ["append_last"]

_APPEND = f"""
INSERT INTO audit (number, at, actor, action, subject, result, origin, detail, previous, hash)
SELECT CASE WHEN coalesce(current_setting('archiver.written')::bigint = %(expected)s, true) THEN head.number + 1 END,
       %(at)s, %(actor)s, %(action)s, %(subject)s, %(result)s, %(origin)s, %(detail)s, head.hash,
       encode(sha256(convert_to(head.hash || E'\\n' || (head.number + 1) || E'\\n' || %(text)s::text, 'UTF8')), 'hex')
FROM (
    (SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1) UNION ALL SELECT 0, '{GENESIS}' ORDER BY number DESC LIMIT 1
) AS head
"""  # noqa: S608  made of constants


def append_last(raw: Raw, line: Line, *, expected: int | None) -> None:
    """Appends a line as the last thing that a transaction does: whoever holds this lock waits for no other.

    Args:
        raw: In a pipeline.
        line: Without its place.
        expected: The line is true only if so many deliveries were written, as ``archiver.written`` says; None asks nothing.

    Raises:
        NotNullViolation: It is not true, and gets no number. (psycopg's; it may come when the pipeline ends.)
    """
    values = {name: escape(value) if isinstance(value, str) else value for name, value in msgspec.structs.asdict(line).items()}
    raw.execute(LOCK)
    raw.execute(_APPEND, {**values, "text": line.text, "expected": expected})
