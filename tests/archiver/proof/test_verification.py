"""Verification: every file that is not what its receipt says is named, and nothing is called proven that was not seen."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from archiver.database.conformance.world import NOW, World, archived, due, world
from archiver.database.sqlite import SqliteDatabase
from archiver.destinations.conformance import put, receipt_of, whole
from archiver.destinations.memory import MemoryDestination
from archiver.destinations.port import Context, Destination, Found, Unpaced
from archiver.errors import ConfigError, ReconnectNeededError
from archiver.model import Connection, Receipt
from archiver.proof.auditing import Auditor
from archiver.proof.prover import Prover
from archiver.proof.verification import difference, verify
from genstage.clock import SystemClock

RECEIPT = Receipt(path="/a", size=5, sha256="ab", remote_hash="dropbox:cd", archived_at=1)
FILES = 12


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """An open, empty database."""
    database = SqliteDatabase(tmp_path / "archiver.db")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def store() -> MemoryDestination:
    """A storage."""
    return MemoryDestination(Context(pace=Unpaced(), clock=SystemClock()))


async def filled(database: SqliteDatabase, store: MemoryDestination) -> World:
    """A customer whose files are really in the storage, with the storage's receipts."""
    klm = await world(database, "klm")
    await database.add_births(klm.source, klm.births(FILES), now=NOW, cursor=None)
    settled = []
    for delivery in await due(database, klm.lanes[0]):
        data = f"file {delivery.id}".encode()
        outcomes = await put(store, [whole(delivery.id, data, delivery.path)])
        settled.append(msgspec.structs.replace(archived(delivery), receipt=receipt_of(outcomes[delivery.id], data)))
    await database.settle(settled, klm.epochs)
    return klm


def opening(store: Destination) -> Callable[[Connection], Destination]:
    """Whatever connection is opened, it is this storage."""
    return lambda _: store


async def test_a_whole_storage_is_proven(database: SqliteDatabase, store: MemoryDestination) -> None:
    """Each file by its hash; a throttle is waited for."""
    klm = await filled(database, store)
    store.throttle_next(0.01, calls=2)
    passed: list[int] = []
    found = await verify(database, klm.customer, opening(store), clock=SystemClock(), told=passed.append)
    ((lane,),) = [found.lanes]
    assert (lane.archived, lane.looked, lane.same, lane.size_only, lane.unseen) == (FILES, FILES, FILES, 0, "")
    assert (found.proven, list(found.differences), passed) == (True, [], [FILES])


async def test_each_difference_is_named(database: SqliteDatabase, store: MemoryDestination) -> None:
    """A file that is gone, one of another size, one with other bytes of the same number; the others are proven."""
    klm = await filled(database, store)
    del store.objects["/sms/0.txt"]
    store.objects["/sms/1.txt"] = msgspec.structs.replace(store.objects["/sms/1.txt"], size=1)
    store.objects["/sms/2.txt"] = msgspec.structs.replace(store.objects["/sms/2.txt"], sha256="00" * 32)
    found = await verify(database, klm.customer, opening(store), clock=SystemClock())
    assert [(one.path, one.what.partition(",")[0]) for one in found.differences] == [
        ("/sms/0.txt", "it is not there any more"),
        ("/sms/1.txt", "it has 1 bytes"),
        ("/sms/2.txt", "it has other bytes of the same number"),
    ]
    assert not found.proven
    assert found.lanes[0].same == FILES - 3


async def test_a_sample_looks_at_some(database: SqliteDatabase, store: MemoryDestination) -> None:
    """Chosen by chance; all are counted."""
    klm = await filled(database, store)
    found = await verify(database, klm.customer, opening(store), clock=SystemClock(), sample=0.5, chance=random.Random(1))
    assert 0 < found.lanes[0].looked < FILES
    assert (found.lanes[0].archived, found.proven) == (FILES, True)


async def test_what_cannot_be_asked_is_not_proven(database: SqliteDatabase, store: MemoryDestination) -> None:
    """A storage that lets nobody in, and one that has no way to tell."""
    klm = await filled(database, store)
    store.script.fail(ReconnectNeededError("the token was revoked"))
    found = await verify(database, klm.customer, opening(store), clock=SystemClock())
    assert (found.proven, found.lanes[0].unseen) == (False, "the token was revoked")

    class Mute:
        features = store.features
        put_many = store.put_many
        ping = store.ping
        close = store.close

    found = await verify(database, klm.customer, opening(Mute()), clock=SystemClock())
    assert (found.proven, "cannot tell" in found.lanes[0].unseen) == (False, True)


async def test_a_verification_is_a_line_of_the_audit_log(database: SqliteDatabase, store: MemoryDestination) -> None:
    """With how many differences it found; a customer that there is not is told, and written down."""
    await filled(database, store)
    del store.objects["/sms/0.txt"]
    prover = Prover(database, Auditor(database), opening(store), SystemClock())
    assert not (await prover.verify("klm", sample=1.0)).proven
    with pytest.raises(ConfigError):
        await prover.verify("lot")
    refused, done = await Auditor(database).newest(limit=2)
    assert (done.action, done.subject, done.result) == ("verify", "klm", "done")
    assert msgspec.json.decode(done.detail) == {"sample": 1.0, "lanes": 1, "differences": 1}
    assert (refused.subject, refused.result) == ("lot", "ConfigError")


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (Found(size=5, hash="dropbox:cd"), ""),
        (Found(size=5, hash="sha256:ab"), ""),
        (Found(size=5, hash="other:ee"), ""),
        (Found(size=5), ""),
        (Found(size=None, hash="dropbox:cd"), ""),
        (Found(size=6, hash="dropbox:cd"), "it has 6 bytes, and had 5"),
        (Found(size=5, hash="dropbox:ee"), "it has other bytes of the same number"),
        (Found(size=5, hash="sha256:ee"), "it has other bytes of the same number"),
        (None, "it is not there any more"),
    ],
)
def test_a_file_is_held_against_its_receipt(found: Found | None, what: str) -> None:
    """By the best hash that both sides know; without one by its size."""
    assert difference(RECEIPT, found) == what
