"""The lines of manifests; pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from archiver.database.completeness import Particulars
from archiver.model import Millis

__all__ = ["LISTS", "ListForm", "call_row", "checksum_line", "date_of", "file_line", "header_line", "known_of", "month_of"]

_DAY: Millis = 86_400_000
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""
_CALL_COLUMNS: Final = (
    "call_id",
    "started_at",
    "direction",
    "from",
    "to",
    "owner",
    "owner_name",
    "seconds",
    "result",
    "action",
    "session_id",
    "telephony_session_id",
    "path",
)


def checksum_line(one: Particulars) -> bytes:
    r"""A file as ``sha256sum`` writes it; a name with a backslash or a line break is escaped, and the line begins with ``\``."""
    if one.row.receipt is None:
        return b""
    path = one.row.path.lstrip("/")
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == path else chr(92)}{one.row.receipt.sha256}  {escaped}\n".encode()


def known_of(one: Particulars) -> Mapping[str, Any]:
    """What was known of an item before it was uploaded, and the hash of its bytes: the same wherever it goes."""
    row = one.row
    return {
        "file": row.path.rpartition("/")[2],
        "sha256": row.receipt.sha256 if row.receipt else "",
        "size": row.receipt.size if row.receipt else row.size,
        "media_type": one.media_type,
        "kind": row.kind,
        "id": row.external_id,
        "part": one.part,
        "occurred_at": _moment(row.occurred_at),
        "discovered_at": _moment(row.discovered_at),
        "direction": one.direction,
        "from": one.sender,
        "to": one.recipient,
        "owner": one.owner,
        "metadata": one.metadata,
    }


def file_line(one: Particulars) -> bytes:
    """A file as a line of JSON: what it is, where it is, what the storage confirmed, and all that the source knew."""
    row, r = one.row, one.row.receipt
    if r is None:
        return b""
    told: Mapping[str, Any] = {
        "path": row.path.lstrip("/"),
        "sha256": r.sha256,
        "size": r.size,
        "media_type": one.media_type,
        "kind": row.kind,
        "id": row.external_id,
        "part": one.part,
        "occurred_at": _moment(row.occurred_at),
        "archived_at": _moment(r.archived_at),
        "direction": one.direction,
        "from": one.sender,
        "to": one.recipient,
        "owner": one.owner,
        "metadata": one.metadata,
        "stored_at": r.path,
        "remote_id": r.remote_id,
        "revision": r.revision,
        "remote_hash": r.remote_hash,
        "delivery": row.id,
    }
    return msgspec.json.encode(told) + b"\n"


def call_row(one: Particulars) -> bytes:
    """A call as a row of CSV; what a spreadsheet would take for a formula begins with an apostrophe."""
    about = one.metadata
    told = (
        one.row.external_id,
        _moment(one.row.occurred_at),
        one.direction,
        one.sender,
        one.recipient,
        one.owner,
        about.get("owner_name", ""),
        about.get("duration", ""),
        about.get("result", ""),
        about.get("action", ""),
        about.get("session_id", ""),
        about.get("telephony_session_id", ""),
        one.row.path.lstrip("/"),
    )
    return _csv(told)


def header_line(form: str, span: str, *, revision: int, files: int, size: int, audit: str) -> bytes:  # noqa: PLR0913  what it tells
    """What stands before the lines of a list.

    Args:
        form: Which of `LISTS`.
        span: The day or the month.
        revision: From 1 on.
        files: How many lines follow.
        size: The bytes of all files.
        audit: A line of the audit log with its hash.
    """
    match LISTS[form].media_type:
        case "application/jsonl":
            return msgspec.json.encode({"manifest": revision, "of": span, "files": files, "bytes": size, "audit": audit}) + b"\n"
        case "text/csv":
            return _csv(_CALL_COLUMNS)
        case _:
            return b""


class ListForm(NamedTuple):
    """One sort of list: what file it is, and how a line of it is made."""

    media_type: str
    line: Callable[[Particulars], bytes]


LISTS: Final[Mapping[str, ListForm]] = {
    "sha256": ListForm("text/plain", checksum_line),
    "files": ListForm("application/jsonl", file_line),
    "calls": ListForm("text/csv", call_row),
    "calls-full": ListForm("application/jsonl", file_line),
}
"""The lists by the last word of their names."""


def date_of(moment: Millis) -> str:
    """The day of a moment, in UTC; of one that no calendar holds the first day of all."""
    try:
        return datetime.fromtimestamp(moment // _DAY * _DAY / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "1970-01-01"


def month_of(moment: Millis) -> str:
    """The month of a moment, in UTC."""
    return date_of(moment)[:7]


def _csv(cells: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([_harmless(str(cell)) for cell in cells])
    return text.getvalue().encode()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_DANGEROUS) else cell


def _moment(moment: Millis) -> str:
    try:
        return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return ""
