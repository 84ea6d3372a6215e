"""What every source must do, as tests: an adapter's own test file subclasses `SourceConformance` and gives it a `Rig`.

```python
class TestMemory(SourceConformance):
    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        source = MemorySource()
        yield Rig(source=source, add=…, remove=…, reopen=lambda: source)
        await source.close()
```

Runs under pytest with pytest-asyncio in its automatic mode; needs nothing else. Only tests import this module.
"""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

import msgspec
import pytest

from archiver.errors import ArchiverError, SourceGoneError, UnavailableError
from archiver.model import Discovery, Item
from archiver.sources.port import Page, Source

__all__ = ["Rig", "SourceConformance", "find", "find_until", "item_of"]

_MIB = 1024 * 1024
_PATIENCE_SECONDS = 20.0
"""How long a source may take to find what is there; far more than any needs."""
_LONGEST_REST = 1.0


class Rig(msgspec.Struct, kw_only=True):
    """A source that has nothing yet, and what the tests need to change that.

    Attributes:
        source: What is tested.
        add: Makes an item whose external id is the first argument, with these bytes.
        remove: Takes an item away for good, but leaves others.
        reopen: Makes a second source of the same, as after a restart.
        watches: The source finds what comes while it is watched.
        take_away: Makes the whole source unreachable, as a share that is not mounted; None for sources that cannot be.
        bring_back: Undoes that.
        secrets: Texts that no error may show.
    """

    source: Source
    add: Callable[[str, bytes], Awaitable[None]]
    remove: Callable[[str], Awaitable[None]]
    reopen: Callable[[], Source]
    watches: bool = True
    take_away: Callable[[], Awaitable[None]] | None = None
    bring_back: Callable[[], Awaitable[None]] | None = None
    secrets: tuple[str, ...] = ()


def item_of(discovery: Discovery, number: int = 1) -> Item:
    """The item that a database would make of a discovery."""
    return Item(
        id=number,
        source_id=1,
        kind=discovery.kind,
        external_id=discovery.external_id,
        locator=discovery.locator,
        media_type=discovery.media_type,
        size=discovery.size,
        sha256=discovery.sha256,
        occurred_at=discovery.occurred_at,
    )


async def find(source: Source, cursor: str = "") -> Sequence[Page]:
    """The pages of one complete pass."""
    pages: list[Page] = []
    async with asyncio.timeout(_PATIENCE_SECONDS), aclosing(source.discover(cursor)) as discovering:
        async for page in discovering:
            pages.append(page)
            if page.complete:
                break
    return pages


async def find_until(source: Source, wanted: set[str], cursor: str = "") -> Mapping[str, Discovery]:
    """Watches until all the wanted external ids were found; what was found, by external id."""
    found: dict[str, Discovery] = {}
    async with asyncio.timeout(_PATIENCE_SECONDS), aclosing(source.discover(cursor)) as discovering:
        async for page in discovering:
            found.update({discovery.external_id: discovery for discovery in page.discoveries})
            if wanted <= found.keys():
                break
    return found


async def _joined(source: Source, item: Item, offset: int = 0) -> bytes:
    chunks = [chunk async for chunk in source.stream(item, offset)]
    assert all(0 < len(chunk) <= _MIB for chunk in chunks), "chunks have 1 byte to 1 MiB"
    return b"".join(chunks)


