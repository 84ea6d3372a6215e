from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import genstage

PAGES = Path(__file__).parents[2] / "docs" / "genstage"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", sorted(page.name for page in PAGES.glob("*.md")))
def test_the_code_of_a_page_runs(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks of a page, one after the other, as a reader would try them."""
    module = ModuleType("reader")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look their module up
    for block in BLOCK.findall((PAGES / page).read_text()):
        exec(compile(block, page, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - our own pages


def test_the_map_is_sorted_and_true() -> None:
    """The package exports what it lists, in order."""
    assert genstage.__all__ == sorted(genstage.__all__, key=lambda name: (name.upper() != name, name))
    assert all(hasattr(genstage, name) for name in genstage.__all__)


def test_every_error_is_told_of() -> None:
    """The pages name each error that a user may meet, or the module's own tree does."""
    tree = genstage.errors.__doc__ or ""
    assert [name for name in genstage.errors.__all__ if name not in tree] == []
