"""What is read, and what refusals mean."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from archiver.errors import (
    ReconnectNeededError,
    SourceGoneError,
    SourceNotReadyError,
    SourceThrottledError,
    TransientError,
    UnavailableError,
)
from archiver.model import Item, Kind
from archiver.sandbox.faults import Fault
from archiver.sandbox.twilio import Limits
from archiver.sources.conformance import find, item_of
from archiver.sources.port import Paced, Source
from support.phones import found_in, one_pass
from support.twilio import Exchanged, in_virtual_time


async def items_of(source: Source) -> dict[str, Item]:
    """Everything that a pass finds, by part."""
    return {each.part: item_of(each) for page in await find(source) for each in page.discoveries}


async def test_the_wanted_form_is_read(bench: Exchanged) -> None:
    """WAV or MP3, both channels or mixed; texts without asking anybody."""
    call = bench.exchange.add_call(start=time.time() - 3600)
    recording = bench.exchange.record(call, b"mixed", both=b"both sides")
    bench.exchange.add_message(body="hello")
    for form, dual, expected in (("wav", True, b"both sides"), ("wav", False, b"mixed"), ("mp3", True, recording.sounds["mp3", 2])):
        source = bench.source(format=form, dual_channel=dual)
        items = await items_of(source)
        assert list(await source.read_many([items[recording.sid]])) == [expected]
    asked = len(bench.twilio.ledger.requests)
    (text,) = await source.read_many([items["text"]])
    assert isinstance(text, bytes)
    assert b"hello" in text
    assert len(bench.twilio.ledger.requests) == asked


async def test_attachments_are_fetched_where_twilio_sends_us_without_the_key(bench: Exchanged) -> None:
    """The other host refuses whoever brings one; also from the middle on."""
    message = bench.exchange.add_message(media=[("image/gif", b"GIF89a picture"), ("text/vcard", b"")])
    source = bench.source()
    items = await items_of(source)
    first, empty = (items[media.sid] for media in message.media)
    assert list(await source.read_many([first, empty])) == [b"GIF89a picture", b""]
    assert b"".join([chunk async for chunk in source.stream(first, 7)]) == b"picture"
    bench.exchange.purge(message.media[0].sid)
    (gone,) = await source.read_many([first])
    assert isinstance(gone, SourceGoneError)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"status": 429, "headers": {"Retry-After": "7"}}, SourceThrottledError),
        ({"status": 503, "headers": {"Retry-After": "7"}}, SourceThrottledError),
        ({"status": 400, "body": '{"code": 20429}'}, SourceThrottledError),
        ({"status": 401, "body": '{"code": 20003, "message": "canary"}'}, ReconnectNeededError),
        ({"status": 403}, TransientError),
        ({"status": 404}, SourceGoneError),
        ({"status": 400}, TransientError),
        ({"status": 500, "body": "<html>" * 20_000}, TransientError),
        ({"status": 302}, TransientError),
        ({"status": 302, "headers": {"Location": "ftp://127.0.0.1/x"}}, TransientError),
        ({"status": 302, "headers": {"Location": "http://192.0.2.1/x"}}, TransientError),
        ({"status": 302, "headers": {"Location": "http://[/x"}}, TransientError),
        ({"action": "lose_answer", "times": 2}, TransientError),
        ({"action": "cut_response", "after_bytes": 3}, TransientError),
    ],
)
async def test_what_refusals_of_contents_mean(bench: Exchanged, fault: dict[str, Any], expected: type[Exception]) -> None:
    """Each in the tree, at once, and without the text that Twilio gave it; then it is read all the same."""
    recording = bench.exchange.record(bench.exchange.add_call(start=time.time() - 3600), b"sound")
    source = bench.source(key=True)
    item = (await items_of(source))[recording.sid]
    bench.twilio.faults.add(Fault(**{"action": "reply", "route": "recording/content", **fault}))
    (error,) = await source.read_many([item])
    assert type(error) is expected or (expected is TransientError and isinstance(error, TransientError))
    assert "canary" not in f"{error!r} {getattr(error, 'hint', '')}"
    if "429" not in str(fault):
        assert list(await source.read_many([item])) == [b"sound"]


async def test_an_endless_way_ends(bench: Exchanged) -> None:
    """From one address to another, without end."""
    message = bench.exchange.add_message(media=[("image/gif", b"GIF89a")])
    source = bench.source()
    item = (await items_of(source))[message.media[0].sid]
    bench.twilio.faults.add(Fault(action="reply", route="media", status=307, headers={"Location": item.locator}, times=0))
    (error,) = await source.read_many([item])
    assert isinstance(error, TransientError)


async def test_a_recording_may_not_be_ready_yet(bench: Exchanged) -> None:
    """Soon after its call it is only not there yet; an attachment that is missing is gone."""
    recording = bench.exchange.record(bench.exchange.add_call(), b"sound", readable_at=time.time() + 600)
    source = bench.source()
    (error,) = await source.read_many([(await items_of(source))[recording.sid]])
    assert isinstance(error, SourceNotReadyError)


def test_a_full_house_is_left_alone() -> None:
    """429 for contents: there is no room while the rest lasts, then there is less than before; a look waits it out by itself."""

    async def scenario(bench: Exchanged) -> None:
        recording = bench.exchange.record(bench.exchange.add_call(start=bench.exchange.now() - 3600), b"sound")
        source = bench.source()
        assert isinstance(source, Paced)
        (found,) = [each for each in found_in(await one_pass(source)) if each.kind is Kind.RECORDING]
        assert (source.room(1, wanted=True).items, source.room(2, wanted=True).items) == (3, 0)
        bench.twilio.faults.add(Fault(action="reply", route="recording/content", status=429, headers={"Retry-After": "60"}))
        (refused,) = await source.read_many([item_of(found)])
        assert isinstance(refused, SourceThrottledError)
        assert refused.retry_after == pytest.approx(60)
        (again,) = await source.read_many([item_of(found)])
        assert isinstance(again, SourceThrottledError), "and Twilio was not asked"
        assert bench.twilio.ledger.count("recording/content") == 1
        assert source.room(1, wanted=True).items == 0
        began = bench.clock.time()
        await one_pass(bench.source())
        assert bench.clock.time() - began >= 60
        assert source.room(1, wanted=True).items == 2
        assert list(await source.read_many([item_of(found)])) == [b"sound"]
        assert recording.sid == found.part

    in_virtual_time(scenario)


def test_looks_give_up_in_the_end() -> None:
    """A house that stays full is no news of the account: tried again later."""

    async def scenario(bench: Exchanged) -> None:
        with pytest.raises(UnavailableError):
            await one_pass(bench.source())
        assert bench.twilio.ledger.count("accounts", 429) == 8

    in_virtual_time(scenario, limits=Limits(at_once=0))


async def test_half_an_emoji_hides_no_page(bench: Exchanged) -> None:
    """What the strict decoder refuses is read all the same."""
    row = {"sid": "SM1", "status": "received", "body": "half \ud83d"}
    body = msgspec.json.encode({"messages": [{**row, "body": "HALF"}], "next_page_uri": None}).decode().replace("HALF", "half \\ud83d")
    bench.twilio.faults.add(Fault(action="reply", route="messages", body=body, status=200))
    source = bench.source(kinds="sms")
    (text,) = await source.read_many([(await items_of(source))["text"]])
    assert isinstance(text, bytes)
    assert b"half ?" in text
