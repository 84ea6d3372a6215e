"""``archiver customers edit``, ``erase`` and ``remove``, as a person types them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archiver.cli import main

Run = Callable[..., Any]


@pytest.fixture
def archiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with --json in a home with a customer that has something archived; its document, or what it complains of."""
    monkeypatch.setenv("ARCHIVER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.txt").write_text("one")

    def run(*words: str, code: int = 0) -> Any:
        assert main([*words, "--json"]) == code
        said = capsys.readouterr()
        return json.loads(said.out) if code == 0 else said.err

    run(
        "customers",
        "add",
        "acme",
        "--from",
        f"folder:{tmp_path / 'in'}",
        "--from-option",
        "sidecars=ignored",
        "--to",
        f"folder:{tmp_path / 'out'}",
    )
    assert run("run", "--until-empty")["archived"] == 1
    return run


def files(tmp_path: Path) -> list[str]:
    """What the customer's storage has."""
    return [path.read_text() for path in (tmp_path / "out").rglob("*.txt")]


def test_a_customer_is_changed(archiver: Run) -> None:
    """What is said becomes other; kinds are routed by the destination's number; nonsense is refused with what to say."""
    changed = archiver("customers", "edit", "acme", "--weight", "3", "--keep-days", "30", "--erase-days", "60", "--kinds", "2=sms,fax")
    assert (changed["weight"], changed["keep_days"], changed["erase_days"]) == (3, 30, 60)
    (customer,) = archiver("customers", "list")
    assert [connection["kinds"] for connection in customer["connections"]] == [[], ["sms", "fax"]]
    archiver("customers", "edit", "acme", "--kinds", "2=all")
    assert archiver("customers", "list")[0]["connections"][1]["kinds"] == []
    for words in (("--kinds", "sms"), ("--kinds", "2=tea"), ("--kinds", "99=sms"), ("--hold", ""), ("--weight", "0")):
        archiver("customers", "edit", "acme", *words, code=78)


def test_what_is_on_hold_is_not_erased(archiver: Run, tmp_path: Path) -> None:
    """Until the hold ends; nothing is erased without a yes."""
    archiver("customers", "edit", "acme", "--hold", "lawsuit")
    assert "lawsuit" in archiver("customers", "erase", "acme", "--yes", code=78)
    archiver("customers", "edit", "acme", "--no-hold")
    assert "not confirmed" in archiver("customers", "erase", "acme", code=78)
    assert archiver("customers", "erase", "acme", "--yes", "--before", "2020-01-01")["erased"] == 0
    assert files(tmp_path) == ["one"]
    assert archiver("customers", "erase", "acme", "--yes")["erased"] == 1
    assert files(tmp_path) == []
    assert archiver("audit", "verify")


def test_a_customer_is_removed(archiver: Run, tmp_path: Path) -> None:
    """Only a paused one; its files stay, since they are the customer's."""
    archiver("customers", "remove", "acme", "--yes", code=78)
    archiver("customers", "pause", "acme")
    assert "not confirmed" in archiver("customers", "remove", "acme", code=78)
    assert archiver("customers", "remove", "acme", "--yes")["erased"] == 1
    assert archiver("customers", "list") == []
    assert files(tmp_path) == ["one"]


def test_kinds_are_said_when_a_customer_is_added(archiver: Run, tmp_path: Path) -> None:
    """By the destination's adapter; of an adapter that is not there it is refused. A storage may come later."""
    source = ("--from", f"folder:{tmp_path / 'in'}")
    archiver("customers", "add", "beta", *source, "--to", f"folder:{tmp_path / 'beta'}", "--to-kinds", "folder=sms")
    assert archiver("customers", "list")[1]["connections"][1]["kinds"] == ["sms"]
    archiver("customers", "add", "gamma", *source, "--to", f"folder:{tmp_path / 'gamma'}", "--to-kinds", "dropbox=sms", code=78)
    assert len(archiver("customers", "add", "gamma", *source)["customer"]["connections"]) == 1
