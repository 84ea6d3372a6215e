"""Bytes of recordings and attachments, and what happens when they cannot be had now."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest

from archiver.errors import ArchiverError, ReconnectNeededError, SourceGoneError, SourceThrottledError, TransientError
from archiver.model import Discovery, Item, Kind
from archiver.sandbox.faults import Fault
from archiver.sandbox.ringcentral import GroupLimit
from archiver.sources.conformance import item_of
from archiver.sources.port import Source
from support.phones import Bench, found_in, in_virtual_time, one_pass

HOUR = 3600.0


async def recordings(bench: Bench, source: Source, count: int = 1, *, size: int = 100) -> list[Item]:
    """So many recordings, found."""
    office = bench.phones.office
    ann = office.add_extension("101", "Ann")
    for number in range(count):
        office.add_call(ann, [bytes([number % 256]) * size], start=office.now() - 2 * HOUR)
    found = found_in(await one_pass(source), Kind.RECORDING)
    return [item_of(discovery, number) for number, discovery in enumerate(found)]


async def read(source: Source, item: Item, offset: int = 0) -> bytes:
    """All bytes from an offset on."""
    return b"".join([chunk async for chunk in source.stream(item, offset)])


def test_no_turn_is_told_at_once_and_pokes_nobody() -> None:
    """Content never waits inside: whoever has no turn is told when to come, and the whole limit is used meanwhile."""

    async def scenario(bench: Bench) -> None:
        source = bench.source(kinds="recording", poll_interval=3600)
        items = await recordings(bench, source, 60)
        loop, due, done = asyncio.get_running_loop(), [(0.0, item) for item in items], 0
        began = loop.time()
        while due:
            due.sort(key=lambda entry: entry[0])
            at, item = due.pop(0)
            await asyncio.sleep(max(0.0, at - loop.time()))
            asked = loop.time()
            try:
                assert len(await read(source, item)) == 100
                done += 1
            except SourceThrottledError as error:
                assert loop.time() - asked < 0.1, "it did not wait inside"
                due.append((loop.time() + error.retry_after, item))
        heavy = bench.phones.groups()["Heavy"]
        assert (done, heavy.refused) == (60, 0)
        assert loop.time() - began < 60 / 10 * 60 * 1.1

    in_virtual_time(scenario)


def test_a_refusal_is_a_rest_and_not_a_fault() -> None:
    """A 429 that nobody could foresee: nothing of the group is asked before its end, other groups go on."""

    async def scenario(bench: Bench) -> None:
        source = bench.source(kinds="recording", poll_interval=3600)
        (item,) = await recordings(bench, source)
        bench.phones.limits["Heavy"] = GroupLimit(calls=1)  # lowered without a word
        with pytest.raises(SourceThrottledError) as told:
            await read(source, item)
        assert 55 <= told.value.retry_after <= 70
        asked = len(bench.phones.ledger.requests)
        with pytest.raises(SourceThrottledError):
            await read(source, item)
        assert len(bench.phones.ledger.requests) == asked, "nobody was poked"
        await asyncio.sleep(told.value.retry_after)
        assert len(await read(source, item)) == 100
        assert bench.phones.groups()["Heavy"].poked == 0

    in_virtual_time(scenario)


def test_two_sources_of_one_user_share_one_budget() -> None:
    """Limits are the user's, not the connection's."""

    async def scenario(bench: Bench) -> None:
        one, two = (bench.source(kinds="recording", poll_interval=3600) for _ in range(2))
        items = await recordings(bench, one, 30)
        for number in range(60):
            with contextlib.suppress(SourceThrottledError):
                await read((one, two)[number % 2], items[number % 30])
        assert bench.phones.groups()["Heavy"].refused == 0

    in_virtual_time(scenario)


def test_a_recording_that_is_not_ready_yet_is_waited_for() -> None:
    """The call log names it before it can be fetched: for a quarter of an hour that is no loss, and charges nobody."""

    async def scenario(bench: Bench) -> None:
        office = bench.phones.office
        source = bench.source(kinds="recording", poll_interval=3600)
        call = office.add_call(office.add_extension("101", "Ann"), [b"sound"])
        call.legs[0].recording.ready_at = office.now() + 300  # type: ignore[union-attr]  # it was just given
        (found,) = found_in(await one_pass(source))
        with pytest.raises(SourceThrottledError):
            await read(source, item_of(found))
        await asyncio.sleep(301)
        assert await read(source, item_of(found)) == b"sound"
        office.purge(call.legs[0].recording)
        await asyncio.sleep(900)
        with pytest.raises(SourceGoneError):
            await read(source, item_of(found))

    in_virtual_time(scenario)


def test_a_stream_goes_on_from_its_offset() -> None:
    """By a range; and what a cut connection gave is not the end."""

    async def scenario(bench: Bench) -> None:
        source = bench.source(kinds="recording", poll_interval=3600)
        (item,) = await recordings(bench, source, size=3_000_000)
        bench.phones.faults.add(Fault(action="cut_response", route="recording/content", after_bytes=1_000_000))
        with pytest.raises(TransientError, match="broke"):
            await read(source, item)
        assert len(await read(source, item, 1_000_000)) == 2_000_000
        assert await read(source, item, 3_000_000) == b""

    in_virtual_time(scenario, limits={})


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, TransientError), (404, SourceGoneError), (500, TransientError), (502, TransientError), (400, TransientError)],
)
def test_a_refusal_concerns_the_item(status: int, error: type[ArchiverError]) -> None:
    """One recording that cannot be read holds up no other; RingCentral's own words are not repeated."""

    async def scenario(bench: Bench) -> None:
        source = bench.source(kinds="recording", poll_interval=3600)
        (item,) = await recordings(bench, source)
        bench.phones.faults.add(Fault(action="reply", route="recording/content", status=status, body='{"message": "+15551234567 Ann"}'))
        with pytest.raises(error) as told:
            await read(source, item)
        assert "Ann" not in f"{told.value} {told.value.hint}"
        assert len(await read(source, item)) == 100

    in_virtual_time(scenario)


