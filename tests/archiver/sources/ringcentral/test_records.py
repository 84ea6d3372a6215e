"""Records as discoveries: pure."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.model import Kind
from archiver.sources.inline import unpack
from archiver.sources.ringcentral.calls import iso
from archiver.sources.ringcentral.records import Reader, millis_of

ALL = Reader(kinds=frozenset(Kind), owners={"7": "101", "8": "102"})
AT = 1_778_407_322_000


def a_call(**changes: Any) -> dict[str, Any]:
    """A row of the call log with two legs, one recorded."""
    recording = {"id": "77", "type": "Automatic", "contentUri": "https://media.ringcentral.com/r/77/content", "uri": "u"}
    leg = {"startTime": "2026-05-10T10:02:02.000Z", "direction": "Inbound", "extension": {"id": 7}, "recording": recording}
    return {
        "id": "Iabc",
        "sessionId": "4001",
        "startTime": "2026-05-10T10:02:02.000Z",
        "lastModifiedTime": "2026-05-10T10:03:02.000Z",
        "duration": 61,
        "type": "Voice",
        "direction": "Inbound",
        "result": "Accepted",
        "from": {"phoneNumber": "+1855201XXXX"},
        "to": {"extensionNumber": "101"},
        "recording": recording,
        "legs": [{**leg, "recording": None, "extension": {"id": 8}}, leg],
        **changes,
    }


def a_message(**changes: Any) -> dict[str, Any]:
    """An SMS."""
    return {
        "id": 1234567890123,
        "type": "SMS",
        "direction": "Outbound",
        "creationTime": "2026-05-10T10:02:02.000Z",
        "from": {"phoneNumber": "+15550001", "name": "Ann"},
        "to": [{"phoneNumber": "+15550002"}, {"phoneNumber": "+15550003"}],
        "subject": "Grüße 👋",
        "messageStatus": "Sent",
        "readStatus": "Read",
        "availability": "Alive",
        "attachments": [{"id": 1234567890123, "uri": "u", "type": "Text", "contentType": "text/plain", "size": 12}],
        **changes,
    }


def test_a_call_is_the_key_of_its_recordings() -> None:
    """The recording is a part of the call; it belongs to the leg that names it, and is kept once though two places name it."""
    row, recording = ALL.call(a_call())
    assert (row.kind, row.external_id) == (Kind.CALL_LOG, "Iabc")
    assert (recording.kind, recording.external_id, recording.part) == (Kind.RECORDING, "Iabc", "77")
    assert (recording.owner, recording.direction, recording.sender) == ("101", "inbound", "+1855201XXXX")
    assert (recording.occurred_at, recording.purge_at) == (AT, AT + 90 * 86_400_000)
    assert recording.locator == "https://media.ringcentral.com/r/77/content"
    assert recording.metadata["masked"] is True
    assert msgspec.json.decode(unpack(row.locator)) == a_call()
    assert (row.size, row.sha256) == (len(unpack(row.locator)), row.sha256)


def test_every_leg_has_its_own_recording() -> None:
    """A transferred call has several."""
    legs = [{"recording": {"id": str(n), "contentUri": f"u{n}"}, "extension": {"id": 7}} for n in range(3)]
    found = list(msgspec.structs.replace(ALL, kinds=frozenset({Kind.RECORDING})).call(a_call(legs=legs, recording=legs[0]["recording"])))
    assert [discovery.part for discovery in found] == ["0", "1", "2"]


def test_a_call_without_recording_is_a_row_only() -> None:
    """Too short, not recorded, or purged: absence of a recording is not absence of the call."""
    bare = a_call(legs=[{"shortRecording": True}])
    del bare["recording"]
    (row,) = ALL.call(bare)
    assert row.kind is Kind.CALL_LOG


@pytest.mark.parametrize("change", [{"recording": None}, {"lastModifiedTime": "2027-01-01T00:00:00Z"}, {"billing": {"costPurchased": 1}}])
def test_what_changes_by_itself_makes_no_new_row(change: dict[str, Any]) -> None:
    """A purged recording above all: every row of the log would come again after ninety days."""
    purged = a_call(**change)
    assert next(ALL.call(purged)).part == next(ALL.call(a_call())).part


@pytest.mark.parametrize("change", [{"result": "Voicemail"}, {"duration": 62}, {"to": {"extensionNumber": "102"}}])
def test_what_was_edited_is_a_row_of_its_own(change: dict[str, Any]) -> None:
    """Both are archived: what was known, and what is known now."""
    edited, plain = next(ALL.call(a_call(**change))), next(ALL.call(a_call()))
    assert edited.external_id == plain.external_id
    assert edited.part != plain.part


def test_a_message_is_text_and_record() -> None:
    """A person reads the one, a program the other."""
    text, record = ALL.message(a_message(), "7")
    assert (text.kind, text.external_id, text.part, text.media_type) == (Kind.SMS, "1234567890123", "text", "text/plain")
    assert unpack(text.locator).decode().splitlines() == [
        "From: +15550001 (Ann)",
        "To: +15550002, +15550003",
        "Date: 2026-05-10T10:02:02.000Z",
        "Direction: Outbound",
        "",
        "Grüße 👋",
    ]
    assert msgspec.json.decode(unpack(record.locator)) == a_message()
    assert (text.owner, text.sender, text.recipient, text.direction) == ("101", "+15550001", "+15550002", "outbound")


def test_a_text_longer_than_its_record_is_fetched() -> None:
    """If the record holds only the beginning of a text, the text's own attachment is an item."""
    long = [{"id": 9, "uri": "u", "type": "Text", "contentType": "text/plain", "size": 5000}]
    assert [discovery.part for discovery in ALL.message(a_message(attachments=long), "7")][2:] == ["9"]


