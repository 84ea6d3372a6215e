"""What every destination must do, as tests: an adapter's own test file subclasses `DestinationConformance` and gives it a `Rig`.

```python
class TestMemory(DestinationConformance):
    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        destination = MemoryDestination(Context(pace=Unpaced(), clock=SystemClock()))
        yield Rig(destination=destination, stored=…)
        await destination.close()
```

Runs under pytest with pytest-asyncio in its automatic mode; needs nothing else. Only tests import this module.
"""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import msgspec
import pytest

from archiver.destinations.port import Destination, Looking, Removing, Upload
from archiver.errors import ArchiverError, TransientError
from archiver.model import Delivery, Item, Kind, Receipt, Session
from archiver.outcome import Archived, Deferred, Outcome, Rejected, Throttled

__all__ = ["DestinationConformance", "Rig", "put", "receipt_of", "streamed", "whole"]

_MIB = 1024 * 1024
_LONG_WAIT = 300.0  # seconds of a scripted Retry-After: whoever sleeps on it runs into the test's time limit


class Rig(msgspec.Struct, kw_only=True):
    """A destination in front of an empty storage, and what the tests need to know about it.

    Attributes:
        destination: What is tested.
        stored: Everything that is visible in the storage now: bytes by the delivery's path. Must not go through the destination.
        reopen: Makes a second destination in front of the same storage, as after a restart; None skips the tests that need it.
        throttle: Makes the storage refuse the next calls with so many seconds of Retry-After; None for stores that never do.
        unthrottle: Ends that at once.
        secrets: Texts that must never be shown.
    """

    destination: Destination
    stored: Callable[[], Awaitable[Mapping[str, bytes]]]
    reopen: Callable[[], Destination] | None = None
    throttle: Callable[[float], Awaitable[None]] | None = None
    unthrottle: Callable[[], Awaitable[None]] | None = None
    secrets: tuple[str, ...] = ()


def _delivery(number: int, path: str, size: int | None, session: Session | None = None) -> Delivery:
    item = Item(
        id=number,
        source_id=1,
        kind=Kind.RECORDING,
        external_id=str(number),
        locator=f"{number}.wav",
        media_type="audio/x-wav",
        size=size,
        sha256=None,
        occurred_at=1_700_000_000_000 + number * 1000,
    )
    return Delivery(id=number, lane=1, customer_id=1, path=path, priority=0, ready_at=0, attempt=0, session=session, item=item)


def whole(number: int, data: bytes, path: str | None = None) -> Upload:
    """An upload that comes with its bytes; its path is made from ``number`` unless given."""
    path = f"/archive/2024/item-{number}.wav" if path is None else path
    return Upload(delivery=_delivery(number, path, len(data)), data=data, sha256=hashlib.sha256(data).digest())


def streamed(
    number: int,
    data: bytes,
    *,
    session: Session | None = None,
    save_session: Callable[[Session], None] | None = None,
    fail_at: int | None = None,
) -> Upload:
    """An upload that comes as a stream, in pieces of at most 1 MiB.

    Args:
        number: Of the item and the delivery.
        data: What the stream gives.
        session: A chunked upload to go on with.
        save_session: Is told where the upload stands.
        fail_at: The stream fails with a `TransientError` instead of going beyond this offset.
    """

    async def stream(offset: int) -> AsyncIterator[bytes]:
        for start in range(offset, len(data), _MIB):
            await asyncio.sleep(0)
            if fail_at is not None and start + _MIB > fail_at:
                raise TransientError("the source was cut off")
            yield data[start : start + _MIB]

    return Upload(
        delivery=_delivery(number, f"/archive/2024/big-{number}.wav", len(data), session), stream=stream, save_session=save_session
    )


async def put(destination: Destination, uploads: Sequence[Upload]) -> dict[int, Outcome]:
    """Puts uploads, and checks that there is exactly one outcome for each.

    Returns:
        The outcomes by delivery id.
    """
    outcomes: dict[int, Outcome] = {}
    # Copies, since a destination may let go of the bytes, and the tests still want to compare them.
    async for upload, outcome in destination.put_many([msgspec.structs.replace(upload) for upload in uploads]):
        assert upload.delivery.id not in outcomes, "two outcomes for one upload"
        outcomes[upload.delivery.id] = outcome
    assert set(outcomes) == {upload.delivery.id for upload in uploads}, "an upload without an outcome, or an outcome without an upload"
    return outcomes


