"""Rows 14, 15 and 40: tokens that end, links that are revoked, customers who are paused."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from archiver.model import ConnectionState, CustomerState
from archiver.pipeline.events import LaneParked
from archiver.sandbox import Fault, Limits
from support.cloud import Cloud, in_the_cloud

MIB = 1024 * 1024


@in_the_cloud
async def test_row_14_a_token_that_ends_in_the_middle_of_a_big_file_costs_one_refresh(world: Cloud) -> None:
    """The same session goes on at the same offset with the new token; small files beside it share the one refresh."""
    await world.link("acme", Limits(latency=0.5))
    world.sandbox.add_fault(Fault(action="expire_token", route="files/upload_session/append_v2", nth=3))
    world.give("acme", bytes(range(256)) * (50 * MIB // 256))
    world.give_many("acme", 500)
    async with world.running(world.assembly()):
        await world.until(lambda: world.tokens > 0)
        first = world.tokens
        await world.settled(seconds=120)
    await world.check(attempts=0)
    assert world.tokens == first + 1
    assert world.asks("acme", "files/upload_session/start") == 1
    assert world.record("acme").received_bytes == sum(map(len, world.sent["acme"].values()))


@partial(in_the_cloud, access_token_seconds=1800.0)
async def test_row_14_tokens_are_refreshed_five_minutes_before_they_end(world: Cloud) -> None:
    """An item a minute, each time to a lane that slept: no call is refused for its token, and a token is used for all its life but that."""
    await world.link("acme")
    first = world.tokens
    async with world.running(world.assembly()):
        for _ in range(70):
            world.give_many("acme", 1)
            await world.clock.sleep(60)
        await world.settled()
    await world.check(attempts=0)
    # Lives of half an hour without their last five minutes, begun at 0:00, 0:25 and 0:50.
    assert world.tokens - first == 3


async def parked_for_a_person(world: Cloud, broken: Callable[[], object], mended: Callable[[], object]) -> None:
    """The link stops working: one event, no further call, all kept; when the customer has connected again, all is archived."""
    await world.link("acme")
    await world.link("other")
    world.give_many("acme", 100)
    async with world.running(world.assembly()):
        await world.settled()
        broken()
        world.give_many("acme", 500)
        await world.until(lambda: bool(world.seen(LaneParked)))
        await world.clock.sleep(2)
        calls, tokens, oldest = world.calls("acme"), world.tokens, (await world.counters("acme")).oldest_waiting_at
        world.give_many("acme", 10)
        world.give_many("other", 500)
        await world.settled("other", seconds=10)
        await world.clock.sleep(3600)
        assert world.calls("acme") == calls, "somebody went on asking"
        assert world.tokens <= tokens + 1  # the other's ended meanwhile
        row = await world.counters("acme")
        assert (row.state, row.waiting, row.oldest_waiting_at) == (ConnectionState.RECONNECT_NEEDED, 510, oldest)
        (parked,) = world.seen(LaneParked)
        assert isinstance(parked, LaneParked)
        assert parked.state is ConnectionState.RECONNECT_NEEDED
        mended()
        await (await world.another_process()).set_connection_state(world.lanes["acme"], ConnectionState.ACTIVE, "")
        await world.settled(seconds=60)
    await world.check(attempts=0)


@in_the_cloud
async def test_row_15_a_revoked_link_parks_its_lane_until_the_customer_connects_again(world: Cloud) -> None:
    """Every token of the account is dead, also the one to refresh with."""
    await parked_for_a_person(world, lambda: world.sandbox.world.revoke("acme"), lambda: world.connect_again("acme"))


@in_the_cloud
async def test_row_15_a_refresh_that_is_refused_parks_the_lane(world: Cloud) -> None:
    """`invalid_grant`: asked once, however many calls wait for the token."""

    def broken() -> None:
        world.sandbox.world.expire_tokens("acme")
        world.sandbox.world.revoke("acme")

    await parked_for_a_person(world, broken, lambda: world.connect_again("acme"))


@in_the_cloud
async def test_row_15_a_suspended_user_parks_the_lane(world: Cloud) -> None:
    """A fresh token would not help, so none is asked for."""
    change = world.sandbox.world.change_account
    await parked_for_a_person(world, lambda: change("acme", suspended=True), lambda: change("acme", suspended=False))


@in_the_cloud
async def test_row_15_a_missing_scope_parks_the_lane(world: Cloud) -> None:
    """The reason names the scope, so that a person knows what to tick."""
    union = {".tag": "missing_scope", "required_scope": "files.content.write"}
    body = json.dumps({"error_summary": "missing_scope/..", "error": union})
    fault = Fault(action="reply", account="acme", route="files/*", status=401, body=body, content_type="application/json", times=0)
    await parked_for_a_person(world, lambda: world.sandbox.add_fault(fault), world.sandbox.world.faults.clear)
    (parked,) = world.seen(LaneParked)
    assert isinstance(parked, LaneParked)
    assert "files.content.write" in parked.reason


@in_the_cloud
async def test_row_40_what_is_under_way_of_a_paused_customer_ends_and_nothing_begins(world: Cloud) -> None:
    """Paused by another process in the middle of its calls: those end and count, no new one is made; resumed, it goes on."""
    await world.link("acme", Limits(latency=3.0))
    world.give_many("acme", 5000)
    async with world.running(world.assembly()):
        await world.until(lambda: world.asks("acme", "*append_batch") > 3)
        await (await world.another_process()).set_customer_state("acme", CustomerState.PAUSED)
        await world.clock.sleep(30)
        calls, row = world.calls("acme"), await world.counters("acme")
        assert 0 < row.archived == len(world.files("acme")) < 5000
        await world.clock.sleep(3600)
        assert world.calls("acme") == calls
        await (await world.another_process()).set_customer_state("acme", CustomerState.ACTIVE)
        await world.settled(seconds=300)
    await world.check(attempts=0)
