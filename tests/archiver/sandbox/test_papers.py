"""Faxes and conversations."""

from __future__ import annotations

import json
import random
import re

from archiver.sandbox.papers import conversation, conversation_json, fax


def chance(seed: int) -> random.Random:
    """Chooses the words."""
    return random.Random(seed)


def test_a_fax_is_a_pdf_whose_table_leads_to_its_objects() -> None:
    """Every offset is right, every page has its content with the right length."""
    for seed in range(20):
        data = fax(chance(seed), ["FAX (urgent)", r"back\slash"])
        assert data.startswith(b"%PDF-1.4\n")
        start = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", data)[0])
        table = data[start:].split(b"\n")
        assert table[0] == b"xref"
        count = int(table[1].split()[1])
        for number in range(1, count):
            offset = int(table[2 + number].split()[0])
            assert data[offset:].startswith(b"%d 0 obj\n" % number)
        pages = int(re.findall(rb"/Count (\d+)", data)[0])
        streams = re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", data, re.DOTALL)
        assert len(streams) == pages >= 1
        assert all(int(length) == len(stream) for length, stream in streams)
        assert rb"(FAX \(urgent\)) Tj" in data
        assert rb"(back\\slash) Tj" in data


def test_conversations_have_about_a_kilobyte() -> None:
    """As text and as JSON, with both sides."""
    text = conversation(chance(1), "Messages", ("+1", "+2"))
    assert 700 < len(text) < 1500
    assert text.count(b"+1: ") == text.count(b"+2: ") == 6
    messages = json.loads(conversation_json(chance(1), "Messages", ("+1", "+2")))["messages"]
    assert [message["from"] for message in messages] == ["+1", "+2"] * 6
