"""The classes of failures at a second provider: what the other rooms here say of Dropbox, OneDrive and Google Drive must say in their way.

docs/reliability.md has the table. What Dropbox has to itself, and no other test here shows, stands at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState
from archiver.pipeline.events import LaneParked, LaneThrottled, ProviderUnavailable
from archiver.sandbox import Fault
from support.cloud import Cloud, in_the_cloud
from support.drives import Drives, in_google_drive, in_onedrive

MIB = 1024 * 1024
PAGE = "<html><body>502 Bad Gateway</body></html>"


def graph_error(code: str) -> str:
    """An error as Microsoft Graph writes it."""
    return json.dumps({"error": {"code": code, "message": "no", "innerError": {"code": code}}})


def google_error(reason: str) -> str:
    """An error as Google writes it."""
    return json.dumps({"error": {"code": 403, "message": "no", "errors": [{"domain": "usageLimits", "reason": reason, "message": "no"}]}})


def said(status: int, body: str, *, route: str = "upload.*", times: int = 1, **headers: str) -> Fault:
    """This is answered instead."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(
        action="reply", account="acme", route=route, status=status, body=body, headers=told, content_type="application/json", times=times
    )


async def parked(
    world: Cloud, state: ConnectionState, broken: Callable[[], object], mended: Callable[[], object], *, looks: int = 0
) -> str:
    """The lane is parked and told, no upload is tried meanwhile, all is kept; mended, and active again, it goes on. The reason.

    Where only an upload shows what is wrong, one is tried after each of so many ``looks`` within half an hour.
    """
    await world.link("acme")
    await world.link("other")
    world.give_many("acme", 20)
    async with world.running(world.assembly()):
        await world.settled()
        broken()
        world.give_many("acme", 40)
        await world.until(lambda: bool(world.seen(LaneParked)))
        world.give_many("other", 40)
        await world.settled("other", seconds=30)
        await world.clock.sleep(5)
        uploads = world.asks("acme", "*upload*")
        await world.clock.sleep(1800)
        row = await world.counters("acme")
        assert (row.state, row.waiting, row.rejected, row.gone) == (state, 40, 0, 0)
        assert world.asks("acme", "*upload*") <= uploads + 3 * looks, "somebody went on trying"
        event, *again = world.seen(LaneParked)
        assert len(again) <= looks
        assert isinstance(event, LaneParked)
        mended()
        if state is not ConnectionState.QUOTA_FULL:  # which is looked after by itself
            await (await world.another_process()).set_connection_state(world.lanes["acme"], ConnectionState.ACTIVE, "")
        await world.settled(seconds=4000)
    await world.check(attempts=0)
    return event.reason


@in_onedrive
async def test_row_12_onedrive_is_left_alone_until_its_retry_after_is_over(world: Drives) -> None:
    """To the second, at no item's cost, and another account is not delayed."""
    await world.link("acme")
    await world.link("other")
    world.goes_wrong(said(429, graph_error("activityLimitReached"), Retry_After="15"))
    world.give_many("acme", 30)
    async with world.running(world.assembly()):
        await world.until(lambda: bool(world.seen(LaneThrottled)))
        await world.clock.sleep(0.5)  # until those that were on their way have ended
        calls, began = world.calls("acme"), world.clock.time()
        world.give_many("other", 30)
        await world.settled("other", seconds=5)
        await world.until(lambda: world.calls("acme") > calls, seconds=60)
        assert 13.5 <= world.clock.time() - began <= 16.5
        await world.settled(seconds=60)
    await world.check(attempts=0)


@in_google_drive
async def test_row_12_google_drive_that_writes_too_often_is_slowed_down_at_no_items_cost(world: Drives) -> None:
    """It tells no Retry-After, and permits a few writes a second: nothing is charged, and refusals stay rare."""
    await world.link("acme")
    world.drives.set_limits("acme", writes_per_second=5.0, write_burst=3.0)
    world.give_many("acme", 400)
    async with world.running(world.assembly()):
        await world.settled(seconds=300)
    await world.check(attempts=0)
    record = world.record("acme")
    assert 0 < record.refused["too_many_requests"] < 40


