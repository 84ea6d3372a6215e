from __future__ import annotations

from genstage.broadway import events


def test_the_table_names_every_event() -> None:
    """The page that a reader sees, the tuple and the exports agree."""
    table = events.__doc__ or ""
    names = [kind.__name__ for kind in events.EVENTS]
    assert [name for name in names if f"\n    {name} " not in table] == []
    assert sorted(["EVENTS", *names]) == sorted(events.__all__)
