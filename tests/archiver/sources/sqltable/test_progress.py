"""Where the finding of rows stands: nothing is lost, little is told twice."""

from hypothesis import given
from hypothesis import strategies as st

from archiver.sources.sqltable.progress import Place, Progress

NOW = 1_778_407_322_000


def progress(cursor: str = "", overlap: float = 60.0) -> Progress:
    """Of a column called ``started``."""
    return Progress(cursor, column="started", overlap=overlap)


def rows(*seconds: int) -> list[tuple[Place, int | None]]:
    """Rows at so many seconds."""
    return [(Place(second, f"id-{second}"), second * 1000) for second in seconds]


def test_the_cursor_is_the_beginning_of_the_overlap() -> None:
    """A page that is older than the overlap is behind it."""
    now = progress()
    assert now.cursor() == ""
    assert now.page(rows(0, 10), now=NOW, newest=True) == [True, True]
    assert now.overlap_start is None
    now.page(rows(20, 100), now=NOW, newest=True)
    assert now.overlap_start == Place(10, "id-10")
    assert now.newest == Place(100, "id-100")
    restarted = progress(now.cursor())
    assert restarted.newest == restarted.overlap_start == Place(10, "id-10")


def test_the_overlap_is_told_once() -> None:
    """Unless a row has moved."""
    now = progress()
    now.page(rows(0, 10), now=NOW, newest=True)
    now.again()
    assert now.page([*rows(0), (Place(5, "late"), 5000), *rows(10)], now=NOW, newest=False) == [False, True, False]
    assert now.page([(Place(11, "id-10"), 11_000)], now=NOW, newest=True) == [True]


def test_without_overlap_the_cursor_is_the_newest_place() -> None:
    """For tables that are only ever appended to."""
    now = progress(overlap=0.0)
    now.page(rows(0, 10), now=NOW, newest=True)
    assert now.overlap_start == now.newest == Place(10, "id-10")


def test_senseless_times_lead_nowhere() -> None:
    """Neither text among numbers nor a date in the year 2099 is gone on from."""
    now = progress()
    told = now.page([*rows(10), (Place("n/a", "x"), None), (Place(NOW, "y"), NOW * 1000)], now=NOW, newest=True)
    assert told == [True, True, True]
    assert now.newest == Place(10, "id-10")


def test_cursors_of_others_are_worth_nothing() -> None:
    """Another column's, another version's, nonsense: everything is found again."""
    now = progress(overlap=0.0)
    now.page(rows(10), now=NOW, newest=True)
    assert Progress(now.cursor(), column="changed", overlap=0.0).newest is None
    for cursor in ("nonsense", "[]", '["started", "x", "y"]', '["started", "i:1"]'):
        assert progress(cursor).newest is None


def test_what_was_told_is_bounded() -> None:
    """The oldest is forgotten; telling it again is harmless."""
    now = progress()
    for start in range(0, 100_500, 500):
        now.page(rows(*range(start, start + 500)), now=NOW, newest=True)
    assert len(now._told) == 100_000


@given(commits=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 50)), max_size=60), size=st.integers(1, 7))
def test_every_row_that_is_committed_within_the_overlap_is_found(commits: list[tuple[int, int]], size: int) -> None:
    """A table whose rows become visible up to 50 seconds late, polled every second, in pages of any size, with a restart at each poll."""
    visible_at = sorted((at + late, at, number) for number, (at, late) in enumerate(commits))
    told: set[int] = set()
    cursor = ""
    for clock in range(0, 601, 10):
        table = sorted(Place(at, number) for when, at, number in visible_at if when <= clock)
        now = progress(cursor, overlap=60.0)
        place = now.newest
        while page := [row for row in table if place is None or row > place][:size]:
            told |= {row.id for row in page}
            now.page([(row, row.order * 1000) for row in page], now=NOW, newest=True)
            place = page[-1]
        cursor = now.cursor()
    assert told == set(range(len(commits)))
