"""The parity page and the page of faults: every row says what is ours and which test pins it, and that test exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "genstage"
PARITY = PAGES / "parity.md"
FAULTS = PAGES / "faults.md"
PARTS = ("GenStage", "Dispatchers", "ConsumerSupervisor", "Broadway", "Flow")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows(page: Path) -> list[tuple[str, list[str]]]:
    """Every row of every table of a page: under which heading, and its cells. Table heads and their underlines are no rows."""
    found: list[tuple[str, list[str]]] = []
    heading = ""
    fresh = False
    for line in page.read_text().splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("|"):
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if fresh and not set("".join(cells)) <= {"-", ":"}:
                found.append((heading, cells))
            fresh = True
            continue
        fresh = False
    return found


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names of the tests in a file."""
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("page", [PARITY, FAULTS], ids=["parity", "faults"])
def test_no_cell_is_empty(page: Path) -> None:
    """Every row has its three cells, with something in each."""
    assert [cells for _, cells in rows(page) if len(cells) != 3 or not all(cells)] == []


@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_rows(part: str) -> None:
    """Each of the originals is there; no row stands under another heading, none twice."""
    names = [cells[0] for heading, cells in rows(PARITY) if heading == part]
    assert names
    assert len(names) == len(set(names))
    assert {heading for heading, _ in rows(PARITY)} <= set(PARTS)


@pytest.mark.parametrize("page", [PARITY, FAULTS], ids=["parity", "faults"])
def test_every_named_test_exists(page: Path) -> None:
    """Every row names at least one test in its last cell, and every test that is named is there."""
    missing = []
    for _, cells in rows(page):
        named = TEST.findall(cells[-1])
        if not named:
            missing.append(f"{cells[0]}: no test")
        missing += [f"{path}::{name}" for path, name in named if not (ROOT / path).exists() or name not in names_in(ROOT / path)]
    assert missing == []