@in_onedrive
async def test_row_14_a_token_of_onedrive_that_ends_in_the_middle_of_a_big_file_costs_one_refresh(world: Drives) -> None:
    """The upload goes on in the same session."""
    await world.link("acme")
    world.give_many("acme", 20)
    world.give("acme", bytes(range(256)) * (30 * MIB // 256))
    world.goes_wrong(Fault(action="expire_token", route="upload.content", nth=10))
    async with world.running(world.assembly()):
        await world.until(lambda: world.asks("acme", "upload.*") > 0)
        tokens = world.tokens
        await world.settled(seconds=120)
    await world.check(attempts=0)
    assert world.tokens == tokens + 1
    assert world.asks("acme", "upload.begin") == 1


@in_onedrive
async def test_row_15_a_revoked_onedrive_parks_its_lane_until_the_customer_connects_again(world: Drives) -> None:
    """Neither its token nor its refresh token holds any more."""
    await parked(world, ConnectionState.RECONNECT_NEEDED, lambda: world.revoke("acme"), lambda: world.connect_again("acme"))


@in_google_drive
async def test_row_15_a_google_drive_without_its_scope_parks_its_lane(world: Drives) -> None:
    """The box for Drive was not ticked: a fresh token would not help."""
    fault = said(403, google_error("insufficientPermissions"), route="*", times=0)
    reason = await parked(world, ConnectionState.RECONNECT_NEEDED, lambda: world.goes_wrong(fault), world.healed)
    assert "insufficientPermissions" in reason


@in_onedrive
async def test_row_17_a_full_onedrive_goes_on_by_itself(world: Drives) -> None:
    """Looked at each quarter of an hour, and nobody has to press a button."""

    def quota(size: int) -> Callable[[], None]:
        return lambda: world.drives.set_quota("acme", size)

    await parked(world, ConnectionState.QUOTA_FULL, quota(1), quota(1 << 30))


@in_onedrive
async def test_row_18_a_foreign_file_in_a_onedrive_is_never_touched(world: Drives) -> None:
    """Other bytes under our name: the item waits for a person. The same bytes: they are ours already."""
    await world.link("acme")
    await world.put_foreign("acme", world.path_of(world.give("acme", b"mine", external_id="mine")), b"somebody else's")
    await world.put_foreign("acme", world.path_of(world.give("acme", b"same", external_id="same")), b"same")
    world.give_many("acme", 20)
    async with world.running(world.assembly()):
        await world.settled(seconds=300)
    rows = await world.rows("acme")
    assert (rows["mine"].state, rows["mine"].reason) == (DeliveryState.REJECTED, "ConflictError")
    assert rows["same"].receipt is not None
    assert rows["same"].receipt.recovered
    assert (await world.counters("acme")).archived == 21
    assert all(file.revisions == 1 for file in world.files("acme"))


@in_onedrive
async def test_row_30_a_name_that_onedrive_refuses_needs_a_person(world: Drives) -> None:
    """The item is rejected with the provider's word; nobody else notices."""
    await world.link("acme")
    world.give("acme", b"never", external_id="bad")
    async with world.running(world.assembly()):
        world.goes_wrong(said(400, graph_error("invalidName"), times=0))
        await world.settled(seconds=300)
        world.healed()
        world.give_many("acme", 20)
        await world.settled(seconds=30)
    row = (await world.rows("acme"))["bad"]
    assert (row.state, row.reason) == (DeliveryState.REJECTED, "RejectedError")
    assert "invalidName" in row.detail
    assert (await world.counters("acme")).archived == 20


@in_onedrive
async def test_a_onedrive_that_may_not_be_written_parks_its_lane(world: Drives) -> None:
    """The administrator has not allowed it, or the account may only read."""
    fault = said(403, graph_error("accessDenied"), times=0)
    reason = await parked(world, ConnectionState.MISCONFIGURED, lambda: world.goes_wrong(fault), world.healed, looks=1)
    assert "accessDenied" in reason


@in_onedrive
async def test_an_upload_that_onedrive_has_forgotten_is_begun_anew(world: Drives) -> None:
    """Its address has ended in the middle: the file is sent from the beginning, and is there once."""
    await world.link("acme")
    world.give("acme", bytes(range(256)) * (30 * MIB // 256))
    world.goes_wrong(Fault(action="reply", route="upload.fragment", nth=2, status=404, body=graph_error("itemNotFound")))
    async with world.running(world.assembly()):
        await world.settled(seconds=600)
    await world.check()
    assert world.asks("acme", "upload.begin") == 2


@in_google_drive
async def test_a_google_drive_that_has_had_its_bytes_of_the_day_is_asked_each_half_hour(world: Drives) -> None:
    """750 GB in a day: nothing is lost or charged, and it goes on when the day is over."""
    await world.link("acme")
    world.give_many("acme", 30)
    world.goes_wrong(said(403, google_error("dailyLimitExceeded"), times=0))
    async with world.running(world.assembly()):
        await world.until(lambda: bool(world.seen(LaneThrottled)))
        await world.clock.sleep(10)
        calls = world.calls("acme")
        await world.clock.sleep(4 * 3600)
        assert 4 <= world.calls("acme") - calls <= 100
        world.healed()
        await world.settled(seconds=3600)
    await world.check(attempts=0, obedient=False)  # the sandbox tells no time, and counts none


@in_onedrive
async def test_row_16_a_onedrive_that_fails_for_all_is_probed_by_one(world: Drives) -> None:
    """Five minutes of 502 with a page of HTML: few calls, hardly a try is charged, and soon after it all is archived."""
    names = ("acme", "b", "c", "d")
    for name in names:
        await world.link(name)
    world.goes_wrong(Fault(action="reply", route="*", status=502, body=PAGE, content_type="text/html", times=0))
    async with world.running(world.assembly()):
        for name in names:
            world.give_many(name, 100)
        await world.clock.sleep(300)
        assert world.seen(ProviderUnavailable)
        assert sum(world.calls(name) for name in names) <= 150
        world.healed()
        await world.settled(seconds=62)
    await world.check()
    # Here a call carries one item: the first of a lane is alone, and of one that is alone the provider is believed innocent.
    rows = [row for name in names for row in (await world.rows(name)).values()]
    assert max(row.attempt for row in rows) <= 1
    assert sum(row.attempt for row in rows) <= 4 * len(names)


# -- what is Dropbox's, and stands nowhere else -------------------------------------------------------------------------------------


@in_the_cloud
async def test_a_dropbox_that_may_not_be_written_parks_its_lane(world: Cloud) -> None:
    """`no_write_permission`, of every entry of a commit."""
    error = {".tag": "path", "reason": {".tag": "no_write_permission"}, "upload_session_id": "x"}
    body = json.dumps({"error_summary": "path/no_write_permission/.", "error": error})
    fault = said(409, body, route="files/upload_session/*", times=0)
    mended = world.sandbox.world.faults.clear
    reason = await parked(world, ConnectionState.MISCONFIGURED, lambda: world.sandbox.add_fault(fault), mended, looks=1)
    assert "no_write_permission" in reason


@in_the_cloud
async def test_a_dropbox_team_without_transport_calls_waits_for_the_next_month(world: Cloud) -> None:
    """Nothing is charged, and when there are calls again it goes on by itself."""
    body = json.dumps(
        {"error_summary": "invalid_account_type/feature/.", "error": {".tag": "invalid_account_type", "invalid_account_type": "feature"}}
    )
    fault = said(403, body, route="files/upload_session/*", times=0)
    mended = world.sandbox.world.faults.clear
    reason = await parked(world, ConnectionState.QUOTA_FULL, lambda: world.sandbox.add_fault(fault), mended, looks=1)
    assert "transport" in reason
