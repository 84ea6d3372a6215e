"""The memory source: the kit, and what only it can do."""

from collections.abc import AsyncIterator

import pytest

from archiver.adapter import check_options
from archiver.errors import ConfigError, SourceGoneError
from archiver.model import Discovery, Item, Kind
from archiver.sources.conformance import Rig, SourceConformance, find, item_of
from archiver.sources.memory import ADAPTER, GeneratedSource, MemorySource, generated_bytes


def discovery(name: str, data: bytes = b"") -> Discovery:
    """An SMS of this id and size."""
    return Discovery(kind=Kind.SMS, external_id=name, occurred_at=0, locator=name, media_type="text/plain", size=len(data))


class TestMemory(SourceConformance):
    """The kit against memory."""

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        """A source without items; a restart of a memory finds the same memory."""
        source = MemorySource()

        async def add(name: str, data: bytes) -> None:
            source.add(discovery(name, data), data)

        async def remove(name: str) -> None:
            source.remove(name)

        yield Rig(source=source, add=add, remove=remove, reopen=lambda: source)
        await source.close()


async def test_a_finite_source_ends() -> None:
    """``finite`` and `finish` end the iteration after what there is."""
    source = MemorySource([(discovery("a"), b"")], finite=True)
    assert [len(page.discoveries) async for page in source.discover("")] == [1]
    endless = MemorySource()
    endless.add(discovery("a"), b"")
    endless.finish()
    assert [page.complete async for page in endless.discover("")] == [True]


async def test_pages_have_the_wanted_size_and_cursors_go_on_after_them() -> None:
    """Five items in pages of two; the second page's cursor leads to the third."""
    source = MemorySource([(discovery(str(number)), b"") for number in range(5)], page_items=2)
    pages = await find(source)
    assert [len(page.discoveries) for page in pages] == [2, 2, 1]
    rest = await find(source, pages[1].cursor)
    assert [found.external_id for page in rest for found in page.discoveries] == ["4"]


async def test_replaced_bytes_are_given_as_they_are() -> None:
    """That a size differs from the declared one is the caller's to notice."""
    source = MemorySource([(discovery("a", b"old"), b"old")])
    source.replace("a", b"newer")
    assert list(await source.read_many([item_of(discovery("a", b"old"))])) == [b"newer"]


async def test_made_items_are_the_same_each_time_and_differ_from_each_other() -> None:
    """Content is a function of the id; the cursor resumes; the count ends the pass."""
    source = GeneratedSource(items=2500, size=100, kind=Kind.FAX)
    pages = await find(source)
    assert [len(page.discoveries) for page in pages] == [1000, 1000, 500]
    assert (await find(source, pages[1].cursor))[0].discoveries[0].external_id == "000002000"
    items = [item_of(found) for found in pages[0].discoveries[:50]]
    contents = await source.read_many(items)
    assert contents == await source.read_many(items)
    assert len({bytes(content) for content in contents if isinstance(content, bytes)}) == 50


async def test_made_items_stream_what_they_read() -> None:
    """Chunks of a made item join to its bytes, also from an offset; beyond the count there is nothing."""
    source = GeneratedSource(items=1, size=3_000_000, kind=Kind.RECORDING)
    item = item_of(source.discovery(0))
    (whole,) = await source.read_many([item])
    assert isinstance(whole, bytes)
    assert b"".join([chunk async for chunk in source.stream(item)]) == whole
    assert b"".join([chunk async for chunk in source.stream(item, 1_234_567)]) == whole[1_234_567:]
    missing = Item(2, 1, Kind.SMS, "x", "000000001", "text/plain", None, None, 0)
    assert isinstance((await source.read_many([missing]))[0], SourceGoneError)
    with pytest.raises(SourceGoneError):
        await anext(aiter(source.stream(missing)))


def test_chunks_of_a_made_item_differ() -> None:
    """A chunk that was lost or swapped shows, since no chunk boundary repeats the pattern."""
    assert generated_bytes("a", 0, 1000) != generated_bytes("a", 1024 * 1024, 1024 * 1024 + 1000)
    assert generated_bytes("a", 5, 5) == b""


async def test_the_adapter_makes_what_its_options_say() -> None:
    """Options given as text, as from a command line."""
    source = ADAPTER.open(check_options("memory", ADAPTER.options, {"items": "3", "size": "10", "kind": "fax"}))
    (page,) = await find(source)
    assert [(found.kind, found.size) for found in page.discoveries] == [(Kind.FAX, 10)] * 3
    await source.close()


@pytest.mark.parametrize("options", [{"items": -1}, {"size": -1}, {"kind": "letter"}])
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    """ConfigError before anything begins."""
    with pytest.raises(ConfigError):
        ADAPTER.open(check_options("memory", ADAPTER.options, options))
