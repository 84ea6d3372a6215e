"""``archiver items``: what became of one item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

AT_ONCE = ("--from-option", "sidecars=ignored")


def test_the_timeline_of_an_item(archiver: Any, tmp_path: Path) -> None:
    """Found, archived, with the receipt; before that it is due."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "call.wav").write_bytes(b"sound")
    archiver("customers", "add", "acme", "--from", f"folder:{tmp_path / 'in'}", *AT_ONCE, "--to", f"folder:{tmp_path / 'out'}")
    archiver("import")
    _, waiting, _ = archiver("items", "show", "1")
    assert [step["what"] for step in waiting["timeline"]][-1] == "it is due"
    archiver("run", "--until-empty")
    code, shown, words = archiver("items", "show", "1")
    assert code == 0
    assert shown["delivery"]["state"] == "archived"
    moments = [step["at"] for step in shown["timeline"] if step["at"] is not None]
    assert moments == sorted(moments)
    assert "the storage confirmed 5 bytes at" in words
    assert shown["delivery"]["receipt"]["sha256"] in words


def test_an_item_that_failed(archiver: Any, tmp_path: Path) -> None:
    """Why, and the command that lets it be tried again."""
    source, first, second = tmp_path / "in", tmp_path / "first", tmp_path / "second"
    source.mkdir()
    (source / "call.wav").write_bytes(b"sound")
    archiver("customers", "add", "one", "--from", f"folder:{source}", *AT_ONCE, "--to", f"folder:{first}")
    archiver("run", "--until-empty")
    (stored,) = first.rglob("*.wav")
    in_the_way = second / stored.relative_to(first)
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_bytes(b"somebody else's")
    archiver("customers", "add", "two", "--from", f"folder:{source}", *AT_ONCE, "--to", f"folder:{second}")
    archiver("run", "--until-empty")
    _, _, words = archiver("items", "show", "2")
    assert "ConflictError" in words
    assert "archiver retry 2" in words


def test_the_list_is_that_of_deliveries(archiver: Any, tmp_path: Path) -> None:
    """The same rows by either name; a number that is not there is told."""
    archiver("customers", "add", "acme", "--from", "memory:3", "--to", f"folder:{tmp_path / 'out'}")
    archiver("import")
    assert archiver("items", "list", "--limit", "2")[1] == archiver("deliveries", "--limit", "2")[1]
    code, document, _ = archiver("items", "show", "99")
    assert (code, document["error"]) == (78, "ConfigError")