def receipt_of(outcome: Outcome, data: bytes) -> Receipt:
    """The receipt of an outcome that must be `Archived`, checked against the bytes that were sent."""
    assert isinstance(outcome, Archived), f"expected a receipt, got {outcome}"
    receipt = outcome.receipt
    assert receipt.size == len(data)
    assert receipt.sha256 == hashlib.sha256(data).hexdigest()
    assert receipt.archived_at > 0
    return receipt


def _pattern(number: int, size: int) -> bytes:
    """Bytes that look the same every time, and different for each number."""
    block = hashlib.sha256(str(number).encode()).digest()
    return (block * (size // len(block) + 1))[:size]


class DestinationConformance:
    """The kit. Override the fixture `rig`; everything else is inherited."""

    @pytest.fixture
    async def rig(self) -> Rig:
        """A destination in front of an empty storage; the subclass makes it, yields it and closes it."""
        raise NotImplementedError("a conformance test must have its own fixture 'rig'")

    def batch(self, rig: Rig, first: int = 0, most: int = 20) -> list[Upload]:
        """As many small uploads as one call takes, but at most ``most``."""
        return [
            whole(number, _pattern(number, 1000 + number))
            for number in range(first, first + min(most, rig.destination.features.batch_items))
        ]

    async def test_each_upload_gets_one_outcome(self, rig: Rig) -> None:
        """A batch ends with one receipt per upload, and with exactly these bytes in the storage."""
        uploads = self.batch(rig)
        outcomes = await put(rig.destination, uploads)
        for upload in uploads:
            receipt = receipt_of(outcomes[upload.delivery.id], upload.data or b"")
            assert receipt.path.casefold().endswith(upload.delivery.path.casefold())
        assert await rig.stored() == {upload.delivery.path: upload.data for upload in uploads}

    async def test_the_same_again_leaves_one_object(self, rig: Rig) -> None:
        """Putting the same bytes at the same path again succeeds, and leaves one object."""
        uploads = self.batch(rig, most=3)
        await put(rig.destination, uploads)
        outcomes = await put(rig.destination, uploads)
        for upload in uploads:
            receipt_of(outcomes[upload.delivery.id], upload.data or b"")
        assert await rig.stored() == {upload.delivery.path: upload.data for upload in uploads}

    async def test_other_bytes_are_never_overwritten(self, rig: Rig) -> None:
        """Other bytes at the path are a conflict for a person, stay as they are, and do not hinder their neighbours."""
        await put(rig.destination, [whole(1, b"somebody's own", "/a/taken.txt")])
        uploads = [whole(2, b"ours", "/a/taken.txt"), whole(3, b"neighbour", "/a/free.txt")]
        outcomes: dict[int, Outcome] = {}
        for chunk in [uploads] if rig.destination.features.batch_items > 1 else [[upload] for upload in uploads]:
            outcomes |= await put(rig.destination, chunk)
        assert isinstance(outcomes[2], Rejected)
        assert outcomes[2].reason == "ConflictError"
        receipt_of(outcomes[3], b"neighbour")
        assert await rig.stored() == {"/a/taken.txt": b"somebody's own", "/a/free.txt": b"neighbour"}

    async def test_an_empty_file_is_a_file(self, rig: Rig) -> None:
        """A file without bytes is archived as such."""
        outcomes = await put(rig.destination, [whole(1, b"", "/a/empty.txt")])
        receipt_of(outcomes[1], b"")
        assert await rig.stored() == {"/a/empty.txt": b""}

    async def test_names_of_every_script(self, rig: Rig) -> None:
        """Names beyond ASCII arrive as they were given."""
        paths = [
            "/Gespräche/Größe – 1.wav",
            "/通話/録音 2.wav",
            "/שיחות/الهاتف 3.wav",
            "/📞/🎙️ 4.wav",
            "/a b/it's 100% & more [5] {x};#+=~.wav",
        ]
        for number, path in enumerate(paths):
            outcomes = await put(rig.destination, [whole(number, path.encode(), path)])
            receipt_of(outcomes[number], path.encode())
        assert await rig.stored() == {path: path.encode() for path in paths}

    async def test_a_stream_arrives_whole(self, rig: Rig) -> None:
        """A stream larger than any chunk arrives with its size and its hash."""
        data = _pattern(1, 9 * _MIB + 123)
        outcomes = await put(rig.destination, [streamed(1, data)])
        receipt_of(outcomes[1], data)
        assert await rig.stored() == {"/archive/2024/big-1.wav": data}

    async def test_an_empty_stream_is_a_file(self, rig: Rig) -> None:
        """A stream of unknown size may turn out to be empty."""
        outcomes = await put(rig.destination, [streamed(1, b"")])
        receipt_of(outcomes[1], b"")
        assert await rig.stored() == {"/archive/2024/big-1.wav": b""}

    async def test_a_stream_that_breaks_leaves_nothing(self, rig: Rig) -> None:
        """If the source breaks off, nothing is visible, and the next try succeeds."""
        data = _pattern(1, 9 * _MIB)
        outcomes = await put(rig.destination, [streamed(1, data, fail_at=2 * _MIB)])
        assert isinstance(outcomes[1], Deferred)
        assert await rig.stored() == {}
        receipt_of((await put(rig.destination, [streamed(1, data)]))[1], data)

    async def test_a_stream_goes_on_after_a_restart(self, rig: Rig) -> None:
        """A resumable store goes on from the saved session, also in another process, and ends with the same bytes."""
        if not rig.destination.features.resumable or rig.reopen is None:
            pytest.skip("this destination does not resume")
        data = _pattern(1, 20 * _MIB + 77)
        saved: list[Session] = []
        first = await put(rig.destination, [streamed(1, data, save_session=saved.append, fail_at=19 * _MIB)])
        assert isinstance(first[1], Deferred)
        assert saved, "a resumable destination must save where it stands at each chunk"
        assert 0 < saved[-1].offset <= len(data)
        assert await rig.stored() == {}
        again = rig.reopen()
        later: list[Session] = []
        second = await put(again, [streamed(1, data, session=saved[-1], save_session=later.append)])
        receipt_of(second[1], data)
        assert all(session.id == saved[-1].id and session.offset > saved[-1].offset for session in later)
        assert await rig.stored() == {"/archive/2024/big-1.wav": data}
        await again.close()

    async def test_an_unknown_session_begins_anew(self, rig: Rig) -> None:
        """A saved session that the storage does not know costs a transfer, not the item."""
        data = _pattern(1, 9 * _MIB)
        session = Session(id="pid_upload_session:unknown", offset=8 * _MIB, started_at=1)
        outcomes = await put(rig.destination, [streamed(1, data, session=session)])
        receipt_of(outcomes[1], data)
        assert await rig.stored() == {"/archive/2024/big-1.wav": data}

    async def test_a_throttle_is_a_value(self, rig: Rig) -> None:
        """A refusal comes back at once as an outcome that tells the seconds, stores nothing, and is forgotten when it is over."""
        if rig.throttle is None or rig.unthrottle is None:
            pytest.skip("this destination never throttles")
        uploads = [*self.batch(rig, most=3)]
        await rig.throttle(_LONG_WAIT)
        async with asyncio.timeout(20):
            outcomes = await put(rig.destination, uploads)
        for outcome in outcomes.values():
            assert isinstance(outcome, Throttled)
            assert outcome.retry_after == pytest.approx(_LONG_WAIT, abs=2)
        assert await rig.stored() == {}
        await rig.unthrottle()
        outcomes = await put(rig.destination, uploads)
        for upload in uploads:
            receipt_of(outcomes[upload.delivery.id], upload.data or b"")

    async def test_many_calls_at_a_time(self, rig: Rig) -> None:
        """Several workers of a lane may call at once."""
        batches = [self.batch(rig, first=number * 100, most=10) for number in range(8)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(put(rig.destination, batch)) for batch in batches]
        for batch, task in zip(batches, tasks, strict=True):
            for upload in batch:
                receipt_of(task.result()[upload.delivery.id], upload.data or b"")
        assert await rig.stored() == {upload.delivery.path: upload.data for batch in batches for upload in batch}

    @pytest.mark.parametrize("steps", [1, 2, 5, 12, 40])
    async def test_a_cancelled_call_leaves_nothing_half(self, rig: Rig, steps: int) -> None:
        """After a cancel each path has nothing or everything; others who were calling are served, and so is the next try."""
        cancelled, other = self.batch(rig, first=0, most=5), self.batch(rig, first=100, most=5)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(put(rig.destination, cancelled))
            neighbour = group.create_task(put(rig.destination, other))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
        for upload in other:
            receipt_of(neighbour.result()[upload.delivery.id], upload.data or b"")
        outcomes = await put(rig.destination, cancelled)
        for upload in cancelled:
            receipt_of(outcomes[upload.delivery.id], upload.data or b"")
        assert await rig.stored() == {upload.delivery.path: upload.data for upload in [*cancelled, *other]}

    async def test_ping_writes_nothing(self, rig: Rig) -> None:
        """A ping says whose storage it is, and leaves no trace."""
        account = await rig.destination.ping()
        assert account.name
        assert await rig.stored() == {}

    async def test_what_is_there_can_be_told_without_its_bytes(self, rig: Rig) -> None:
        """Size and hash of each file as its receipt has them, nothing where nothing is, in the order that was asked."""
        destination = rig.destination
        if not isinstance(destination, Looking):
            pytest.skip("this destination cannot look")
        uploads = [upload for number in range(3) for upload in self.batch(rig, first=number, most=1)]
        outcomes: dict[int, Outcome] = {}
        for upload in uploads:
            outcomes |= await put(destination, [upload])
        receipts = [receipt_of(outcomes[upload.delivery.id], upload.data or b"") for upload in uploads]
        missing = msgspec.structs.replace(receipts[0], path=f"{receipts[0].path}.not-there")
        found = await destination.look([receipts[-1], missing, *receipts])
        assert found[1] is None
        assert found[0] == found[-1]
        for receipt, there in zip(receipts, found[2:], strict=True):
            assert there is not None
            assert there.size == receipt.size
            assert there.hash in {receipt.remote_hash, f"sha256:{receipt.sha256}", ""}

    async def test_what_was_written_is_taken_back(self, rig: Rig) -> None:
        """The file of a receipt and no other; taking it back again finds nothing of ours, and the path is free."""
        destination = rig.destination
        if not isinstance(destination, Removing):
            pytest.skip("this destination cannot delete")
        (upload,), (other,) = self.batch(rig, most=1), self.batch(rig, first=1, most=1)
        receipt = receipt_of((await put(destination, [upload]))[upload.delivery.id], upload.data or b"")
        await put(destination, [other])
        assert await destination.remove(receipt)
        assert await rig.stored() == {other.delivery.path: other.data}
        assert await destination.remove(receipt)
        again = await put(destination, [upload])
        assert not receipt_of(again[upload.delivery.id], upload.data or b"").recovered

    async def test_what_we_did_not_write_is_not_deleted(self, rig: Rig) -> None:
        """A receipt of other bytes or of another revision than stand at its path takes nothing away."""
        destination = rig.destination
        if not isinstance(destination, Removing):
            pytest.skip("this destination cannot delete")
        (upload,) = self.batch(rig, most=1)
        receipt = receipt_of((await put(destination, [upload]))[upload.delivery.id], upload.data or b"")
        other = msgspec.structs.replace(
            receipt,
            sha256=hashlib.sha256(b"other").hexdigest(),
            size=5,
            revision="0" * len(receipt.revision),
            remote_hash="other:0",
        )
        assert not await destination.remove(other)
        assert await rig.stored() == {upload.delivery.path: upload.data}

    async def test_closing_twice_is_harmless(self, rig: Rig) -> None:
        """Closing may be repeated, used or not."""
        await put(rig.destination, self.batch(rig, most=1))
        await rig.destination.close()
        await rig.destination.close()

    async def test_secrets_are_never_shown(self, rig: Rig) -> None:
        """No secret appears in a representation, an outcome or an error."""
        if not rig.secrets:
            pytest.skip("this destination has no secrets")
        shown = [repr(rig.destination), str(rig.destination), repr(vars(rig.destination))]
        shown.append(repr(await put(rig.destination, self.batch(rig, most=2))))
        if rig.throttle is not None:
            await rig.throttle(1.0)
            shown.append(repr(await put(rig.destination, self.batch(rig, first=10, most=2))))
            with pytest.raises(ArchiverError) as caught:
                await rig.destination.ping()
            shown += [repr(caught.value), str(caught.value), caught.value.hint, repr(vars(caught.value))]
        for secret in rig.secrets:
            assert not any(secret in text for text in shown), "a secret was shown"
