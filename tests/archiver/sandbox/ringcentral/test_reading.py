"""The routes, over HTTP, and the forms of their answers held against the published description."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec
import pytest

from archiver.sandbox.ringcentral import RingCentral, fill
from support.phone_client import PhoneClient

HOUR = 3600.0
LONG_AGO = "2020-01-01T00:00:00Z"


class Strict(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A schema of the description: nothing that it does not have, nothing of another type."""


class Party(Strict):
    """``from`` and ``to`` of the call log: ids are text here."""

    phone_number: str = ""
    extension_number: str = ""
    extension_id: str = ""
    name: str = ""
    location: str = ""


class Recording(Strict):
    """``recording``."""

    id: str
    uri: str
    type: Literal["Automatic", "OnDemand"]
    content_uri: str


class Link(Strict):
    """``extension``: the id is a number here."""

    id: int
    uri: str


class Leg(Strict):
    """A leg."""

    start_time: str
    duration: int
    type: Literal["Voice", "Fax"]
    direction: Literal["Inbound", "Outbound"]
    action: str
    result: str
    transport: Literal["PSTN", "VoIP"]
    from_: Party = msgspec.field(name="from")
    to: Party
    leg_type: str
    extension: Link
    master: bool = False
    recording: Recording | None = None
    short_recording: bool = False


class Row(Strict):
    """A row of the call log."""

    uri: str
    id: str
    session_id: str
    telephony_session_id: str
    start_time: str
    duration: int
    type: Literal["Voice", "Fax"]
    direction: Literal["Inbound", "Outbound"]
    action: str
    result: str
    transport: Literal["PSTN", "VoIP"]
    from_: Party = msgspec.field(name="from")
    to: Party
    extension: Link
    recording: Recording | None = None
    short_recording: bool = False
    deleted: bool = False
    last_modified_time: str = ""
    legs: list[Leg] = []


class Attachment(Strict):
    """An attachment: ids are numbers in messages."""

    id: int
    uri: str
    type: Literal["AudioRecording", "AudioTranscription", "Text", "SourceDocument", "RenderedDocument", "MmsAttachment"]
    content_type: str
    size: int
    file_name: str = ""
    vm_duration: int = 0


class Conversation(Strict):
    """A thread."""

    id: str
    uri: str


class Message(Strict):
    """A message."""

    uri: str
    id: int
    type: Literal["Fax", "SMS", "VoiceMail", "Pager", "Text"]
    direction: Literal["Inbound", "Outbound"]
    creation_time: str
    last_modified_time: str
    from_: Party = msgspec.field(name="from")
    to: list[Party]
    read_status: Literal["Read", "Unread"]
    priority: Literal["Normal", "High"]
    availability: Literal["Alive", "Deleted", "Purged"]
    message_status: Literal["Queued", "Sent", "Delivered", "DeliveryFailed", "SendingFailed", "Received"]
    attachments: list[Attachment] = []
    subject: str = ""
    fax_page_count: int = 0
    fax_resolution: Literal["High", "Low"] = "High"
    vm_transcription_status: Literal["NotAvailable", "InProgress", "Completed"] = "NotAvailable"
    conversation: Conversation | None = None
    conversation_id: int = 0


class Uri(Strict):
    """A link to a page."""

    uri: str


class Navigation(Strict):
    """Where to go on."""

    first_page: Uri
    next_page: Uri | None = None
    previous_page: Uri | None = None


class Paging(Strict):
    """Where one is; the call log does not tell how many pages there are."""

    page: int
    per_page: int
    page_start: int | None = None
    page_end: int | None = None


class Rows(Strict):
    """A page of the call log."""

    uri: str
    records: list[Row]
    navigation: Navigation
    paging: Paging


class Messages(Strict):
    """A page of a store."""

    uri: str
    records: list[Message]
    navigation: Navigation
    paging: Paging


class SyncInfo(Strict):
    """How a synchronisation goes on."""

    sync_type: Literal["FSync", "ISync"]
    sync_token: str
    sync_time: str
    older_records_exist: bool | None = None


