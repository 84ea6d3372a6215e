"""The lines of manifests."""

from __future__ import annotations

import csv
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.database.completeness import Particulars
from archiver.database.port import DeliveryRow
from archiver.lifecycle import DeliveryState
from archiver.model import Kind, Receipt
from archiver.proof.listing import call_row, checksum_line, date_of, file_line, header_line, month_of

ROW = DeliveryRow(
    id=1,
    customer="klm",
    lane=1,
    kind=Kind.CALL_LOG,
    external_id="c1",
    path="/a b.txt",
    state=DeliveryState.ARCHIVED,
    attempt=0,
    ready_at=0,
    reason="",
    detail="",
    size=1,
    occurred_at=1_700_000_000_000,
    discovered_at=0,
    receipt=Receipt(path="/x", size=1, sha256="ab", archived_at=1),
)


def particulars(**changes: Any) -> Particulars:
    """An archived call."""
    row = msgspec.structs.replace(ROW, **{name: changes.pop(name) for name in list(changes) if name in ROW.__struct_fields__})
    known = {"direction": "inbound", "sender": "+1555", "recipient": "101", "owner": "101", "metadata": {"session_id": "s"}}
    return Particulars(row=row, part="", media_type="application/json", **{**known, **changes})


def test_odd_names_are_escaped_as_sha256sum_does() -> None:
    """A backslash and a line break; a plain name stays as it is; without a receipt there is nothing to say."""
    assert checksum_line(particulars()) == b"ab  a b.txt\n"
    assert checksum_line(particulars(path="/a\\b\n.txt")) == b"\\ab  a\\\\b\\n.txt\n"
    assert checksum_line(particulars(receipt=None)) == file_line(particulars(receipt=None)) == b""


def test_a_files_line_says_all_that_is_known() -> None:
    """What the source said, and what the storage confirmed."""
    told = msgspec.json.decode(file_line(particulars()))
    assert (told["id"], told["from"], told["metadata"], told["sha256"], told["path"]) == (
        "c1",
        "+1555",
        {"session_id": "s"},
        "ab",
        "a b.txt",
    )
    assert told["occurred_at"] == "2023-11-14T22:13:20.000Z"


@given(st.text(max_size=20).filter(lambda text: "\0" not in text and "\r" not in text and "\n" not in text))
def test_no_cell_is_a_formula(text: str) -> None:
    """Whatever a caller is called: a spreadsheet reads a text, and the text comes back whole."""
    (row,) = csv.reader([call_row(particulars(sender=text, metadata={"result": text})).decode(errors="surrogatepass")])
    for cell in (row[3], row[8]):
        assert not cell.startswith(("=", "+", "-", "@", "\t"))
        assert cell.removeprefix("'") == text.removeprefix("'")


@pytest.mark.parametrize(("form", "begins"), [("sha256", b""), ("files", b'{"manifest":2'), ("calls", b"call_id,"), ("calls-full", b"{")])
def test_what_stands_before_the_lines(form: str, begins: bytes) -> None:
    """Nothing that ``sha256sum`` would stumble over; columns; or what the list is."""
    header = header_line(form, "2026-11", revision=2, files=3, size=4, audit="5:ab")
    assert header.startswith(begins)
    assert (header == b"") == (begins == b"")


def test_moments_that_no_calendar_holds_have_a_day() -> None:
    """A list is made all the same."""
    assert (date_of(1_700_000_000_000), month_of(1_700_000_000_000)) == ("2023-11-14", "2023-11")
    assert date_of(10**18) == "1970-01-01"
