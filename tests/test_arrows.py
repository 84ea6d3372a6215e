"""The arrows between the rooms, read from CONTRIBUTING's table and held against every import of the sources."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "src"
TASK_MAKERS = {"create_task", "ensure_future", "TaskGroup", "gather", "as_completed", "run_coroutine_threadsafe"}
MAY_MAKE_TASKS = ("genstage", "archiver.fleet")


@dataclass(frozen=True)
class Row:
    """One row of the table: a room, what it may import of ours, and whether it may import from outside."""

    room: str
    allowed: frozenset[str]
    outside: str


@dataclass(frozen=True)
class Import:
    """One import: where it stands and what it wants."""

    module: str
    line: int
    target: str


def full_name(name: str) -> str:
    """The table's short name as a module's name."""
    return name if name.split(".", maxsplit=1)[0] in {"genstage", "archiver"} else f"archiver.{name}"


@cache
def table() -> dict[str, Row]:
    """CONTRIBUTING's table by room."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    values = re.search(r"^\*\*values\*\*: (.*)$", text, re.MULTILINE)
    assert values, "CONTRIBUTING says what 'values' stands for"
    rows = {}
    for room, allowed, outside in re.findall(r"^\| `([^`]+)` \| (.+?) \| (.+?) \|$", text, re.MULTILINE):
        spelled = allowed.replace("values", values[1])
        names = frozenset(full_name(name) for name in re.findall(r"`([^`]+)`", spelled))
        rows[full_name(room)] = Row(full_name(room), names, outside)
    return rows


@cache
def modules() -> dict[str, Path]:
    """Every module of ours by name."""
    found = {}
    for path in sorted(SOURCES.rglob("*.py")):
        parts = path.relative_to(SOURCES).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module: str) -> tuple[str, str] | None:
    """The row that holds a module, and which room of that row it is: they differ where the row ends with a star."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        star = ".".join([*parts[: length - 1], "*"])
        if name in table() and (length > 1 or len(parts) == 1 or name == "genstage"):
            return name, name
        if star in table():
            return star, name
    return None


def resolve(name: str) -> str | None:
    """The module of ours that a dotted name belongs to; None if it is somebody else's."""
    while name:
        if name in modules():
            return name
        name = name.rpartition(".")[0]
    return None


def imported(module: str, path: Path, node: ast.AST) -> Iterator[str]:
    """The dotted names that one statement imports."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=base, names=names, level=level):
            if level:
                package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
                base = ".".join([*package[: len(package) - level + 1], *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in names)
        case ast.Call(func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"), args=[ast.Constant(value=str(name)), *_]):
            yield name


@cache
def imports() -> tuple[Import, ...]:
    """Every import of every module, also those inside functions."""
    found = []
    for module, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            found += [Import(module, getattr(node, "lineno", 0), name) for name in imported(module, path, node)]
    return tuple(found)


def complaint(one: Import) -> str | None:
    """What is wrong with an import, or None."""
    place = f"{one.module}:{one.line} imports {one.target}"
    here = room_of(one.module)
    if here is None:
        return f"{one.module} is in no room of the table"
    row = table()[here[0]]
    target = resolve(one.target)
    if target is None:
        foreign = one.target.split(".")[0] not in sys.stdlib_module_names
        return f"{place}, but {row.room} takes only the standard library from outside" if foreign and row.outside != "any" else None
    there = room_of(target)
    if there is None:
        return f"{place}, which is in no room of the table"
    return None if here[1] == there[1] or there[0] in row.allowed else f"{place}, but {row.room} may not import {there[0]}"


def test_every_import_follows_the_arrows() -> None:
    """Each import stays in its room or goes where the table lets it go."""
    assert [text for one in imports() if (text := complaint(one))] == []


def test_every_module_is_in_a_room() -> None:
    """A new room must be entered into the table before it is built."""
    assert [module for module in modules() if room_of(module) is None] == []


def test_no_row_is_stale() -> None:
    """Every row has a module, and every name a row mentions has a row."""
    inhabited = {found[0] for module in modules() if (found := room_of(module))}
    assert sorted(set(table()) - inhabited) == []
    assert sorted({name for row in table().values() for name in row.allowed} - set(table())) == []


def test_no_import_goes_in_a_circle() -> None:
    """The modules can be put into an order in which each imports only earlier ones."""
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for one in imports():
        target = resolve(one.target)
        if target and target != one.module:
            graph[one.module].add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_only_genstage_and_fleet_make_tasks() -> None:
    """Every task has an owner that waits for it and hears of its failure."""
    culprits = []
    for module, path in modules().items():
        if module.startswith(MAY_MAKE_TASKS) or ".conformance" in module:  # a kit is tests, and tests call many at a time
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if name in TASK_MAKERS:
                culprits.append(f"{module}:{getattr(node, 'lineno', 0)} uses {name}")
    assert culprits == []


@pytest.mark.parametrize(
    ("module", "target", "wrong"),
    [
        ("archiver.destinations.memory.unheard_of", "archiver.destinations.memory.MemoryDestination", False),
        ("archiver.destinations.dropbox.batch", "archiver.destinations.port.Upload", False),
        ("archiver.destinations.dropbox.batch", "archiver.destinations.memory", True),
        ("archiver.destinations.dropbox.batch", "archiver.pipeline.gate", True),
        ("archiver.pipeline.fetcher", "archiver.database.sqlite", True),
        ("archiver.errors", "msgspec", True),
        ("genstage.stage", "aiohttp", True),
        ("archiver.cli.run", "archiver.database.sqlite", True),
        ("archiver.cli.run", "archiver.sandbox", True),
        ("archiver.cli.demo", "archiver.sandbox", False),
        ("archiver.unheard_of", "archiver.errors", True),
    ],
)
def test_the_test_itself_can_tell(module: str, target: str, *, wrong: bool) -> None:
    """The arrows are judged as the table says, for pairs that need not exist."""
    assert (complaint(Import(module, 1, target)) is not None) is wrong