class SourceConformance:
    """The promises of the port. A subclass provides the fixture ``rig``, and adds its own traits."""

    @pytest.fixture
    async def rig(self) -> Rig:
        """A source that has nothing yet."""
        raise NotImplementedError

    # -- finding ------------------------------------------------------------------------------------------------------------------------

    async def test_a_source_without_items_completes_its_pass(self, rig: Rig) -> None:
        """Nothing to find is a complete pass too, not a silence."""
        pages = await find(rig.source)
        assert pages[-1].complete
        assert [discovery for page in pages for discovery in page.discoveries] == []

    async def test_a_pass_finds_every_item_once(self, rig: Rig) -> None:
        """A complete pass has each item, in pages of at most a thousand."""
        names = {f"item-{number}" for number in range(25)}
        for name in names:
            await rig.add(name, name.encode())
        pages = await find(rig.source)
        found = [discovery.external_id for page in pages for discovery in page.discoveries]
        assert sorted(found) == sorted(names)
        assert all(len(page.discoveries) <= 1000 for page in pages)

    async def test_a_discovery_says_what_reading_needs(self, rig: Rig) -> None:
        """A locator, a media type, and the right size if any."""
        await rig.add("only", b"12345")
        found = await find_until(rig.source, {"only"})
        assert found["only"].locator
        assert "/" in found["only"].media_type
        assert found["only"].size in {5, None}

    async def test_finding_again_finds_the_same(self, rig: Rig) -> None:
        """Two passes from the beginning give equal discoveries, so that discovering twice is harmless."""
        for name in ("one", "two"):
            await rig.add(name, name.encode())
        assert await find_until(rig.source, {"one", "two"}) == await find_until(rig.reopen(), {"one", "two"})

    async def test_a_cursor_loses_nothing(self, rig: Rig) -> None:
        """After a restart with the cursor of the last page, what came in between is found."""
        await rig.add("before", b"1")
        cursor = (await find(rig.source))[-1].cursor
        await rig.add("after", b"2")
        assert "after" in await find_until(rig.reopen(), {"after"}, cursor)

    async def test_what_comes_while_watching_is_found(self, rig: Rig) -> None:
        """A watching source waits inside for what comes."""
        if not rig.watches:
            pytest.skip("this source is looked at once")
        async with asyncio.timeout(_PATIENCE_SECONDS), aclosing(rig.source.discover("")) as discovering:
            await anext(discovering)
            await rig.add("late", b"late")
            async for page in discovering:
                if any(discovery.external_id == "late" for discovery in page.discoveries):
                    break

    async def test_closing_ends_the_watch(self, rig: Rig) -> None:
        """After `close`, whoever iterates gets an end, not a wait without end."""
        async with asyncio.timeout(_PATIENCE_SECONDS), aclosing(rig.source.discover("")) as discovering:
            await anext(discovering)
            await rig.source.close()
            async for page in discovering:
                assert not page.discoveries

    async def test_a_rest_is_no_silence(self, rig: Rig) -> None:
        """A page that says that the source rests tells nothing else but a pass's end; what came meanwhile is found after the rest."""
        async with asyncio.timeout(_PATIENCE_SECONDS), aclosing(rig.source.discover("")) as discovering:
            rest = await self._first_rest(discovering)
            if rest is None:
                return  # it waits by itself, or ends
            await rig.add("late", b"late")
            await asyncio.sleep(min(rest, _LONGEST_REST))
            found = False
            async for page in discovering:
                found = found or any(discovery.external_id == "late" for discovery in page.discoveries)
                if found or page.rest is not None:
                    break
            assert found or rest > _LONGEST_REST, "the first look after a rest finds it"

    async def _first_rest(self, discovering: AsyncIterator[Page]) -> float | None:
        """What the first page says that comes with a rest; None if none does within a moment."""
        try:
            async with asyncio.timeout(_LONGEST_REST):
                async for page in discovering:
                    if page.rest is not None:
                        return page.rest
        except TimeoutError:
            return None
        return None

    # -- reading ------------------------------------------------------------------------------------------------------------------------

    async def test_read_many_keeps_the_order(self, rig: Rig) -> None:
        """Each result stands where its item stood, also for an item that is asked for twice."""
        names = [f"item-{number}" for number in range(12)]
        for name in names:
            await rig.add(name, name.encode() * 50)
        found = await find_until(rig.source, set(names))
        asked = [*reversed(names), names[3]]
        results = await rig.source.read_many([item_of(found[name]) for name in asked])
        assert list(results) == [name.encode() * 50 for name in asked]
        assert list(await rig.source.read_many([])) == []

    async def test_an_empty_item_is_read_as_no_bytes(self, rig: Rig) -> None:
        """Zero bytes are content: an item of its own, and no error."""
        await rig.add("empty", b"")
        item = item_of((await find_until(rig.source, {"empty"}))["empty"])
        assert list(await rig.source.read_many([item])) == [b""]
        assert await _joined(rig.source, item) == b""

    async def test_an_item_that_is_gone_is_an_error_in_its_place(self, rig: Rig) -> None:
        """`SourceGoneError` for the one that was removed, bytes for its neighbours."""
        for name in ("first", "lost", "last"):
            await rig.add(name, name.encode())
        found = await find_until(rig.source, {"first", "lost", "last"})
        await rig.remove("lost")
        first, lost, last = await rig.source.read_many([item_of(found[name]) for name in ("first", "lost", "last")])
        assert (first, last) == (b"first", b"last")
        assert isinstance(lost, SourceGoneError)
        with pytest.raises(SourceGoneError):
            await _joined(rig.source, item_of(found["lost"]))

    async def test_a_stream_gives_what_read_many_gives(self, rig: Rig) -> None:
        """The same bytes in chunks, from the beginning, from the middle, from the end."""
        data = bytes(range(251)) * (5 * _MIB // 2 // 251)
        await rig.add("big", data)
        item = item_of((await find_until(rig.source, {"big"}))["big"])
        assert list(await rig.source.read_many([item])) == [data]
        assert await _joined(rig.source, item) == data
        assert await _joined(rig.source, item, _MIB + 7) == data[_MIB + 7 :]
        assert await _joined(rig.source, item, len(data)) == b""

    async def test_a_stream_may_be_left_in_the_middle(self, rig: Rig) -> None:
        """An upload that fails leaves its stream; the next try begins anew."""
        data = b"x" * (2 * _MIB)
        await rig.add("big", data)
        item = item_of((await find_until(rig.source, {"big"}))["big"])
        async for _ in rig.source.stream(item):
            break
        assert await _joined(rig.source, item) == data

    # -- trouble ------------------------------------------------------------------------------------------------------------------------

    async def test_a_source_that_is_away_has_not_lost_its_items(self, rig: Rig) -> None:
        """`UnavailableError`, which charges nobody; never `SourceGoneError`; and all is well when it is back."""
        if rig.take_away is None or rig.bring_back is None:
            pytest.skip("this source cannot be away")
        await rig.add("item", b"bytes")
        item = item_of((await find_until(rig.source, {"item"}))["item"])
        await rig.take_away()
        (result,) = await rig.source.read_many([item])
        assert isinstance(result, UnavailableError)
        with pytest.raises(UnavailableError):
            await _joined(rig.source, item)
        with pytest.raises(UnavailableError):
            await find(rig.reopen())
        await rig.bring_back()
        assert list(await rig.source.read_many([item])) == [b"bytes"]

    async def test_errors_tell_no_secrets(self, rig: Rig) -> None:
        """Neither the words of an error nor its chain show a secret."""
        await rig.add("item", b"bytes")
        item = item_of((await find_until(rig.source, {"item"}))["item"])
        await rig.add("other", b"bytes")
        await rig.remove("item")
        if rig.take_away is not None:
            await rig.take_away()
        (result,) = await rig.source.read_many([item])
        assert isinstance(result, ArchiverError)
        shown = f"{result!r} {result} {result.hint} {result.__cause__!r} {rig.source!r}"
        assert [secret for secret in rig.secrets if secret in shown] == []

    async def test_close_twice_is_harmless(self, rig: Rig) -> None:
        """Also for a source that was never used."""
        await rig.source.close()
        await rig.source.close()
        unused = rig.reopen()
        await unused.close()
