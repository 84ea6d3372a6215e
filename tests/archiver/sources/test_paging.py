"""Pages of what was found, and the cursors in them: pure."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from archiver.model import Discovery, Kind
from archiver.sources.paging import pages_of, place_of


class Place(msgspec.Struct):
    """How far somebody has come."""

    at: int = 0


def found(count: int) -> list[Discovery]:
    """So many discoveries."""
    return [
        Discovery(kind=Kind.SMS, external_id=str(number), occurred_at=0, locator="inline:", media_type="text/plain")
        for number in range(count)
    ]


@given(st.integers(0, 3500))
def test_only_the_last_page_has_the_new_cursor(count: int) -> None:
    """A kill between two pages repeats, and loses nothing; nothing found is no page."""
    pages = list(pages_of(found(count), "before", "after"))
    assert [each for page in pages for each in page.discoveries] == found(count)
    assert all(0 < len(page.discoveries) <= 1000 for page in pages)
    assert [page.cursor for page in pages] == ["before"] * (len(pages) - 1) + ["after"] * bool(pages)


@given(st.integers(), st.text(max_size=30))
def test_a_place_is_read_or_begins_anew(at: int, nonsense: str) -> None:
    """What was written comes back, as far as it fits; any other text is the beginning."""
    assert place_of(msgspec.json.encode({"at": at % 1000, "more": 1}).decode(), Place) == Place(at % 1000)
    assert place_of("", Place) == Place()
    assert place_of(f"x{nonsense}", Place) == Place()