def test_a_delivery_report_is_a_record_of_its_own_and_reading_is_none() -> None:
    """Whether a message arrived matters for good; whether somebody opened it does not."""
    parts = [
        list(ALL.message(a_message(**change), "7"))[1].part for change in ({}, {"messageStatus": "Delivered"}, {"readStatus": "Unread"})
    ]
    assert parts[0] != parts[1]
    assert parts[0] == parts[2]


@pytest.mark.parametrize(
    ("type_", "kind", "direction", "purged"),
    [("Fax", Kind.FAX, "Outbound", 30), ("Fax", Kind.FAX, "Inbound", None), ("VoiceMail", Kind.VOICEMAIL, "Inbound", None)],
)
def test_what_comes_with_a_message_is_a_part(type_: str, kind: Kind, direction: str, purged: int | None) -> None:
    """Fax and voicemail are their attachments; a sent fax goes after thirty days."""
    attachments = [
        {"id": 5, "uri": "u5", "type": "RenderedDocument", "contentType": "application/pdf; x=y", "size": 10},
        {"id": 6, "uri": "u6", "type": "AudioTranscription", "contentType": "text/plain"},
    ]
    one, two = ALL.message(a_message(type=type_, direction=direction, attachments=attachments), "8")
    assert (one.kind, one.part, one.media_type, one.size, one.locator, one.owner) == (kind, "5", "application/pdf", 10, "u5", "102")
    assert (two.part, two.size) == ("6", None)
    assert one.purge_at == (None if purged is None else AT + purged * 86_400_000)


def test_only_what_is_wanted_and_there_is_found() -> None:
    """Kinds, the date from which on, and what was purged."""
    only_fax = msgspec.structs.replace(ALL, kinds=frozenset({Kind.FAX}))
    assert list(only_fax.message(a_message(), "7")) == list(only_fax.call(a_call())) == []
    later = msgspec.structs.replace(ALL, since=AT + 1)
    assert list(later.call(a_call())) == list(later.message(a_message(), "7")) == []
    assert list(ALL.message(a_message(availability="Purged"), "7")) == []


def test_half_an_emoji_is_archived_as_it_was_said() -> None:
    """The record keeps it in JSON's own spelling; the text shows a mark."""
    text, record = ALL.message(a_message(subject="oh \ud83d", attachments=[]), "7")
    assert unpack(text.locator).decode().splitlines()[-1] == "oh ?"
    assert json.loads(unpack(record.locator))["subject"] == "oh \ud83d"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(a_call())), JSON))
def test_no_row_however_strange_is_an_error(changes: dict[str, Any]) -> None:
    """One strange row must not hide a thousand others; with an id it is found, and with the same key again."""
    row = a_call(**changes)
    found = list(ALL.call(row))
    assert found == list(ALL.call(row))
    assert bool(found) == bool(row["id"])
    for discovery in found:
        msgspec.json.encode(discovery)


@given(st.dictionaries(st.sampled_from(sorted({*a_message(), "conversation", "conversationId"})), JSON))
def test_no_message_however_strange_is_an_error(changes: dict[str, Any]) -> None:
    """As with rows."""
    found = list(ALL.message(a_message(**changes), "7"))
    assert found == list(ALL.message(a_message(**changes), "7"))
    assert len({discovery.part for discovery in found}) == len(found)


@given(st.integers(0, 4_000_000_000_000))
def test_times_are_read_as_they_are_written(at: int) -> None:
    """To the millisecond."""
    assert millis_of(iso(at)) == at
