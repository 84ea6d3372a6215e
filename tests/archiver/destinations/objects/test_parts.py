"""One big item in parts, against a store in memory: where it goes on, and what is never mixed."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest

from archiver.destinations.conformance import streamed
from archiver.destinations.objects.errors import InTheWayError, NotThereError
from archiver.destinations.objects.parts import PART_BYTES, PartsTransfer, part_bytes_of
from archiver.destinations.objects.store import Begun, Part, Stored, Target
from archiver.destinations.objects.sums import StreamSums, WholeSums
from archiver.destinations.objects.targets import target_of
from archiver.errors import ArchiverError, RejectedError, SourceChangedError, TransientError
from archiver.model import Session
from genstage.clock import SystemClock

MIB = 1024 * 1024
DATA = hashlib.sha256(b"x").digest() * (20 * MIB // 32)


class InMemory:
    """An object store that keeps a sequence, as Google does: it may have more than was confirmed."""

    wanted = frozenset({"md5"})
    session_seconds = 100.0
    most_parts = 4
    key_bytes = 1024

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.begun: dict[str, bytearray] = {}
        self.sent: list[tuple[int, int]] = []
        self.abandoned: list[str] = []

    async def create(self, target: Target, data: bytes, sums: WholeSums) -> Stored:
        """At once."""
        return self._put(target.key, data)

    async def look(self, key: str) -> Stored | None:
        """What is there."""
        return Stored(size=len(self.objects[key])) if key in self.objects else None

    async def begin(self, target: Target) -> Begun:
        """A new sequence."""
        self.begun[str(len(self.begun))] = bytearray()
        return Begun(id=str(len(self.begun) - 1))

    async def reached(self, key: str, session_id: str, offset: int, part_bytes: int) -> Begun:
        """What is there of it."""
        if len(self.begun.get(session_id, b"")) < offset or session_id not in self.begun:
            raise NotThereError("unknown")
        return Begun(id=session_id, offset=len(self.begun[session_id]))

    async def send(self, key: str, begun: Begun, part: Part) -> None:
        """The next bytes."""
        data = b"".join(part.pieces)
        assert (part.size, part.offset) == (len(data), begun.offset)
        self.sent.append((part.offset, part.size))
        self.begun[begun.id] += data
        begun.offset += part.size

    async def finish(self, target: Target, begun: Begun, last: Part, sums: StreamSums) -> Stored:
        """The rest."""
        await self.send(target.key, begun, last)
        return self._put(target.key, bytes(self.begun.pop(begun.id)))

    async def abandon(self, key: str, session_id: str) -> None:
        """Forgets."""
        self.abandoned.append(session_id)
        self.begun.pop(session_id, None)

    async def remove(self, key: str, stored: Stored) -> None:
        """Takes away."""
        del self.objects[key]

    async def ping(self) -> str:
        """Its name."""
        return "memory"

    def _put(self, key: str, data: bytes) -> Stored:
        if key in self.objects:
            raise InTheWayError("something is there")
        self.objects[key] = data
        return Stored(size=len(data))


def transfer(store: InMemory, data: bytes, *, sha256: str | None = None, size: int | None = -1, **how: Any) -> PartsTransfer:
    """A transfer of one item."""
    upload = streamed(1, data, **how)
    item = msgspec.structs.replace(upload.delivery.item, sha256=sha256, size=len(data) if size == -1 else size)
    upload = msgspec.structs.replace(upload, delivery=msgspec.structs.replace(upload.delivery, item=item))
    return PartsTransfer(store, SystemClock(), upload, target_of(upload, "", 1024))


async def broken(store: InMemory, data: bytes = DATA, at: int = 19) -> list[Session]:
    """A transfer whose source breaks off; what was saved."""
    saved: list[Session] = []
    with pytest.raises(TransientError):
        await transfer(store, data, save_session=saved.append, fail_at=at * MIB).run()
    return saved


async def test_a_small_stream_is_created_at_once() -> None:
    """What turns out to fit into one part needs no parts."""
    store = InMemory()
    await transfer(store, b"hello", size=None).run()
    assert list(store.objects.values()) == [b"hello"]
    assert store.begun == {}


async def test_exactly_one_part_is_created_at_once() -> None:
    """Only a byte more makes two of it."""
    for more, parts in ((0, 0), (1, 2)):
        store = InMemory()
        await transfer(store, DATA[: PART_BYTES + more]).run()
        assert len(store.sent) == parts
        assert list(store.objects.values()) == [DATA[: PART_BYTES + more]]


async def test_it_goes_on_where_it_was() -> None:
    """Only what is missing is sent, and each saved session tells the hash of what lies before it."""
    store = InMemory()
    saved = await broken(store)
    assert [session.offset for session in saved] == [8 * MIB, 16 * MIB]
    assert saved[-1].beginning == hashlib.sha256(DATA[: 16 * MIB]).hexdigest()
    store.sent.clear()
    await transfer(store, DATA, session=saved[-1]).run()
    assert store.sent == [(16 * MIB, 4 * MIB)]
    assert list(store.objects.values()) == [DATA]


async def test_a_store_that_has_more_than_was_saved() -> None:
    """It goes on behind that, and comes back to whole parts."""
    store = InMemory()
    saved = await broken(store, at=10)
    store.begun[saved[-1].id] += DATA[8 * MIB : 9 * MIB]
    store.sent.clear()
    await transfer(store, DATA, session=saved[-1]).run()
    assert store.sent == [(9 * MIB, 7 * MIB), (16 * MIB, 4 * MIB)]
    assert list(store.objects.values()) == [DATA]


async def test_a_session_that_is_too_old_is_not_asked_for() -> None:
    """The store would not know it any more."""
    store = InMemory()
    (*_, session) = await broken(store)
    await transfer(store, DATA, session=msgspec.structs.replace(session, started_at=1)).run()
    assert list(store.objects.values()) == [DATA]


@pytest.mark.parametrize("other", [bytes(20 * MIB), bytes(12 * MIB)], ids=["changed", "shorter"])
async def test_other_bytes_are_not_mixed_with_what_was_sent(other: bytes) -> None:
    """A source that changed or shrank ends this try, and what was sent is let go of where it cannot be used."""
    store = InMemory()
    saved = await broken(store)
    with pytest.raises((NotThereError, SourceChangedError)):
        await transfer(store, other, session=saved[-1]).run()
    assert store.objects == {}


async def test_a_hash_that_was_declared() -> None:
    """Bytes of another hash never become visible, in parts or at once."""
    for data in (DATA, b"hello"):
        store = InMemory()
        with pytest.raises(SourceChangedError):
            await transfer(store, data, sha256="0" * 64).run()
        assert store.objects == {}


async def test_what_is_there_is_only_read() -> None:
    """Then the hash of the stream is known, and nothing was sent."""
    store = InMemory()
    one = transfer(store, DATA)
    store.objects["archive/2024/big-1.wav"] = b"something"
    assert await one.run() is None
    assert one.sums.sha256 == hashlib.sha256(DATA).hexdigest()
    assert (store.sent, store.begun) == ([], {})


async def test_too_many_parts() -> None:
    """A stream of unknown size that does not end in time is rejected, and what was sent is let go of."""
    store = InMemory()
    with pytest.raises(RejectedError):
        await transfer(store, bytes(36 * MIB), size=None).run()
    assert store.abandoned == ["0"]


def test_the_size_of_parts() -> None:
    """It grows with the item, and is the same whenever it is asked."""
    assert part_bytes_of(None, 10) == part_bytes_of(10 * PART_BYTES, 10) == PART_BYTES
    assert part_bytes_of(10 * PART_BYTES + 1, 10) == 2 * PART_BYTES
    with pytest.raises(ArchiverError):
        part_bytes_of(100 * 8 * PART_BYTES, 10)
