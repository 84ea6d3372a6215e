"""Passes over a whole account, in virtual time: what they find, when they are complete, what they ask."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing

import msgspec
import pytest

from archiver.errors import MisconfiguredError, ReconnectNeededError, TransientError
from archiver.model import Discovery, Kind
from archiver.sandbox.faults import Fault
from archiver.sandbox.twilio import Limits, archivable, fill
from archiver.sources.port import Page, Source
from support.phones import found_in, keys, one_pass
from support.twilio import Exchanged, in_virtual_time

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


async def found_until(source: Source, wanted: str, cursor: str = "") -> list[Discovery]:
    """Watches until something of this external id or part is found; everything until then."""
    found: list[Discovery] = []
    async with asyncio.timeout(3 * DAY), aclosing(source.discover(cursor)) as discovering:
        async for page in discovering:
            found += page.discoveries
            if any(wanted in {each.external_id, each.part} for each in page.discoveries):
                break
    return found


async def watched(source: Source, seconds: float) -> list[Page]:
    """The pages of so long a time."""
    pages: list[Page] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(source.discover("")) as discovering:
            async for page in discovering:
                pages += [page]
    return pages


def test_a_pass_finds_everything_of_every_account() -> None:
    """Calls, recordings with who spoke, messages and what came with them, of the subaccounts too; each once."""

    async def scenario(bench: Exchanged) -> None:
        fill(bench.exchange, calls=70, messages=70)
        found = found_in(await one_pass(bench.source(poll_interval=60)))
        assert {(thing.kind, thing.id, thing.part) for thing in archivable(bench.exchange)} <= keys(found)
        accounts = bench.exchange.accounts.values()
        calls = {sid: call for account in accounts for sid, call in account.calls.items()}
        assert {each.external_id for each in found if each.kind is Kind.CALL_LOG} == set(calls)
        assert {each.external_id for each in found if each.part == "text"} == {sid for one in accounts for sid in one.messages}
        assert len(keys(found)) == len(found)
        for each in found:
            if each.kind is Kind.RECORDING:
                call = calls[each.external_id]
                assert (each.sender, each.recipient) == (call.sender, call.recipient)
        assert {each.metadata["owner_name"] for each in found} == {"Main", "Branch 1", "Branch 2"}
        assert bench.twilio.ledger.count("call") == 0, "their list had told it"
        assert bench.twilio.ledger.most_at_once == 1
        assert {request.method for request in bench.twilio.ledger.requests} == {"GET"}

    in_virtual_time(scenario)


def test_what_is_new_does_not_wait_for_what_is_old() -> None:
    """While a pass of many pages goes on, what comes is found between them."""

    async def scenario(bench: Exchanged) -> None:
        for number in range(3500):
            bench.exchange.add_message(sent=bench.exchange.now() - DAY - number)
        new, found = "", 0
        async with aclosing(bench.source(kinds="sms", poll_interval=1).discover("")) as discovering:
            async for page in discovering:
                assert not page.complete, "found before the pass ends"
                found += len(page.discoveries)
                if not new:
                    new = bench.exchange.add_message().sid
                elif any(each.external_id == new for each in page.discoveries):
                    break
        assert 0 < found < 7000

    in_virtual_time(scenario, limits=Limits(latency=1.0))


def test_a_pass_goes_on_where_it_was_cut_off() -> None:
    """With the cursor of a page in the middle the rest is asked, and nothing before it but what is new."""

    async def scenario(bench: Exchanged) -> None:
        sids = [bench.exchange.add_message(sent=bench.exchange.now() - DAY - number).sid for number in range(2500)]
        first: list[Page] = []
        async with aclosing(bench.source(kinds="sms").discover("")) as discovering:
            async for page in discovering:
                first.append(page)
                if len(found_in(first)) >= 2000:
                    break
        asked = bench.twilio.ledger.count("messages")
        rest = await one_pass(bench.source(kinds="sms"), first[-1].cursor)
        assert {each.external_id for each in found_in(first + rest)} == set(sids)
        assert len(found_in(rest)) == 3000
        assert bench.twilio.ledger.count("messages") == asked + 2, "the two pages that were left"

    in_virtual_time(scenario)


def test_a_place_that_is_not_known_any_more_begins_the_pass_anew() -> None:
    """400 for a page's token: everything is found all the same."""

    async def scenario(bench: Exchanged) -> None:
        sids = {bench.exchange.add_message(sent=bench.exchange.now() - DAY - number).sid for number in range(1500)}
        bench.twilio.faults.add(Fault(action="reply", route="messages", nth=2, status=400, body='{"code": 20001}'))
        found = found_in(await one_pass(bench.source(kinds="sms")))
        assert {each.external_id for each in found} == sids
        assert bench.twilio.ledger.count("messages") == 4

    in_virtual_time(scenario)


