"""What the tests of commands start from: a home of their own, and a command line that is run and read."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from archiver.cli import main

Run = tuple[int, Any, str]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A home of its own for every test, no terminal to ask secrets on, and logging as it was before."""
    monkeypatch.setenv("ARCHIVER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    yield tmp_path / "home"
    logging.getLogger().handlers = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def archiver(capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Runs a command line with --json: its exit code, the document, and what people read."""

    def run(*words: str) -> Run:
        code = main([*words, "--json"])
        out, err = capsys.readouterr()
        lines = out.splitlines()
        assert len(lines) <= 1, "standard output holds one document only"
        return code, json.loads(lines[0]) if lines else None, err

    return run
