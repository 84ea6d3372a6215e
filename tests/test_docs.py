"""The documents: their code runs, their commands exist, their reference is complete, their links lead somewhere."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from archiver.cli import COMMANDS
from support.pages import pages

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in {"build", "dist", "node_modules"} for part in path.relative_to(ROOT).parts)
)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
README_BLOCKS = BLOCK.findall((ROOT / "README.md").read_text())


def names(paths: list[Path]) -> list[str]:
    """Paths as a test's ids."""
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("block", README_BLOCKS, ids=range(len(README_BLOCKS)))
def test_the_readmes_code_runs(block: str) -> None:
    """Every Python block of the README runs as it stands, without a word on standard error."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", block], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_readme_shows_the_toolkit_at_work() -> None:
    """The toolkit's example is in the README, is short, and delivers everything."""
    (block,) = README_BLOCKS
    lines = [line for line in block.splitlines() if line.strip()]
    assert len(lines) <= 20
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=True, timeout=30)
    assert sorted(map(int, done.stdout.split())) == list(range(100))


def test_the_readme_tells_things_in_their_order() -> None:
    """The drawing, what it is for, the two commands, the 429, one's own folder, the toolkit, where to read on."""
    text = (ROOT / "README.md").read_text()
    marks = ["[Fetcher]", "continuously copies", "## Two commands", "## What happens on a 429", "## On your own folder", "## The toolkit"]
    places = [text.index(mark) for mark in [*marks, "## Where to read on"]]
    assert places == sorted(places)


@pytest.mark.parametrize("name", pages())
def test_reference_pages_are_those_of_the_code(name: str) -> None:
    """Commands, settings, states, events and errors are documented as the code has them; `make docs` writes the pages."""
    assert (ROOT / "docs" / name).read_text() == pages()[name], "run `make docs`"


@pytest.mark.parametrize("path", DOCUMENTS, ids=names(DOCUMENTS))
def test_commands_in_documents_exist(path: Path) -> None:
    """Whatever is shown as ``archiver WORD`` in code is a command, and every ``make WORD`` a target."""
    text = path.read_text()
    code = "\n".join(re.findall(r"```(?:sh)?\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text))
    commands = {command.split()[0] for command in COMMANDS}
    for word in re.findall(r"^(?:[A-Z_]+=\S+ )*(?:\S*/)?archiver ([a-z]+)", code, re.MULTILINE):
        assert word in commands, f"archiver {word}"
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for word in re.findall(r"^make ([a-z-]+)", code, re.MULTILINE):
        assert word in targets, f"make {word}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=names(DOCUMENTS))
def test_links_lead_somewhere(path: Path) -> None:
    """Every link to a file of the repository leads to one that is there."""
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        if "://" not in link:
            assert (path.parent / link).exists(), link


def test_no_machines_paths() -> None:
    """Nothing in the repository's texts and sources hangs on the machine on which it was written."""
    paths = [*DOCUMENTS, ROOT / "Makefile", ROOT / "pyproject.toml", ROOT / "requirements.lock", ROOT / ".ci" / "run"]
    for folder in ("src", "tests", "examples", "benchmarks", "deploy"):
        paths += [path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".service", ".md", ".toml"}]
    here = (f"{ROOT}/", f"{Path.home()}/")
    assert [str(path) for path in paths if any(place in path.read_text() for place in here)] == []


def test_every_test_says_what_must_be_true() -> None:
    """Every test has a docstring, as CONTRIBUTING asks."""
    assert [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ] == []
