"""Rows 18 to 21 and 28 to 30: items that meet others, change, vanish, are empty, or have impossible names."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from archiver.lifecycle import DeliveryState
from archiver.model import Kind
from archiver.sandbox import Fault
from support.cloud import Cloud, in_the_cloud

MIB = 1024 * 1024
SIZES = {"small": 1000, "chunked": 9 * MIB}


async def rejected_row(world: Cloud, key: str) -> tuple[str, str]:
    """Reason and detail of an item that needs a person."""
    row = (await world.rows("acme"))[key]
    assert row.state is DeliveryState.REJECTED
    assert row.receipt is None
    return row.reason, row.detail


@in_the_cloud
async def test_row_18_a_foreign_file_at_the_path_is_never_touched(world: Cloud) -> None:
    """The item waits for a person under its one name; others go on; when the foreign file is moved away a retry archives it."""
    await world.link("acme")
    for name, size in SIZES.items():
        await world.put_foreign("acme", world.path_of(world.give("acme", bytes(size), external_id=name)), b"somebody else's")
    async with world.running(world.assembly()):
        world.give_many("acme", 50)
        await world.settled(seconds=60)
        for name in SIZES:
            reason, detail = await rejected_row(world, name)
            assert reason == "ConflictError"
            assert "conflict" in detail
        foreign = [file for file in world.files("acme") if file.size == len(b"somebody else's")]
        assert [file.revisions for file in foreign] == [1, 1]
        assert len(world.files("acme")) == 52
        for file in foreign:
            world.remove("acme", file.path)
        await (await world.another_process()).retry(customer="acme", now=int(world.clock.wall() * 1000))
        await world.settled(seconds=60)
    await world.check()


@in_the_cloud
async def test_row_18_the_same_bytes_at_the_path_are_ours_already(world: Cloud) -> None:
    """What an earlier program, or a lost answer, has put there with our bytes is taken as it is, and nothing is written."""
    await world.link("acme")
    for name, size in SIZES.items():
        data = bytes(size)
        await world.put_foreign("acme", world.path_of(world.give("acme", data, external_id=name)), data)
    async with world.running(world.assembly()):
        await world.settled(seconds=60)
    await world.check(attempts=0)


@in_the_cloud
async def test_row_18_a_folder_in_the_way_needs_a_person(world: Cloud) -> None:
    """Nothing is put beside it or into it."""
    await world.link("acme")
    path = world.path_of(world.give("acme", b"mine", external_id="one"))
    await world.put_foreign("acme", f"{path}/inside.txt", b"theirs")
    async with world.running(world.assembly()):
        await world.settled(seconds=60)
        assert (await rejected_row(world, "one"))[0] == "ConflictError"
    assert [file.path for file in world.files("acme")] == [f"{path}/inside.txt"]


WRONG = {
    "short": (b"only this", {"size": 100}),
    "long": (bytes(200), {"size": 100}),
    "another hash": (b"these bytes", {"sha256": hashlib.sha256(b"other bytes").hexdigest()}),
    "short stream": (bytes(6 * MIB), {"size": 9 * MIB}),
    "long stream": (bytes(9 * MIB), {"size": 6 * MIB}),
    "another hash of a stream": (bytes(9 * MIB), {"sha256": hashlib.sha256(b"x").hexdigest()}),
}


@in_the_cloud
async def test_row_19_bytes_that_are_not_those_declared_are_never_archived(world: Cloud) -> None:
    """Short, long, of another hash; small and in chunks: nothing becomes visible, three looks in ten minutes or more, then a person."""
    await world.link("acme")
    for name, (data, fields) in WRONG.items():
        world.give("acme", data, external_id=name.replace(" ", "-"), **fields)
    async with world.running(world.assembly()):
        await world.clock.sleep(500)
        assert await world.ended("acme") == 0, "it was given up before it could be complete"
        await world.settled(seconds=1300)
        for name in WRONG:
            reason, detail = await rejected_row(world, name.replace(" ", "-"))
            assert reason == "SourceChangedError"
            assert "third look" in detail
        assert "declared 100 bytes and gave 9" in (await rejected_row(world, "short"))[1]
    assert world.clock.time() >= 600
    assert not world.files("acme")


@in_the_cloud
async def test_row_19_a_source_that_comes_right_is_archived(world: Cloud) -> None:
    """A recording that was still being written is complete at the second look."""
    await world.link("acme")
    world.give("acme", b"half", external_id="one", size=12)
    async with world.running(world.assembly()):
        await world.clock.sleep(60)
        world.sources[world.source_ids["acme"]].replace("one", b"now complete")
        world.sent["acme"]["one"] = b"now complete"
        await world.settled(seconds=700)
    await world.check(attempts=1)


@in_the_cloud
async def test_row_20_what_changes_after_it_was_found_is_noticed_by_its_hash(world: Cloud) -> None:
    """Same size, other bytes: where the source declared a hash, nothing of it is committed."""
    await world.link("acme")
    for name, size in SIZES.items():
        world.give("acme", bytes(size), external_id=name, sha256=hashlib.sha256(bytes(size)).hexdigest())
        world.sources[world.source_ids["acme"]].replace(name, b"x" * size)
    async with world.running(world.assembly()):
        await world.settled(seconds=1300)
        for name in SIZES:
            assert (await rejected_row(world, name))[0] == "SourceChangedError"
    assert not world.files("acme")


@in_the_cloud
async def test_row_20_old_and_new_bytes_are_never_mixed(world: Cloud) -> None:
    """A big file is replaced by one of the same size while half of it is in Dropbox; no hash was declared: the new one is sent whole."""
    await world.link("acme")
    world.sandbox.add_fault(Fault(action="cut_request", route="*append_v2", nth=3, after_bytes=MIB))
    world.give("acme", b"old " * (10 * MIB), external_id="one")
    world.give("acme", b"other" * (2 * MIB), external_id="two")
    async with world.running(world.assembly()):
        await world.until(lambda: world.asks("acme", "*append_v2") == 3)
        new = world.sent["acme"]["one"] = b"new " * (10 * MIB)
        world.sources[world.source_ids["acme"]].replace("one", new)
        await world.settled(seconds=600)
    await world.check()


@in_the_cloud
async def test_row_21_what_the_source_lost_is_gone_at_the_third_look(world: Cloud) -> None:
    """Over a minute or more, without any call for it; counted apart from what was rejected, and what comes back can be retried."""
    await world.link("acme")
    for name, size in SIZES.items():
        world.give("acme", bytes(size), external_id=name)
        world.sources[world.source_ids["acme"]].remove(name)
    async with world.running(world.assembly()):
        await world.clock.sleep(55)
        assert await world.ended("acme") == 0
        await world.settled(seconds=130)
        row = await world.counters("acme")
        assert (row.gone, row.rejected, row.archived) == (2, 0, 0)
        assert not world.asks("acme", "files/*")
        for name, size in SIZES.items():
            world.sources[world.source_ids["acme"]].replace(name, bytes(size))
        await (await world.another_process()).retry(customer="acme", now=int(world.clock.wall() * 1000))
        await world.until(lambda: len(world.files("acme")) == 2)
        await world.settled()
    await world.check()


@in_the_cloud
async def test_row_28_an_empty_item_is_archived_as_an_empty_file(world: Cloud) -> None:
    """With the hash of nothing, alone and among others, known to be empty or found to be."""
    await world.link("acme")
    world.give("acme", b"", external_id="known")
    world.give("acme", b"", external_id="found", size=None)
    world.give_many("acme", 20)
    async with world.running(world.assembly()):
        await world.settled(seconds=60)
    await world.check(attempts=0)
    empty = [file for file in world.files("acme") if not file.size]
    assert [(file.sha256[:8], file.content_hash[:8]) for file in empty] == [("e3b0c442", "e3b0c442")] * 2


NAMES = {
    "decomposed": unicodedata.normalize("NFD", "Zoë Müller"),
    "composed": unicodedata.normalize("NFC", "Zoë Müller"),
    "emoji": "☎ 😀👩‍👩‍👧",
    "override": "safe\u202egpj.exe",
    "up": "../../etc/passwd",
    "slashes": "a/b\\c",
    "nul": "a\0b\x7f",
    "device": "CON",
    "dots": "...",
    "trailing": "name. ",
    "spaces": "   ",
    "long": "ä" * 300,
    "case": "name",
    "Case": "NAME",
    "newline": "a\r\nb",
    "reserved": "desktop.ini",
}


async def archive_names(world: Cloud) -> None:
    """Every name as the sender's, and as the item's own id, in an account that refuses what Dropbox refuses."""
    await world.link("acme")
    for key, name in NAMES.items():
        world.give("acme", f"sender {key}".encode(), external_id=key, sender=name, recipient=name)
        world.give("acme", f"id {key}".encode(), external_id=name, part=key, kind=Kind.FAX, media_type="application/pdf")
    async with world.running(world.assembly()):
        await world.settled(seconds=60)


@in_the_cloud
async def test_row_29_whatever_names_come_every_item_has_one_that_dropbox_takes(world: Cloud) -> None:
    """NFD, emoji, overrides, `..`, NUL, CON, 300 letters, dots, names that differ in case only: all archived, none outside."""
    world.template = "/{kind}/{sender}/{recipient}_{id}.{ext}"
    await archive_names(world)
    await world.check(attempts=0)
    paths = [file.path for file in world.files("acme")]
    assert all(path.startswith("/Archive/") and ".." not in path.split("/") for path in paths)
    assert all(len(part.encode()) <= 255 for path in paths for part in path.split("/"))
    assert len({path.lower() for path in paths}) == len(paths) == 2 * len(NAMES)


async def archived_plainly(world: Cloud, tag: str) -> None:
    """Dropbox refuses two names in a commit of many, and one of a big file: they go under plain ones, the others as they are called."""
    await world.link("acme")
    world.sandbox.add_fault(Fault(action="fail_entries", route="*finish*", tag=tag, entries=(0, 3)))
    world.give_many("acme", 20)
    async with world.running(world.assembly()):
        await world.settled(seconds=60)
        world.sandbox.add_fault(Fault(action="fail_entries", route="*finish*", tag=tag))
        world.give("acme", bytes(9 * MIB), external_id="big")
        await world.settled(seconds=60)
    await world.check(attempts=0)
    plain = [row for row in (await world.rows("acme")).values() if row.receipt is not None and not row.receipt.path.endswith(row.path)]
    assert len(plain) == 3
    assert all(re.fullmatch(r"/Archive/[a-zA-Z]+/[0-9A-Za-z-]+~[0-9a-f]{15}\.txt", row.receipt.path) for row in plain if row.receipt)
    # The bytes travelled once: only the commit was made again.
    assert world.record("acme").received_bytes == sum(map(len, world.sent["acme"].values()))


@in_the_cloud
async def test_row_30_a_disallowed_name_becomes_a_plain_one(world: Cloud) -> None:
    """In spite of row 29: the second try is made under a safe name of ASCII letters, fixed by the item's path."""
    await archived_plainly(world, "disallowed_name")


@in_the_cloud
async def test_row_30_a_malformed_path_becomes_a_plain_one(world: Cloud) -> None:
    """As above."""
    await archived_plainly(world, "malformed_path")


@in_the_cloud
async def test_row_30_a_name_that_is_refused_twice_needs_a_person(world: Cloud) -> None:
    """The lane goes on."""
    await world.link("acme")
    world.sandbox.add_fault(Fault(action="fail_entries", route="*finish*", tag="disallowed_name", times=2))
    world.give("acme", b"x", external_id="one")
    async with world.running(world.assembly()):
        await world.settled(seconds=60)
        assert (await rejected_row(world, "one"))[0] == "BadNameError"
        world.give_many("acme", 20)
        await world.settled(seconds=60)
    await world.check(missing=1)
