"""Rows 10 and 11: the network is cut, lies, crawls or breaks in the middle."""

from __future__ import annotations

import itertools
import ssl
from functools import partial

import trustme

from archiver.pipeline.events import DeliveryFailed, ProviderUnavailable
from archiver.sandbox import Fault
from support.cloud import Cloud, in_the_cloud
from support.faultproxy import FaultProxy, Toxic

NAMES = ("c0", "c1", "c2", "c3")
MIB = 1024 * 1024


def untrusted() -> ssl.SSLContext:
    """A server whose certificate nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


async def outage(world: Cloud, seconds: float) -> list[ProviderUnavailable]:
    """Lets four customers work for a while whose Dropbox cannot be reached, beside one with another provider; what was told."""
    await world.add_customer("elsewhere")
    for name in NAMES:
        world.give_many(name, 100)
    began = world.clock.time()
    store = world.stores[world.lanes["elsewhere"]]
    while world.clock.time() < began + seconds:
        before = len(store.objects)
        world.put("elsewhere", 10, prefix=f"{before}-")
        await world.clock.sleep(10)
        assert len(store.objects) == before + 10, "another provider was held up"
    return [event for event in world.seen(ProviderUnavailable) if isinstance(event, ProviderUnavailable)]


@in_the_cloud
async def test_row_10_while_the_network_is_cut_one_lane_probes_for_all(world: Cloud) -> None:
    """Five failures of several accounts open the circuit; probes come 1, 2, 4 … 60 s apart; nobody is charged, others go on."""
    async with FaultProxy(world.sandbox.url) as proxy:
        world.proxy = proxy.url
        for name in NAMES:
            await world.link(name)
        proxy.add(Toxic("down"))
        async with world.running(world.assembly()):
            told = await outage(world, 900)
            pauses = [(after.until - before.until) / 1000 for before, after in itertools.pairwise(told)]
            assert told[0].provider == "dropbox"
            assert [round(pause) for pause in pauses[:6]] == [2, 4, 8, 16, 32, 60]
            assert all(60 <= pause <= 62 for pause in pauses[6:])
            proxy.heal()
            await world.settled(*NAMES, seconds=70)
    await world.check(attempts=0)
    assert not world.seen(DeliveryFailed)


@in_the_cloud
async def test_row_10_a_name_that_nobody_knows_is_an_unavailable_provider(world: Cloud) -> None:
    """DNS fails: the same circuit, nothing charged, nothing lost."""
    for name in NAMES:
        await world.link(name, url="https://dropbox.invalid")
    async with world.running(world.assembly()):
        told = await outage(world, 120)
    assert 5 <= len(told) <= 8
    for name in NAMES:
        assert {(row.attempt, row.state) for row in (await world.rows(name)).values()} == {(0, "waiting")}


@partial(in_the_cloud, tls=untrusted())
async def test_row_10_a_bad_certificate_is_never_accepted(world: Cloud) -> None:
    """TLS to somebody who cannot prove to be Dropbox: the same circuit, its reason names the certificate, and not one call is made."""
    for name in NAMES:
        await world.link(name, url=world.sandbox.tls_url)
    async with world.running(world.assembly()):
        told = await outage(world, 120)
    assert told
    assert all("Certificate" in event.reason for event in told)
    for name in NAMES:
        assert {(row.attempt, row.state) for row in (await world.rows(name)).values()} == {(0, "waiting")}
        assert not world.asked[name]
    assert not world.tokens, "a refresh token was sent to a stranger"


@in_the_cloud
async def test_row_11_a_reset_in_the_middle_of_a_chunk_costs_that_chunk(world: Cloud) -> None:
    """The same session goes on at the same offset; no byte is stored twice."""
    await world.link("acme")
    world.sandbox.add_fault(Fault(action="cut_request", route="files/upload_session/append_v2", nth=2, after_bytes=3 * MIB))
    world.give("acme", bytes(range(256)) * (40 * MIB // 256))
    async with world.running(world.assembly()):
        await world.settled(seconds=60)
    await world.check()
    assert world.asks("acme", "files/upload_session/start") == 1
    assert world.record("acme").received_bytes == 40 * MIB


@in_the_cloud
async def test_row_11_a_stalled_call_is_given_up_after_a_minute_without_a_byte(world: Cloud) -> None:
    """Sixty seconds without progress, then another try; another account is not held up meanwhile."""
    await world.link("stalled")
    await world.link("other")
    world.sandbox.add_fault(Fault(action="stall", account="stalled", route="files/upload_session/append_batch"))
    world.give_many("stalled", 5)
    async with world.running(world.assembly()):
        await world.until(lambda: world.asks("stalled", "*append_batch") == 1)
        began = world.clock.time()
        world.give_many("other", 2000)
        await world.settled("other", seconds=20)
        await world.settled("stalled", seconds=80)
        assert 60 < world.clock.time() - began < 70
    await world.check()


@in_the_cloud
async def test_row_11_a_slow_network_is_no_stalled_one(world: Cloud) -> None:
    """A body that takes two minutes at 1 KB/s arrives with the first call: what counts is bytes, not the time in all."""
    async with FaultProxy(world.sandbox.url, buffer_bytes=4096) as proxy:
        proxy.add(Toxic("bandwidth", rate=1000.0))
        world.proxy = proxy.url
        await world.link("slow")
        world.proxy = ""
        await world.link("other")
        world.give("slow", bytes(range(250)) * 500)
        async with world.running(world.assembly()):
            await world.clock.sleep(1)
            world.give_many("other", 2000)
            await world.settled("other", seconds=20)
            await world.settled("slow", seconds=600)
    assert world.clock.time() > 120
    assert world.asks("slow", "*append_batch") == 1
    await world.check(attempts=0)
