"""The bytes of items, and what is checked before a byte is sent."""

from __future__ import annotations

import hashlib

import pytest

from archiver.destinations.port import Features
from archiver.errors import (
    ArchiverError,
    ReconnectNeededError,
    Scope,
    SourceAwayError,
    SourceChangedError,
    SourceGoneError,
    UnavailableError,
)
from archiver.model import Connection, Delivery, Discovery, Item, Kind, Role, Session
from archiver.outcome import Unavailable, outcome_of
from archiver.pipeline.contents import Contents
from archiver.sources.memory import MemorySource

FEATURES = Features(whole_bytes=100)


def connection(number: int) -> Connection:
    return Connection(id=number, customer_id=1, role=Role.SOURCE, adapter="memory")


def found(key: str, size: int) -> Discovery:
    return Discovery(kind=Kind.SMS, external_id=key, occurred_at=0, locator=key, media_type="text/plain", size=size)


def delivery(key: str, size: int | None, *, source: int = 1, sha256: str | None = None, number: int = 1) -> Delivery:
    return Delivery(number, 1, 1, f"/{key}", 0, 0, 0, None, Item(number, source, Kind.SMS, key, key, "text/plain", size, sha256, 0))


def ignore(delivery_id: int) -> None:
    del delivery_id


def keep_nothing(delivery_id: int, session: Session) -> None:
    del delivery_id, session


@pytest.fixture
async def contents() -> Contents:
    sources = {
        1: MemorySource([(found("a", 3), b"abc"), (found("big", 300), b"x" * 300)]),
        2: MemorySource([(found("b", 4), b"wxyz")]),
    }
    contents = Contents(lambda connection: sources[connection.id])
    contents.source(connection(1))
    contents.source(connection(2))
    return contents


async def test_a_small_item_comes_with_its_bytes_and_digest(contents: Contents) -> None:
    """Read whole, hashed once, and let go of when the storage has them."""
    moved: list[int] = []
    (upload,), failed = await contents.uploads([delivery("a", 3)], FEATURES, keep_nothing, moved.append)
    assert (upload.data, upload.sha256, failed) == (b"abc", hashlib.sha256(b"abc").digest(), [])
    upload.let_go()
    assert (upload.data, moved) == (b"", [1])


async def test_items_of_several_sources_keep_to_their_deliveries(contents: Contents) -> None:
    """Each source is asked once, and nobody gets another's bytes."""
    uploads, _ = await contents.uploads([delivery("b", 4, source=2, number=2), delivery("a", 3)], FEATURES, keep_nothing, ignore)
    assert {upload.delivery.path: upload.data for upload in uploads} == {"/a": b"abc", "/b": b"wxyz"}


@pytest.mark.parametrize("size", [2, 4])
async def test_another_size_than_declared_fails(contents: Contents, size: int) -> None:
    """Short or long, it is never uploaded."""
    uploads, ((_, error),) = await contents.uploads([delivery("a", size)], FEATURES, keep_nothing, ignore)
    assert uploads == []
    assert isinstance(error, SourceChangedError)


async def test_another_hash_than_declared_fails(contents: Contents) -> None:
    """If the source knows the hash, the bytes must have it."""
    _, ((_, error),) = await contents.uploads([delivery("a", 3, sha256="00" * 32)], FEATURES, keep_nothing, ignore)
    assert isinstance(error, SourceChangedError)


async def test_a_missing_item_fails_alone(contents: Contents) -> None:
    """The others of the batch go on."""
    uploads, ((failed, error),) = await contents.uploads([delivery("a", 3), delivery("no", 3, number=2)], FEATURES, keep_nothing, ignore)
    assert [upload.delivery.path for upload in uploads] == ["/a"]
    assert failed.path == "/no"
    assert isinstance(error, SourceGoneError)


async def test_a_source_that_is_not_connected_is_no_items_fault(contents: Contents) -> None:
    """It is said as the source's trouble, so that nothing is charged."""
    _, ((_, error),) = await contents.uploads([delivery("a", 3, source=9)], FEATURES, keep_nothing, ignore)
    assert isinstance(error, SourceAwayError)


async def test_a_large_item_comes_as_a_stream_from_any_offset(contents: Contents) -> None:
    """Not read before it is needed."""
    (upload,), _ = await contents.uploads([delivery("big", 300)], FEATURES, keep_nothing, ignore)
    assert upload.data is None
    assert upload.stream is not None
    assert b"".join([chunk async for chunk in upload.stream(250)]) == b"x" * 50


@pytest.mark.parametrize("size", [299, 301])
async def test_a_stream_of_another_size_raises_instead_of_ending(contents: Contents, size: int) -> None:
    """So nothing short or long is ever committed."""
    (upload,), _ = await contents.uploads([delivery("big", size)], FEATURES, keep_nothing, ignore)
    assert upload.stream is not None
    with pytest.raises(SourceChangedError):
        _ = [chunk async for chunk in upload.stream(0)]


@pytest.mark.parametrize("error", [UnavailableError, ReconnectNeededError])
async def test_a_stream_whose_source_is_away_charges_nobody(error: type[ArchiverError]) -> None:
    """It is said with an item's scope, else the adapter would take it for its own provider's; and as what no item is charged for."""

    class Away(MemorySource):
        async def stream(self, item: Item, offset: int = 0):  # type: ignore[no-untyped-def, override]  # noqa: ANN202
            """Fails."""
            raise error("the share is away")
            yield item, offset

    contents = Contents(lambda _: Away())
    contents.source(connection(1))
    locked_out: list[int] = []
    contents.on_locked_out = lambda source_id, _: locked_out.append(source_id)
    (upload,), _ = await contents.uploads([delivery("big", None)], FEATURES, keep_nothing, ignore)
    assert upload.stream is not None
    with pytest.raises(SourceAwayError) as raised:
        _ = [chunk async for chunk in upload.stream(0)]
    assert raised.value.scope is Scope.ITEM
    assert outcome_of(raised.value) == Unavailable(reason="the share is away", source=True)
    assert locked_out == ([1] if error is ReconnectNeededError else [])
