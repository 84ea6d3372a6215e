"""Rows 16, 17 and 22: providers that fail, are full, or store something else."""

from __future__ import annotations

from archiver.lifecycle import DeliveryState
from archiver.model import ConnectionState
from archiver.pipeline.events import DeliveryFailed, LaneParked, ProviderUnavailable
from archiver.sandbox import Fault
from support.cloud import Cloud, in_the_cloud

UPLOADS = "files/upload_session/*"
PAGE = "<html><body>502 Bad Gateway</body></html>"


@in_the_cloud
async def test_row_16_a_burst_of_5xx_opens_the_circuit_and_charges_nobody(world: Cloud) -> None:
    """Five minutes in which Dropbox answers 503 to everybody: few calls are made for it, and a minute after it all is archived."""
    names = ("c0", "c1", "c2", "c3")
    for name in names:
        await world.link(name)
    world.sandbox.add_fault(Fault(action="reply", route="*", status=503, body=PAGE, content_type="text/html", times=0))
    async with world.running(world.assembly()):
        for name in names:
            world.give_many(name, 1000)
        await world.clock.sleep(300)
        assert 7 <= len(world.seen(ProviderUnavailable)) <= 14
        assert sum(world.calls(name) for name in names) <= 60
        world.sandbox.world.faults.clear()
        await world.settled(seconds=62)
    await world.check(attempts=0)
    assert not world.seen(DeliveryFailed)


@in_the_cloud
async def test_row_16_one_item_that_fails_among_others_is_charged(world: Cloud) -> None:
    """`internal_error` for one entry of a commit, again and again: its tries are counted, further and further apart."""
    await world.link("acme")
    world.give_many("acme", 20)
    async with world.running(world.assembly()):
        await world.settled()
        world.sandbox.add_fault(Fault(action="fail_entries", route="*finish*", tag="internal_error", entries=(0,), times=0))
        world.give("acme", b"always fails", external_id="bad")
        tries = []
        for attempt in (1, 2, 3):
            await world.until(lambda attempt=attempt: len(world.seen(DeliveryFailed)) == attempt)
            tries.append(world.clock.time())
        await world.clock.sleep(1)  # it is told before it is written
        row = (await world.rows("acme"))["bad"]
        assert (row.state, row.reason, row.attempt) == (DeliveryState.WAITING, "TransientError", 3)
        assert 2.5 <= tries[1] - tries[0] <= 6
        assert 30 <= tries[2] - tries[1] <= 61
        assert not world.seen(ProviderUnavailable)
        world.sandbox.world.faults.clear()
        await world.settled()
    await world.check()


BODIES = {
    "html": (PAGE, "text/html"),
    "nothing": ("", "text/plain"),
    "broken JSON": ('{"error_summary": "intern', "application/json"),
    "other JSON": ("[1, 2, null]", "application/json"),
    "a huge page": ("x" * (20 * 1024 * 1024), "text/html"),
}


@in_the_cloud
async def test_row_16_an_error_may_have_any_body(world: Cloud) -> None:
    """HTML, nothing, JSON cut off, JSON of another shape, 20 MB: each is another try, and of none more than 64 KiB is read."""
    await world.link("acme")
    for body, content_type in BODIES.values():
        for status in (500, 502):
            world.sandbox.add_fault(Fault(action="reply", route=UPLOADS, status=status, body=body, content_type=content_type))
    world.give_many("acme", 100)
    async with world.running(world.assembly()):
        await world.settled(seconds=1200)
    await world.check(attempts=0)


@in_the_cloud
async def test_row_17_a_full_dropbox_is_parked_probed_and_goes_on_by_itself(world: Cloud) -> None:
    """One event, a look each quarter of an hour, no upload meanwhile, nobody charged; when there is room it goes on without a hand."""
    await world.link("acme", quota_bytes=10_000)
    await world.link("other")
    async with world.running(world.assembly()):
        world.give_many("acme", 40, size=200)
        await world.settled()
        world.give_many("acme", 100, size=200)
        await world.until(lambda: bool(world.seen(LaneParked)))
        world.give_many("other", 500)
        await world.settled("other", seconds=10)
        await world.clock.sleep(60)
        calls, uploads = world.calls("acme"), world.asks("acme", UPLOADS)
        began = world.clock.time()
        await world.clock.sleep(2 * 3600)
        row = await world.counters("acme")
        assert row.state is ConnectionState.QUOTA_FULL
        assert "insufficient_space" in row.reason or "full" in row.reason
        hours = (world.clock.time() - began) / 3600
        assert world.asks("acme", "users/get_space_usage") >= 3 * hours
        assert world.calls("acme") - calls <= 20 * hours
        world.sandbox.world.change_account("acme", quota_bytes=1_000_000)
        await world.settled(seconds=15 * 60 + 90)
    assert world.asks("acme", UPLOADS) > uploads
    await world.check(attempts=0)


@in_the_cloud
async def test_row_22_what_was_stored_wrong_is_never_called_archived(world: Cloud) -> None:
    """A flipped bit: the confirmed hash differs, the next try meets the wrong file, and a person must look; nothing is deleted."""
    await world.link("acme")
    world.sandbox.add_fault(Fault(action="corrupt", route="*finish*"))
    world.give("acme", b"one recording", external_id="one")
    async with world.running(world.assembly()):
        await world.settled(seconds=60)
        world.give_many("acme", 50)
        await world.settled(seconds=10)
    row = (await world.rows("acme"))["one"]
    assert (row.state, row.reason, row.receipt) == (DeliveryState.REJECTED, "ConflictError", None)
    assert [event.reason for event in world.seen(DeliveryFailed) if isinstance(event, DeliveryFailed)] == [
        "IntegrityError",
        "ConflictError",
    ]
    wrong = [file for file in world.files("acme") if file.path.endswith("/one.txt")]
    assert [file.revisions for file in wrong] == [1], "it was overwritten or deleted"
    assert (await world.counters("acme")).archived == 50
    assert not world.asks("acme", "files/delete*")
