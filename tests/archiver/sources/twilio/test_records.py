"""Rows as discoveries: pure."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.model import Kind
from archiver.sources.inline import unpack
from archiver.sources.replies import decode
from archiver.sources.twilio.records import Reader, Readiness, has_media, iso, millis_of, readiness_of
from archiver.sources.twilio.settings import Sound

ACCOUNT = "AC" + "0" * 32
AT = 1_558_719_890_000
ALL = Reader(names={ACCOUNT: "Branch 1"})


def a_call(**changes: Any) -> dict[str, Any]:
    """A row of the calls."""
    return {
        "sid": "CA1",
        "from": "+15550001",
        "to": "+18005550100",
        "direction": "inbound",
        "start_time": "Fri, 24 May 2019 17:44:50 +0000",
        "date_created": "Fri, 24 May 2019 17:44:46 +0000",
        "duration": "4",
        "status": "completed",
        "price": None,
        **changes,
    }


def a_recording(**changes: Any) -> dict[str, Any]:
    """A row of the recordings."""
    return {
        "sid": "RE1",
        "call_sid": "CA1",
        "channels": 2,
        "date_created": "Fri, 24 May 2019 17:44:50 +0000",
        "duration": "4",
        "source": "DialVerb",
        "status": "completed",
        **changes,
    }


def a_message(**changes: Any) -> dict[str, Any]:
    """A row of the messages."""
    return {
        "sid": "MM1",
        "body": "look mom",
        "from": "+15550001",
        "to": "+18005550100",
        "direction": "outbound-api",
        "date_created": "Fri, 24 May 2019 17:44:46 +0000",
        "date_sent": "Fri, 24 May 2019 17:44:50 +0000",
        "num_media": "1",
        "status": "sent",
        "price": None,
        **changes,
    }


def test_a_recording_belongs_to_its_call() -> None:
    """Named by the call, a part of it; both channels; who spoke is taken from the call."""
    (found,) = ALL.recording(ACCOUNT, a_recording(), a_call())
    assert (found.kind, found.external_id, found.part, found.occurred_at) == (Kind.RECORDING, "CA1", "RE1", AT)
    assert found.locator == f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/RE1.wav?RequestedChannels=2"
    assert (found.direction, found.sender, found.recipient, found.owner) == ("inbound", "+15550001", "+18005550100", "+18005550100")
    assert found.metadata["owner_name"] == "Branch 1"
    assert (found.budget, found.media_type) == (1, "audio/x-wav")


def test_sound_is_fetched_as_it_is_wanted() -> None:
    """MP3, mixed; but what is encrypted only as it is, with what opens it."""
    reader = Reader(sound=Sound(format="mp3", dual_channel=False))
    (found,) = reader.recording(ACCOUNT, a_recording(), {})
    assert found.locator.endswith("/RE1.mp3")
    assert found.media_type == "audio/mpeg"
    (sealed,) = reader.recording(ACCOUNT, a_recording(encryption_details={"encryption_cek": "b3"}, call_sid=None), {})
    assert sealed.locator.endswith("/RE1.wav")
    assert (sealed.external_id, sealed.part, sealed.sender, sealed.owner) == ("RE1", "", "", "")
    assert sealed.metadata["encryption_details"] == {"encryption_cek": "b3"}


def test_a_message_is_its_text_its_record_and_what_came_with_it() -> None:
    """Text and record travel with their discoveries; what came is fetched."""
    text, record, media = ALL.message(ACCOUNT, a_message(), [{"sid": "ME1", "content_type": "image/jpeg; x=y"}])
    assert b"From: +15550001\nTo: +18005550100" in unpack(text.locator)
    assert b"look mom" in unpack(text.locator)
    assert json.loads(unpack(record.locator))["status"] == "sent"
    assert (media.part, media.media_type, media.budget) == ("ME1", "image/jpeg", 1)
    assert media.locator == f"/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1"
    assert {each.owner for each in (text, record, media)} == {"+15550001"}, "the line is the account's own side"


def test_only_what_lasts_makes_something_new() -> None:
    """A delivery that is told later is a record of its own; a price that is told later is none."""

    def parts(**changes: Any) -> list[str]:
        return [each.part for each in ALL.message(ACCOUNT, a_message(**changes), [])]

    assert parts(price="-0.0075", date_updated="later") == parts()
    assert parts(status="delivered")[0] == "text" == parts()[0]
    assert parts(status="delivered") != parts()


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        (Kind.RECORDING, "completed", Readiness(ready=True, comes=False)),
        (Kind.RECORDING, "processing", Readiness(ready=False, comes=True)),
        (Kind.RECORDING, "absent", Readiness(ready=False, comes=False)),
        (Kind.SMS, "queued", Readiness(ready=False, comes=True)),
        (Kind.SMS, "received", Readiness(ready=True, comes=False)),
        (Kind.SMS, "invented-in-2031", Readiness(ready=True, comes=False)),
        (Kind.CALL_LOG, "in-progress", Readiness(ready=False, comes=True)),
        (Kind.CALL_LOG, "no-answer", Readiness(ready=True, comes=False)),
    ],
)
def test_what_is_going_on_waits(kind: Kind, status: str, expected: Readiness) -> None:
    """A row that still changes is not fetched; one that has no sound never is; a status that nobody knew hides nothing."""
    assert readiness_of(kind, {"status": status}) == expected


def test_nothing_older_than_wanted() -> None:
    """``since`` holds for every kind."""
    reader = Reader(since=AT + 1)
    found = [*reader.call(ACCOUNT, a_call()), *reader.recording(ACCOUNT, a_recording(), {}), *reader.message(ACCOUNT, a_message(), [])]
    assert found == []


@pytest.mark.parametrize("text", [None, "", "yesterday", 7, "Fri, 99 May 2019 17:44:50 +0000", "Fri, 24 May 99999 17:44:50 +0000"])
def test_a_time_that_is_none_hides_nothing(text: Any) -> None:
    """It is found under 1970."""
    assert millis_of(text) == 0
    (found,) = ALL.call(ACCOUNT, a_call(start_time=text, date_created=text))
    assert found.occurred_at == 0


def test_moments_are_written_as_the_api_takes_them() -> None:
    """Whole seconds, UTC."""
    assert iso(AT + 999) == "2019-05-24T17:44:50Z"
    assert iso(-5) == "1970-01-01T00:00:00Z"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted({*a_call(), *a_recording(), *a_message(), "encryption_details", "content_type", "caller_name", "error_code"})


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_row_makes_discoveries_that_can_be_stored_or_none(row: dict[str, Any], other: dict[str, Any]) -> None:
    """Whatever stands in a row, nothing breaks, and what is found is UTF-8 and JSON with an address that leads into the account."""
    found = [*ALL.call(ACCOUNT, row), *ALL.recording(ACCOUNT, row, other), *ALL.message(ACCOUNT, row, [other])]
    has_media(row)
    for kind in (Kind.CALL_LOG, Kind.RECORDING, Kind.SMS):
        readiness_of(kind, row)
    for discovery in found:
        msgspec.json.encode(discovery)
        assert discovery.external_id
        assert discovery.locator.startswith((f"/2010-04-01/Accounts/{ACCOUNT}/", "inline:"))
        assert discovery.locator.isascii()
        assert "/" in discovery.media_type


@given(st.text(max_size=200))
def test_whatever_people_write_is_read(body: str) -> None:
    """Half emojis, control signs, right-to-left marks: the row is decoded, its text found, its bytes are UTF-8."""
    told = json.dumps({"messages": [a_message(body=body + "\ud83d", num_media="0")]}).encode()
    rows = decode("Twilio", told, dict[str, Any])["messages"]
    text, record = ALL.message(ACCOUNT, rows[0], [])
    assert unpack(text.locator).decode()
    assert json.loads(unpack(record.locator))["body"] == rows[0]["body"]
