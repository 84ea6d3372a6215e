"""Where a database is."""

from __future__ import annotations

import pytest

from archiver.database.postgres.address import Address


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:canary@db.example.com/archiver", "postgresql://db.example.com/archiver"),
        ("postgres://me:canary@db.example.com:6543/archiver?sslmode=require", "postgresql://db.example.com:6543/archiver"),
        ("postgresql:///archiver?host=/run/postgresql&password=canary", "postgresql:///run/postgresql/archiver"),
        ("postgresql://me@/archiver", "postgresql://localhost/archiver"),
    ],
)
def test_it_is_shown_without_what_is_secret(text: str, shown: str) -> None:
    """Whichever way the password is in it."""
    assert str(Address(text)) == shown
    assert "canary" not in repr(Address(text))


@pytest.mark.parametrize(("text", "threshold"), [("", 5), ("?prepare_threshold=none", None), ("?sslmode=disable&prepare_threshold=0", 0)])
def test_statements_need_not_be_prepared(text: str, threshold: int | None) -> None:
    """For poolers that cannot keep them."""
    assert Address(f"postgresql://db/archiver{text}").prepare_threshold == threshold


def test_what_the_address_says_beats_what_we_suppose() -> None:
    """Such as how long connecting may take."""
    assert Address("postgresql://db/archiver")._parameters["connect_timeout"] == "10"
    assert Address("postgresql://db/archiver?connect_timeout=3")._parameters["connect_timeout"] == "3"
