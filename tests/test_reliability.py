"""The page on reliability names every scenario of the fault matrix, and none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text()
CLASSES = 14
ROWS = {int(row): rest for row, rest in re.findall(r"^\| (\d+) \| (.*) \|$", PAGE, re.MULTILINE)}


def scenarios() -> dict[str, str]:
    """Every test of the matrix, and the file in which it stands."""
    return {
        name: path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for name in re.findall(r"def (test_rows?_\d\d\w*)", path.read_text())
    }


def rows_of(name: str) -> range:
    """The rows that a test's name says it holds."""
    first, last = re.match(r"test_rows?_(\d\d)(?:_to_(\d\d))?", name).groups()  # type: ignore[union-attr]  # named so
    return range(int(first), int(last or first) + 1)


def test_the_matrix_has_all_rows() -> None:
    """None is left out, not even those whose rooms are to come."""
    assert list(ROWS) == list(range(1, 44))


def test_every_scenario_stands_in_its_row() -> None:
    """Whoever adds one adds it to the page."""
    for name, path in scenarios().items():
        for row in rows_of(name):
            assert f"[{name}](../{path})" in ROWS[row], f"row {row} does not name {name}"


def test_the_page_names_nothing_that_is_not_there() -> None:
    """Every link of a row leads to a test."""
    named = re.findall(r"\[(test_rows?_\w+)\]\(\.\./([\w/.]+)\)", PAGE)
    assert named
    assert set(named) <= set(scenarios().items())


def test_each_class_of_failures_is_shown_at_two_providers() -> None:
    """Every row names tests that exist, of two providers or more."""
    part = PAGE.split("## Classes of failures")[1].split("\n## ")[0]
    classes = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")][1:]
    assert len(classes) == CLASSES
    for name, seen, held in classes:
        providers = {one for words in re.findall(r"(?:^|; )([\w ]+): \[", held) for one in words.split(" and ")}
        assert len(providers) > 1, f"{name}: {providers}"
        assert seen
        for test, path in re.findall(r"\[(test_\w+)\]\(\.\./([\w/.]+)\)", held):
            assert f"def {test}(" in (ROOT / path).read_text(), f"{name}: there is no {test} in {path}"