def test_a_place_that_is_lost_again_and_again_is_told() -> None:
    """Begun anew once; then it is an error, so that whoever collects waits before it asks again."""

    async def scenario(bench: Exchanged) -> None:
        for number in range(1500):
            bench.exchange.add_message(sent=bench.exchange.now() - DAY - number)
        for nth in (2, 4):
            bench.twilio.faults.add(Fault(action="reply", route="messages", nth=nth, status=400, body='{"code": 20001}'))
        with pytest.raises(TransientError):
            await one_pass(bench.source(kinds="sms"))
        assert bench.twilio.ledger.count("messages") == 4

    in_virtual_time(scenario)


def test_late_rows_are_found_by_the_next_look() -> None:
    """A message and a recording that appear forty minutes after they happened, before others that are known."""

    async def scenario(bench: Exchanged) -> None:
        source = bench.source(poll_interval=60)
        late = bench.exchange.add_message(late=40 * MINUTE)
        call = bench.exchange.add_call(late=40 * MINUTE)
        recording = bench.exchange.record(call, b"sound")
        bench.exchange.add_message(sent=bench.exchange.now() + 30 * MINUTE, late=30 * MINUTE)
        began = bench.exchange.now()
        found = await found_until(source, recording.sid)
        assert late.sid in {each.external_id for each in found} | {each.external_id for each in await found_until(bench.source(), late.sid)}
        assert bench.exchange.now() - began < 42 * MINUTE

    in_virtual_time(scenario)


def test_what_is_too_late_for_looks_the_next_pass_finds() -> None:
    """Five hours late, the overlap is one: within a day it is there."""

    async def scenario(bench: Exchanged) -> None:
        late = bench.exchange.add_message(late=5 * HOUR)
        began = bench.exchange.now()
        await found_until(bench.source(poll_interval=1800), late.sid)
        assert 23 * HOUR < bench.exchange.now() - began < 25 * HOUR

    in_virtual_time(scenario)


def test_what_was_going_on_is_found_when_it_has_ended() -> None:
    """A call of four hours and its recording: looks go back as far as what was not ready."""

    async def scenario(bench: Exchanged) -> None:
        call = bench.exchange.add_call(status="in-progress")
        recording = bench.exchange.record(call, b"sound", status="in-progress")
        source, ended = bench.source(poll_interval=300), 0.0
        async with asyncio.timeout(DAY), aclosing(source.discover("")) as discovering:
            async for page in discovering:
                assert ended or not page.discoveries
                if not ended and bench.exchange.now() - call.created > 4 * HOUR:
                    call.status = recording.status = "completed"
                    ended = bench.exchange.now()
                if recording.sid in {each.part for each in page.discoveries}:
                    break
        assert bench.exchange.now() - ended < 6 * MINUTE

    in_virtual_time(scenario)


def test_a_delivery_that_is_told_later_is_a_record_of_its_own() -> None:
    """Sent, then delivered: two records, one text; found again for its price, it makes none."""

    async def scenario(bench: Exchanged) -> None:
        message = bench.exchange.add_message(direction="outbound-api", status="sent", body="hello")
        found: set[tuple[str, str, str]] = set()
        async with asyncio.timeout(DAY), aclosing(bench.source(poll_interval=60).discover("")) as discovering:
            async for page in discovering:
                found |= keys(list(page.discoveries))
                if len(found) == 2 and message.status == "sent":
                    message.status = "delivered"
                elif len(found) == 3 and message.price is None:
                    message.price = "-0.0075"
                    until = bench.exchange.now() + 10 * MINUTE
                if message.price is not None and bench.exchange.now() > until:
                    break
        assert sorted(part.partition("-")[0] for _, _, part in found) == ["json", "json", "text"]

    in_virtual_time(scenario)


