"""A destination of one's own: as short as the guide says, in a package of its own, and held to the kit; then a line of both examples."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from archiver import registry
from archiver.adapter import check_options
from archiver.destinations.conformance import DestinationConformance, Rig
from archiver.destinations.port import Context, Destination, Unpaced
from genstage.clock import SystemClock
from support.machine import Machine
from support.package import install
from support.pbx import TOKEN, Pbx

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = EXAMPLES / "own_destination.py"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example was installed from its wheel."""
    return install(EXAMPLE, "archiver.destinations", "sqlite", tmp_path_factory.mktemp("own_destination"), "SqliteDestination")


def stored_in(path: Path) -> dict[str, bytes]:
    """Every item in the file."""
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path)) as database:
        found: dict[str, bytes] = {}
        if database.execute("SELECT 1 FROM sqlite_schema").fetchone() is None:
            return found
        for name, data in database.execute("SELECT path, data FROM pieces ORDER BY path, number"):
            found[name] = found.get(name, b"") + data
        return found


class TestOwnDestination(DestinationConformance):
    """The kit, on the adapter that the registry finds."""

    @pytest.fixture
    async def rig(self, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
        """A file that is not there yet."""
        monkeypatch.syspath_prepend(package)
        path = tmp_path / "archive.db"

        async def stored() -> Mapping[str, bytes]:
            return stored_in(path)

        def open_destination() -> Destination:
            adapter = registry.destination("sqlite")
            options = check_options("sqlite", adapter.options, {"path": str(path)})
            return adapter.open(options, Context(pace=Unpaced(), clock=SystemClock()))

        return Rig(destination=open_destination(), stored=stored, reopen=open_destination)


@pytest.mark.scenario
async def test_archiver_takes_both_examples(package: Path, tmp_path: Path) -> None:
    """Archiver lists the two adapters, and archives the calls of the one in the file of the other, byte for byte."""
    other = tmp_path / "own_source"
    other.mkdir()
    paths = [str(package), str(install(EXAMPLES / "own_source.py", "archiver.sources", "pbx", other))]
    machine = Machine(tmp_path)
    machine.environment["PYTHONPATH"] = os.pathsep.join(paths)
    calls = {f"call-{number}": os.urandom(1000 + number) for number in range(30)} | {"long": os.urandom(5 << 20), "silent": b""}
    async with Pbx() as pbx:
        for name, data in calls.items():
            pbx.add(name, data)
        assert "pbx" in [row["name"] for row in json.loads(await machine.archiver("sources", "--json"))]
        assert "sqlite" in [row["name"] for row in json.loads(await machine.archiver("destinations", "--json"))]
        await machine.archiver(
            *("customers", "add", "me", "--from", f"pbx:{pbx.url}", "--to", f"sqlite:{tmp_path / 'archive.db'}"), ARCHIVER_PBX_TOKEN=TOKEN
        )
        await machine.archiver("run", "--until-empty")
    assert sorted(stored_in(tmp_path / "archive.db").values()) == sorted(calls.values())


def test_it_is_short() -> None:
    """Under 60 lines."""
    assert len(EXAMPLE.read_text().splitlines()) < 60
