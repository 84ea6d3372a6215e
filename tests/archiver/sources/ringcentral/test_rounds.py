"""Passes over a whole account, in virtual time: what they find, when they are complete, what they ask."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from archiver.errors import MisconfiguredError
from archiver.model import Kind
from archiver.sandbox.faults import Fault
from archiver.sandbox.ringcentral import GroupLimit, RingCentral, fill
from archiver.sandbox.ringcentral.company import archivable
from archiver.sources.port import Page
from archiver.sources.ringcentral.cursor import State
from support.phones import Bench, found_in, in_virtual_time, keys, one_pass

MINUTE = 60.0
HOUR = 3600.0


def with_bytes(phones: RingCentral) -> set[tuple[str, str, str]]:
    """The keys of everything with bytes that the sandbox has."""
    return {(thing.kind, thing.id, thing.part) for thing in archivable(phones.office)}


def test_a_pass_finds_every_record_of_every_extension() -> None:
    """Recordings of every leg, attachments, texts and the call log, of all extensions under one user; and 429s none."""

    async def scenario(bench: Bench) -> None:
        fill(bench.phones.office, extensions=9, calls=70, messages=70)
        pages = await one_pass(bench.source(poll_interval=60))
        found = found_in(pages)
        assert with_bytes(bench.phones) <= keys(found)
        calls, texts = bench.phones.office.calls, [m for m in bench.phones.office.messages.values() if m.type in {"SMS", "Pager"}]
        assert {d.external_id for d in found if d.kind is Kind.CALL_LOG} == set(calls)
        assert {d.external_id for d in found if d.part == "text"} == {str(message.id) for message in texts}
        assert len(keys(found)) == len(found), "each once in a pass"
        assert {d.owner for d in found} == {str(101 + number) for number in range(9)}
        assert all(record.refused == 0 for record in bench.phones.groups().values())

    in_virtual_time(scenario)


def test_nothing_falls_between_a_pass_and_its_token() -> None:
    """The token is given late, since the answer was slow: what came while it was awaited is told by neither, unless the pass covers it."""

    async def scenario(bench: Bench) -> None:
        office = bench.phones.office
        ann = office.add_extension("101", "Ann")
        for route in ("call-log-sync", "message-sync"):
            bench.phones.faults.add(Fault(action="delay", route=route, seconds=20))
        source = bench.source(poll_interval=30, kinds="recording,sms")
        meanwhile: list[str] = []
        found = set()
        async with asyncio.timeout(HOUR), aclosing(source.discover("")) as discovering:
            while len(meanwhile) < 2 or not set(meanwhile) <= found:
                step = asyncio.ensure_future(anext(discovering))
                while not step.done():
                    await asyncio.wait([step], timeout=5)
                    asked = {request.route for request in bench.phones.ledger.requests}
                    if not meanwhile and "extension" in asked:
                        await asyncio.sleep(5)
                        meanwhile.append(office.add_call(ann, [b"sound"]).id)
                    elif len(meanwhile) == 1 and "call-log" in asked:
                        await asyncio.sleep(5)
                        meanwhile.append(str(office.add_message(ann, "SMS", subject="hello").id))
                found |= {discovery.external_id for discovery in step.result().discoveries}

    in_virtual_time(scenario)


def test_what_comes_is_found_by_synchronisation() -> None:
    """New, late and edited records, and a transcription that comes after its voicemail; without another pass over everything."""

    async def scenario(bench: Bench) -> None:
        office, phones = bench.phones.office, bench.phones
        ann = office.add_extension("101", "Ann")
        source = bench.source(poll_interval=30)
        pages = await one_pass(source)
        late = office.add_call(ann, [b"late sound"], start=office.now() - HOUR, late=5 * MINUTE)
        edited = office.add_call(ann)
        voicemail = office.add_message(ann, "VoiceMail")
        office.attach(voicemail, "AudioRecording", "audio/mpeg", b"hello")
        office.attach(voicemail, "AudioTranscription", "text/plain", b"hello", ready_at=office.now() + 4 * MINUTE)
        found = set()
        async with asyncio.timeout(HOUR), aclosing(source.discover(pages[-1].cursor)) as discovering:
            async for page in discovering:
                found |= keys(list(page.discoveries))
                if len([key for key in found if key[1] == edited.id]) == 1 and edited.result != "Voicemail":
                    edited.result = "Voicemail"
                    office.touch(edited)
                if len(found) == 6:
                    break
        assert {key[:2] for key in found} == {
            ("call_log", late.id),
            ("recording", late.id),
            ("call_log", edited.id),
            ("voicemail", str(voicemail.id)),
        }
        assert phones.ledger.count("call-log") == phones.ledger.count("call-log", 200) < 20

    in_virtual_time(scenario)


def test_more_changes_than_an_answer_can_tell_are_found_all_the_same() -> None:
    """CLG-101: the last stretch is passed over again, with hours of overlap, and synchronisation goes on from a new token."""

    async def scenario(bench: Bench) -> None:
        office = bench.phones.office
        ann = office.add_extension("101", "Ann")
        source = bench.source(poll_interval=30, kinds="call_log")
        cursor = (await one_pass(source))[-1].cursor
        await asyncio.sleep(5 * HOUR)
        for number in range(400):
            office.add_call(ann, start=office.now() - 4 * HOUR + number)
        found = found_in(await one_pass(source, cursor))
        assert {discovery.external_id for discovery in found} == set(office.calls)
        assert bench.phones.ledger.count("call-log-sync", 400) == 1
        one_more = office.add_call(ann)
        again = await one_pass(bench.source(poll_interval=30, kinds="call_log"), State.read(cursor).write())
        assert one_more.id in {discovery.external_id for discovery in found_in(again)}

    in_virtual_time(scenario)


def test_a_pass_repairs_what_synchronisation_never_told() -> None:
    """A record that no synchronisation mentions is found by the next pass over everything."""

    async def scenario(bench: Bench) -> None:
        office = bench.phones.office
        ann = office.add_extension("101", "Ann")
        source = bench.source(poll_interval=600, reconcile_hours=6)
        cursor = (await one_pass(source))[-1].cursor
        silent, unheard = office.add_call(ann, start=office.now() - HOUR), office.add_message(ann, "SMS", subject="psst")
        silent.modified_at = unheard.modified_at = 0.0
        await asyncio.sleep(HOUR)
        pages = await one_pass(source, cursor)
        assert found_in(pages) == []
        await asyncio.sleep(6 * HOUR)
        assert {d.external_id for d in found_in(await one_pass(source, pages[-1].cursor))} == {silent.id, str(unheard.id)}

    in_virtual_time(scenario)


def test_an_extension_that_may_not_be_read_hides_no_other_and_is_no_health() -> None:
    """Everything else is found; the round ends with an error, is not complete, and the cursor says which extension it is."""

    async def scenario(bench: Bench) -> None:
        office = bench.phones.office
        ann, bob = office.add_extension("101", "Ann"), office.add_extension("102", "Bob")
        ann.forbidden = True
        for owner in (ann, bob):
            office.add_message(owner, "SMS", subject="hi")
        pages: list[Page] = []
        with pytest.raises(MisconfiguredError, match=r"1 of 2 extensions .*CMN-408"):
            await one_pass(bench.source(poll_interval=60), keep=pages)
        assert {discovery.owner for discovery in found_in(pages)} == {"102"}
        assert not any(page.complete for page in pages)
        stores = State.read(pages[-1].cursor).stores
        assert [key for key, stream in stores.items() if not stream.whole] == [str(ann.id)]
        ann.forbidden = False
        await asyncio.sleep(MINUTE)
        healed = await one_pass(bench.source(poll_interval=60), pages[-1].cursor)
        assert healed[-1].complete
        assert {discovery.owner for discovery in found_in(healed)} >= {"101"}

    in_virtual_time(scenario)


@pytest.mark.parametrize("nth", [1, 3])
def test_a_call_log_that_may_not_be_read_hides_no_message(nth: int) -> None:
    """From the beginning, or in the middle of a pass: messages are found, the error tells of the call log, and it heals by itself."""

    async def scenario(bench: Bench) -> None:
        office = bench.phones.office
        ann = office.add_extension("101", "Ann")
        call, message = office.add_call(ann), office.add_message(ann, "SMS", subject="hi")
        bench.phones.faults.add(Fault(action="reply", route="call-log*", nth=nth, times=0, status=403, body="{}"))
        pages: list[Page] = []
        async with asyncio.timeout(HOUR):
            with pytest.raises(MisconfiguredError, match="the call log cannot be read"):
                await one_pass(bench.source(poll_interval=60), keep=pages)
        assert {discovery.external_id for discovery in found_in(pages)} == {str(message.id)}
        assert not State.read(pages[-1].cursor).calls.whole
        bench.phones.faults.clear()
        await asyncio.sleep(MINUTE)
        healed = await one_pass(bench.source(poll_interval=60), pages[-1].cursor)
        assert healed[-1].complete
        assert call.id in {discovery.external_id for discovery in found_in(healed)}

    in_virtual_time(scenario)


def test_a_pass_that_was_cut_off_goes_on_where_it_was() -> None:
    """From the cursor of any page: everything is found, and what is behind is not asked again."""

    async def scenario(bench: Bench) -> None:
        office = bench.phones.office
        ann = office.add_extension("101", "Ann")
        for number in range(3000):
            office.add_call(ann, start=office.now() - 80 * 86_400 + number * 2000)
        found, cursor = set(), ""
        whole = False
        for _ in range(12):  # killed after every single page
            async with aclosing(bench.source(poll_interval=60, kinds="call_log").discover(cursor)) as pages:
                page = await anext(pages)
            found |= {discovery.external_id for discovery in page.discoveries}
            cursor, whole = page.cursor, page.complete
            if whole:
                break
            assert not State.read(cursor).calls.whole or found == set(office.calls), "a pass that is open is not whole"
        assert whole
        assert found == set(office.calls)

    in_virtual_time(scenario, limits={})


def test_the_call_log_keeps_no_store_waiting_and_stores_not_the_call_log() -> None:
    """While the call log waits out its minutes, message stores are read: another limit counts for them."""

    async def scenario(bench: Bench) -> None:
        office = bench.phones.office
        people = [office.add_extension(str(101 + number), "Somebody") for number in range(30)]
        for number in range(9000):
            office.add_call(people[0], start=office.now() - 86_400 + number)
        began = office.now()
        await one_pass(bench.source(poll_interval=600, kinds="call_log,sms"))
        requests = bench.phones.ledger.requests
        last_store = max(request.at for request in requests if request.route == "message-store")
        last_slice = max(request.at for request in requests if request.route == "call-log")
        assert last_slice - began > 2 * MINUTE, "the call log took several windows"
        assert last_store - began < 2 * MINUTE
        assert all(record.refused == 0 for record in bench.phones.groups().values())

    in_virtual_time(scenario, limits={"Heavy": GroupLimit(calls=3), "Light": GroupLimit(calls=50), "Medium": GroupLimit(calls=40)})


def test_a_thousand_idle_looks_stay_within_the_limits() -> None:
    """An account without news is looked at once per interval and stream, not more."""

    async def scenario(bench: Bench) -> None:
        office = bench.phones.office
        for number in range(20):
            office.add_extension(str(101 + number), "Somebody")
        source = bench.source(poll_interval=120)
        async with aclosing(source.discover("")) as pages:
            async for _ in pages:
                if office.now() > bench.clock.start + HOUR:  # type: ignore[attr-defined]  # a virtual clock
                    break
        ledger = bench.phones.ledger
        assert ledger.count("message-sync") <= 20 * 32
        assert ledger.count("call-log-sync") <= 32
        assert all(record.refused == 0 for record in bench.phones.groups().values())

    in_virtual_time(scenario)