def test_an_account_that_cannot_be_read_hides_no_other() -> None:
    """A subaccount that is suspended: all else is found, the pass ends with an error, and is not complete."""

    async def scenario(bench: Exchanged) -> None:
        fill(bench.exchange, calls=20, messages=20)
        list(bench.exchange.accounts.values())[1].status = "suspended"
        pages: list[Page] = []
        with pytest.raises(MisconfiguredError) as caught:
            await one_pass(bench.source(), keep=pages)
        assert "3 of 9 lists" in caught.value.message
        assert {(thing.kind, thing.id, thing.part) for thing in archivable(bench.exchange)} <= keys(found_in(pages))
        assert not any(page.complete for page in pages)

    in_virtual_time(scenario)


def test_a_key_that_may_not_list_subaccounts_says_so() -> None:
    """Twilio answers as to no key at all; whether it is one is tried. By default a key leaves subaccounts out."""

    async def scenario(bench: Exchanged) -> None:
        fill(bench.exchange, calls=12, messages=12)
        with pytest.raises(MisconfiguredError) as caught:
            await one_pass(bench.source(key=True, subaccounts=True))
        assert "subaccounts=false" in caught.value.hint
        found = found_in(await one_pass(bench.source(key=True)))
        assert {each.metadata["account_sid"] for each in found} == {bench.exchange.main.sid}
        source = bench.source(key=True, subaccounts=True)
        bench.exchange.revoke()
        with pytest.raises(ReconnectNeededError):
            await one_pass(source)

    in_virtual_time(scenario)


@pytest.mark.parametrize("place", ["https://api.twilio.example/2010-04-01/x.json", "//elsewhere/x.json", "elsewhere"])
def test_the_key_goes_nowhere_else(place: str) -> None:
    """A next page on another host is not asked; the pass is not complete."""

    async def scenario(bench: Exchanged) -> None:
        body = msgspec.json.encode({"messages": [], "next_page_uri": place}).decode()
        bench.twilio.faults.add(Fault(action="reply", route="messages", status=200, body=body, times=0))
        with pytest.raises(MisconfiguredError) as caught:
            await one_pass(bench.source(kinds="sms"))
        assert "elsewhere" in caught.value.message

    in_virtual_time(scenario)


def test_the_calls_of_many_old_recordings_are_listed() -> None:
    """Not asked for one by one; one that was deleted leaves its recording without names."""

    async def scenario(bench: Exchanged) -> None:
        for number in range(300):
            call = bench.exchange.add_call(start=bench.exchange.now() - DAY - number, sender=f"+1555{number:07}")
            bench.exchange.record(call, b"sound")
        bench.exchange.purge(call.sid)
        found = found_in(await one_pass(bench.source(kinds="recording")))
        assert len(found) == 300
        assert {each.sender for each in found} == {f"+1555{number:07}" for number in range(299)} | {""}
        assert (bench.twilio.ledger.count("calls"), bench.twilio.ledger.count("call")) == (1, 1)

    in_virtual_time(scenario)


def test_without_news_little_is_asked() -> None:
    """An hour: each list once a minute, who there is each quarter, and nothing of what is known."""

    async def scenario(bench: Exchanged) -> None:
        fill(bench.exchange, subaccounts=0, calls=30, messages=30, days=0.02)
        pages = await watched(bench.source(poll_interval=60), HOUR)
        answers = bench.twilio.ledger.answers()
        assert answers["accounts 200"] <= 5
        assert all(answers[f"{name} 200"] <= 61 for name in ("calls", "recordings", "messages"))
        assert answers.get("media-list 200", 0) <= 30
        assert len(keys(found_in(pages))) == len(found_in(pages))

    in_virtual_time(scenario)


def test_looks_that_are_always_due_do_not_starve_passes() -> None:
    """Nine lists, a second each, a look every second: the passes go on all the same, and come to their ends."""

    async def scenario(bench: Exchanged) -> None:
        fill(bench.exchange, calls=0, messages=0)
        sids = {bench.exchange.add_message(sent=bench.exchange.now() - DAY - number).sid for number in range(2500)}
        async with asyncio.timeout(3 * MINUTE):
            found = found_in(await one_pass(bench.source(poll_interval=1)))
        assert {each.external_id for each in found} == sids

    in_virtual_time(scenario, limits=Limits(latency=1.0))
