"""A source of one's own: as short as the guide says, in a package of its own, and held to the kit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from archiver import registry
from archiver.adapter import check_options
from archiver.errors import ReconnectNeededError, SourceThrottledError
from archiver.sources.conformance import Rig, SourceConformance, find, find_until, item_of
from archiver.sources.port import Context, Source
from support.package import install
from support.pbx import TOKEN, Pbx

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_source.py"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example was installed from its wheel."""
    return install(EXAMPLE, "archiver.sources", "pbx", tmp_path_factory.mktemp("own_source"))


@pytest.fixture
def _installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(package)


@pytest.mark.usefixtures("_installed")
class TestOwnSource(SourceConformance):
    """The kit, on the adapter that the registry finds."""

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        """A phone system without calls."""
        async with Pbx() as pbx, aiohttp.ClientSession() as http:
            adapter = registry.source("pbx")

            def open_source() -> Source:
                return adapter.open(check_options("pbx", adapter.options, {"url": pbx.url, "token": TOKEN}), Context(http=http))

            async def add(name: str, data: bytes) -> None:
                pbx.add(name, data)

            async def remove(name: str) -> None:
                del pbx.sound[name]

            source = open_source()
            yield Rig(
                source=source,
                add=add,
                remove=remove,
                reopen=open_source,
                take_away=pbx.close,
                bring_back=pbx.start,
                secrets=(TOKEN,),
            )
            await source.close()


@pytest.mark.usefixtures("_installed")
async def test_it_obeys_a_refusal() -> None:
    """A 429 names the item's turn, a 401 asks for another token."""
    async with Pbx() as pbx, aiohttp.ClientSession() as http:
        adapter = registry.source("pbx")
        source = adapter.open({"url": pbx.url, "token": TOKEN}, Context(http=http))
        pbx.add("one", b"sound")
        item = item_of((await find_until(source, {"one"}))["one"])
        pbx.refusals.append(429)
        (refused,) = await source.read_many([item])
        assert isinstance(refused, SourceThrottledError)
        assert refused.retry_after == 17
        stranger = adapter.open({"url": pbx.url, "token": "another"}, Context(http=http))
        with pytest.raises(ReconnectNeededError):
            await find(stranger)


def test_it_is_short() -> None:
    """Under 60 lines."""
    assert len(EXAMPLE.read_text().splitlines()) < 60