def test_a_token_that_ran_out_is_renewed_and_a_revoked_one_is_said() -> None:
    """401 once: a new token and the same call again; a link that is gone is a matter for a person."""

    async def scenario(bench: Bench) -> None:
        secrets_seen = []
        source = bench.source(kinds="recording", poll_interval=3600)
        (item,) = await recordings(bench, source)
        bench.phones.faults.add(Fault(action="expire_token", route="recording/content"))
        assert len(await read(source, item)) == 100
        bench.phones.faults.add(Fault(action="revoke", route="recording/content"))
        with pytest.raises(ReconnectNeededError) as told:
            await read(source, item)
        secrets_seen.append(f"{told.value!r} {told.value.__cause__!r} {told.value.__context__!r}")
        assert "Bearer" not in secrets_seen[0]
        assert "eyJ" not in secrets_seen[0]

    in_virtual_time(scenario)


def test_calls_that_are_repeated_after_a_lost_answer_are_counted() -> None:
    """HTTP clients repeat what they think harmless; here each call counts, and a budget that did not know would end in a penalty."""

    async def scenario(bench: Bench) -> None:
        source = bench.source(kinds="recording", poll_interval=3600)
        (item,) = await recordings(bench, source)
        bench.phones.faults.add(Fault(action="lose_answer", route="recording/content", times=0))
        for _ in range(30):
            with pytest.raises((TransientError, SourceThrottledError)):
                await read(source, item)
            await asyncio.sleep(4)
        heavy = bench.phones.groups()["Heavy"]
        assert heavy.admitted > 15
        assert heavy.refused == 0

    in_virtual_time(scenario)


def test_the_token_goes_nowhere_else() -> None:
    """An address of another host is not asked: whoever could change an answer would have the token."""

    async def scenario(bench: Bench) -> None:
        source = bench.source(kinds="recording", poll_interval=3600)
        (item,) = await recordings(bench, source)
        for address in ("https://evil.example/r/1", "http://127.0.0.1:1/x", "http://127.0.0.1.evil.example/x"):
            with pytest.raises(TransientError, match="elsewhere"):
                await read(source, msgspec.structs.replace(item, locator=address))

    in_virtual_time(scenario)


@pytest.mark.parametrize(("sound", "media_type"), [(b"RIFF....", "audio/x-wav"), (b"ID3.....", "audio/mpeg")])
def test_the_extension_is_what_the_account_records(sound: bytes, media_type: str) -> None:
    """The call log does not say; one recording is asked, once for all."""

    async def scenario(bench: Bench) -> None:
        office = bench.phones.office
        ann = office.add_extension("101", "Ann")
        for number in range(5):
            office.add_call(ann, [sound + bytes([number])], start=office.now() - HOUR)
        found: list[Discovery] = found_in(await one_pass(bench.source(kinds="recording", poll_interval=3600)))
        assert {discovery.media_type for discovery in found} == {media_type}
        assert bench.phones.ledger.count("recording/content") == 1

    in_virtual_time(scenario)
