from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from archiver import registry
from archiver.errors import ConfigError


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A directory for other people's adapters, which registers ``good``, ``broken``, ``missing`` and ``liar`` as sources."""
    (tmp_path / "foreign_good.py").write_text("class Adapter:\n    name = 'good'\n    summary = 'Theirs.'\nADAPTER = Adapter()\n")
    (tmp_path / "foreign_broken.py").write_text("import no_such_module\n")
    entries = [
        EntryPoint("good", "foreign_good:ADAPTER", registry._SOURCES),
        EntryPoint("broken", "foreign_broken:ADAPTER", registry._SOURCES),
        EntryPoint("missing", "foreign_good:NOTHING", registry._SOURCES),
        EntryPoint("liar", "foreign_good:ADAPTER", registry._SOURCES),
    ]
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "entry_points", lambda *, group: EntryPoints(entry for entry in entries if entry.group == group))
    registry._load.cache_clear()
    yield tmp_path
    registry._load.cache_clear()


def test_our_adapters_are_registered() -> None:
    """The adapters that ship with the package are found through its entry points."""
    assert {"folder", "memory", "sqltable"} <= set(registry.sources())
    assert {"dropbox", "folder", "memory"} <= set(registry.destinations())


@pytest.mark.parametrize("name", registry.sources())
def test_every_source_loads(name: str) -> None:
    """Each registered source can be imported and describes itself in a sentence."""
    assert registry.source(name).summary.strip()


@pytest.mark.parametrize("name", registry.destinations())
def test_every_destination_loads(name: str) -> None:
    """Each registered destination can be imported, describes itself, and has at most one main option."""
    adapter = registry.destination(name)
    assert adapter.summary.strip()
    assert sum(option.main for option in adapter.options) <= 1


@pytest.mark.usefixtures("register")
def test_names_are_listed_without_importing() -> None:
    """A list of names imports nothing, so that a broken adapter does not break the list."""
    sys.modules.pop("foreign_good", None)
    assert registry.sources() == ("broken", "good", "liar", "missing")
    assert "foreign_good" not in sys.modules
    assert registry.source("good").summary == "Theirs."


@pytest.mark.usefixtures("register")
@pytest.mark.parametrize(
    ("name", "message"),
    [("broken", "cannot be loaded.*no_such_module"), ("missing", "cannot be loaded"), ("liar", "calls itself 'good'")],
)
def test_what_cannot_be_loaded_is_a_clear_error(name: str, message: str) -> None:
    """An adapter that does not import, does not exist, or has another name is named with what is wrong."""
    with pytest.raises(ConfigError, match=message):
        registry.source(name)


def test_an_unknown_name_gets_the_nearest() -> None:
    """A misspelt adapter is answered with the nearest one and the list."""
    with pytest.raises(ConfigError, match="no destination 'dropbx'") as caught:
        registry.destination("dropbx")
    assert caught.value.hint.startswith("Did you mean dropbox? There are: ")
    assert ", dropbox, folder, " in caught.value.hint
    with pytest.raises(ConfigError, match="no source 'xyz'") as caught:
        registry.source("xyz")
    assert caught.value.hint.startswith("There are: folder")


def test_two_packages_may_not_share_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two different adapters under one name are an error that names both; the same one twice is not."""
    entries = [EntryPoint("x", "a:ADAPTER", "archiver.sources"), EntryPoint("x", "b:ADAPTER", "archiver.sources")]
    monkeypatch.setattr(registry, "entry_points", lambda *, group: EntryPoints(entries if group else ()))
    with pytest.raises(ConfigError, match="a:ADAPTER and b:ADAPTER"):
        registry.sources()
    entries.pop()
    entries.append(EntryPoint("x", "a:ADAPTER", "archiver.sources"))
    assert registry.sources() == ("x",)
