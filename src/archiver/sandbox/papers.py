"""Faxes as PDF documents with pages of text, and conversations by SMS as text or JSON."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec

__all__ = ["conversation", "conversation_json", "fax"]

SENTENCES = (
    "Please find enclosed the documents for the reservation.",
    "The shipment left the warehouse this morning and arrives on Thursday.",
    "Kindly confirm the number of seats and the names of the passengers.",
    "We have changed the appointment as you asked.",
    "The invoice was paid in full; no further action is needed.",
    "Our technician will call you before he sets out.",
    "The table for six is reserved under your name.",
    "Two items are out of stock and follow next week.",
    "Thank you for your patience, and for your trust.",
    "The gate has changed; please allow a little more time.",
    "Your order is ready and can be collected until six.",
    "Please reply to this message with your date of travel.",
)
LINES_PER_PAGE = 42
CHARACTERS_PER_LINE = 80


def fax(chance: random.Random, heading: Sequence[str]) -> bytes:
    """A fax of one to three pages as a PDF file of version 1.4.

    Args:
        chance: Chooses the words.
        heading: The lines above the text, such as sender and recipient.
    """
    pages = []
    count = chance.randint(1, 3)
    for number in range(1, count + 1):
        body = [chance.choice(SENTENCES)[:CHARACTERS_PER_LINE] for _ in range(chance.randint(12, LINES_PER_PAGE - 8))]
        pages.append([*heading, f"Page {number} of {count}", "", *body])
    return _pdf([_page(lines) for lines in pages])


def conversation(chance: random.Random, heading: str, sides: tuple[str, str]) -> bytes:
    """A thread of messages between two numbers as text of about 1 KB."""
    lines = [heading, ""]
    lines += [f"[{10 + number // 4:02d}:{number * 7 % 60:02d}] {sides[number % 2]}: {chance.choice(SENTENCES)}" for number in range(12)]
    return "\n".join([*lines, ""]).encode()


def conversation_json(chance: random.Random, heading: str, sides: tuple[str, str]) -> bytes:
    """A thread of messages between two numbers as JSON of about 1 KB."""
    messages: list[dict[str, Any]] = [{"from": sides[number % 2], "text": chance.choice(SENTENCES)} for number in range(12)]
    return msgspec.json.encode({"thread": heading, "messages": messages})


def _page(lines: Sequence[str]) -> bytes:
    shown = b"\n".join(b"(" + _escaped(line) + b") Tj T*" for line in lines)
    return b"BT /F1 11 Tf 15 TL 60 780 Td\n" + shown + b"\nET"


def _escaped(text: str) -> bytes:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode("cp1252", "replace")


def _pdf(pages: Sequence[bytes]) -> bytes:
    """The file's structure: catalogue, pages, font, then a page and its content each; the table of offsets last."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, content in enumerate(pages):
        resources = b"/Resources << /Font << /F1 3 0 R >> >>"
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] %s /Contents %d 0 R >>" % (resources, 5 + 2 * number))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    body = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, text in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    start = len(body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(body)