class SyncedRows(Strict):
    """A synchronisation of the call log."""

    uri: str
    records: list[Row]
    sync_info: SyncInfo


class SyncedMessages(Strict):
    """A synchronisation of a store."""

    uri: str
    records: list[Message]
    sync_info: SyncInfo


@pytest.fixture
def full(phones: RingCentral) -> RingCentral:
    """With a history, and no limits."""
    phones.limits.clear()
    fill(phones.office, extensions=4, calls=40, messages=40)
    return phones


async def test_answers_have_the_published_form(full: RingCentral, client: PhoneClient) -> None:
    """Field for field and type for type: text ids in the call log, numbers in messages, no number of pages."""
    for view in ("Simple", "Detailed"):
        answer = await client.get("/call-log", view=view, dateFrom=LONG_AGO, perPage="1000")
        rows = msgspec.json.decode(answer.body, type=Rows)
        assert len(rows.records) == 40
        assert all(bool(row.legs) == (view == "Detailed") for row in rows.records)
    for extension in list(full.office.extensions)[2:]:
        store = f"/extension/{extension}/message-store"
        msgspec.json.decode((await client.get(store, dateFrom=LONG_AGO)).body, type=Messages)
        first = msgspec.json.decode((await client.get(store.replace("store", "sync"), dateFrom=LONG_AGO)).body, type=SyncedMessages)
        again = await client.get(store.replace("store", "sync"), syncType="ISync", syncToken=first.sync_info.sync_token)
        msgspec.json.decode(again.body, type=SyncedMessages)
    synced = await client.get("/call-log-sync", syncType="FSync", recordCount="10", view="Detailed")
    assert len(msgspec.json.decode(synced.body, type=SyncedRows).records) == 10


async def test_pages_follow_each_other_and_do_not_say_how_many(full: RingCentral, client: PhoneClient) -> None:
    """Newest first; the last page has no next one; a default window of a day."""
    seen: list[str] = []
    answer = await client.get("/call-log", dateFrom=LONG_AGO, perPage="15")
    while True:
        page = answer.json
        assert "totalPages" not in page["paging"]
        seen += [record["id"] for record in page["records"]]
        if "nextPage" not in page["navigation"]:
            break
        answer = await client.get(page["navigation"]["nextPage"]["uri"])
    starts = [full.office.calls[call_id].start for call_id in seen]
    assert starts == sorted(starts, reverse=True)
    assert set(seen) == set(full.office.calls)
    day = (await client.get("/call-log", perPage="1000")).json["records"]
    assert 0 < len(day) < 40


async def test_rows_appear_late_change_and_go(phones: RingCentral, client: PhoneClient) -> None:
    """Synchronisation tells each change since its token; deleted rows only if they are asked for."""
    office, ann = phones.office, next(iter(phones.office.extensions.values()))
    phones.limits.clear()
    first = await client.get("/call-log-sync", recordCount="1", view="Detailed")
    phones.clock.advance(60)
    late = office.add_call(ann, start=office.now() - HOUR, late=120)
    gone = office.add_call(ann)
    office.delete(gone)

    async def changed(token: str, **more: str) -> dict[str, Any]:
        answer = await client.get("/call-log-sync", syncType="ISync", syncToken=token, view="Detailed", **more)
        found: dict[str, Any] = answer.json
        return found

    token = first.json["syncInfo"]["syncToken"]
    assert (await changed(token))["records"] == []
    assert [(record["id"], record["deleted"]) for record in (await changed(token, showDeleted="true"))["records"]] == [(gone.id, True)]
    phones.clock.advance(121)
    then = await changed(token)
    assert [record["id"] for record in then["records"]] == [late.id]
    phones.clock.advance(60)
    late.result = "Voicemail"
    office.touch(late)
    assert [record["result"] for record in (await changed(then["syncInfo"]["syncToken"]))["records"]] == ["Voicemail"]


