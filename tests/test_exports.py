"""What each module says it exports: sorted, there, and complete."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent.parent / "src"


def module_name(path: Path) -> str:
    """A file's name as a module."""
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path
    for path in sorted(SOURCES.rglob("*.py"))
    if path.name != "__main__.py" and "migrations/versions" not in path.as_posix() and path.name != "env.py"
}


def exports(tree: ast.Module) -> list[str] | None:
    """The names in ``__all__``, or None if there is none."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value) | ast.AnnAssign(target=ast.Name(id="__all__"), value=value):
                return [str(name) for name in ast.literal_eval(value)] if value is not None else []
    return None


def public_names(tree: ast.Module) -> set[str]:
    """The functions and classes that a module defines at its top without an underscore in front."""
    defined = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef))
    return {node.name for node in defined if not node.name.startswith("_")}


@pytest.mark.parametrize("name", MODULES)
def test_exports_are_sorted_complete_and_there(name: str) -> None:
    """``__all__`` is sorted as ruff sorts it, leaves out nothing public, and every name in it can be imported."""
    tree = ast.parse(MODULES[name].read_text())
    listed = exports(tree)
    if listed is None:
        assert public_names(tree) == set(), f"{name} has public names but no __all__"
        return
    assert len(listed) == len(set(listed)), "a name stands there twice"
    # The order itself is ruff's rule RUF022: constants, then classes, then functions.
    assert public_names(tree) - set(listed) == set(), "public names that __all__ leaves out"
    module = importlib.import_module(name)
    assert [entry for entry in listed if not hasattr(module, entry)] == [], "names in __all__ that are not there"