async def test_more_changes_than_can_be_told_are_refused(phones: RingCentral, client: PhoneClient) -> None:
    """CLG-101; a token that is none, or of another view, is refused too, and a count is needed at first."""
    ann = next(iter(phones.office.extensions.values()))
    phones.limits.clear()
    token = (await client.get("/call-log-sync", recordCount="1")).json["syncInfo"]["syncToken"]
    for _ in range(251):
        phones.office.add_call(ann)
    refused = await client.get("/call-log-sync", syncType="ISync", syncToken=token)
    assert (refused.status, refused.code) == (400, "CLG-101")
    assert (await client.get("/call-log-sync", syncType="ISync", syncToken=token, view="Detailed")).code == "CLG-102"
    assert (await client.get("/call-log-sync", syncType="ISync", syncToken="x")).code == "CLG-102"
    assert (await client.get("/call-log-sync")).code == "CLG-104"


async def test_recordings_are_ranged_purged_and_kept_apart_from_their_rows(phones: RingCentral, client: PhoneClient) -> None:
    """206 for a part; after the purge 404, while the row stays and names the recording no longer."""
    office, ann = phones.office, next(iter(phones.office.extensions.values()))
    phones.limits.clear()
    call = office.add_call(ann, [b"0123456789", None])
    address = (await client.get("/call-log", view="Detailed")).json["records"][0]["recording"]["contentUri"]
    whole, part = await client.get(address), await client.get(address, headers={"Range": "bytes=3-"})
    assert (whole.status, whole.body, whole.headers["Content-Type"]) == (200, b"0123456789", "audio/mpeg")
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, b"3456789", "bytes 3-9/10")
    assert (await client.get(address, headers={"Range": "bytes=10-"})).status == 416
    phones.clock.advance(91 * 86_400)
    client.token = (await client.connect())["access_token"]
    assert (await client.get(address)).status == 404
    (row,) = (await client.get("/call-log", dateFrom=LONG_AGO, view="Detailed")).json["records"]
    assert row["id"] == call.id
    assert "recording" not in row
    assert row["shortRecording"] is True


async def test_what_may_not_be_read_is_refused(phones: RingCentral, client: PhoneClient) -> None:
    """403 with a code, 404 for what is not there, 400 for what cannot be."""
    ann, bob = phones.office.extensions.values()
    bob.forbidden = True
    assert (await client.get(f"/extension/{bob.id}/message-store")).code == "CMN-408"
    assert (await client.get("/extension/~/message-store")).status == 200
    assert (await client.get("/extension/5/message-sync")).status == 404
    assert (await client.get(f"/extension/{ann.id}/message-store", dateFrom="yesterday")).code == "CMN-101"
    assert (await client.get("/nonsense")).status == 404


async def test_mailboxes_overflow_and_faxes_go(phones: RingCentral, client: PhoneClient) -> None:
    """More than two hundred unread voicemails push the oldest out; sent faxes go after thirty days."""
    office, ann = phones.office, next(iter(phones.office.extensions.values()))
    voicemails = [office.add_message(ann, "VoiceMail") for _ in range(202)]
    fax = office.add_message(ann, "Fax", direction="Outbound")
    assert [message.availability for message in voicemails[:3]] == ["Purged", "Purged", "Alive"]
    phones.clock.advance(31 * 86_400)
    client.token = (await client.connect())["access_token"]
    answer = await client.get("/extension/~/message-store", dateFrom=LONG_AGO, availability="Purged", messageType="Fax")
    assert [record["id"] for record in answer.json["records"]] == [fax.id]


async def test_more_recordings_than_the_account_keeps_push_the_oldest_out() -> None:
    """A hundred thousand for an account, whatever their age."""
    async with RingCentral(recording_cap=3) as phones:
        ann = phones.office.add_extension("101", "Ann")
        calls = [phones.office.add_call(ann, [b"x"], start=time.time() + number) for number in range(5)]
        phones.office.keep_retention()
        assert [len(call.recordings) for call in calls] == [0, 0, 1, 1, 1]
