"""Companies with real files."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from archiver.model import Kind
from archiver.sandbox.company import AIRLINE, Company, generate


def files(root: Path) -> set[Path]:
    """Every file."""
    return {path for path in root.rglob("*") if path.is_file()}


def test_the_airline_has_most_and_the_others_have_little(tmp_path: Path) -> None:
    """Every item is a file with its metadata beside it, and nothing else is there."""
    companies = generate(tmp_path, airline_items=57, quiet_customers=22, quiet_items=45)
    assert [company.name for company in companies[:2]] == [AIRLINE, "bakery"]
    assert len({company.name for company in companies}) == 23
    assert [len(company.items) for company in companies] == [57] + [3] + [2] * 21
    items = [item for company in companies for item in company.items]
    assert files(tmp_path) == {path for item in items for path in (item.path, item.path.with_name(item.path.name + ".json"))}
    assert len({item.sha256 for item in items}) == len({item.external_id for item in items}) == len(items)


def test_items_are_what_they_say(tmp_path: Path) -> None:
    """Sizes, hashes, and metadata as the folder source reads it."""
    company = generate(tmp_path, airline_items=100, quiet_customers=0, quiet_items=0)[0]
    assert Counter(item.kind for item in company.items) == {Kind.RECORDING: 60, Kind.SMS: 32, Kind.FAX: 8}
    for item in company.items:
        data = item.path.read_bytes()
        assert (len(data), sha256(data).hexdigest()) == (item.size, item.sha256)
        metadata = json.loads(item.path.with_name(item.path.name + ".json").read_bytes())
        assert (metadata["kind"], metadata["external_id"]) == (item.kind, item.external_id)
        assert datetime.fromisoformat(metadata["occurred_at"]).tzinfo is not None
        assert metadata["direction"] in {"inbound", "outbound"}
        assert item.path.parent.parent.name == metadata["owner"]
    recordings = [item.size for item in company.items if item.kind is Kind.RECORDING]
    assert 90_000 < sum(recordings) / len(recordings) < 110_000


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    """Another seed makes others."""
    one, same, other = [generate(tmp_path / str(at), airline_items=20, quiet_items=20, seed=seed) for at, seed in enumerate((1, 1, 2))]
    hashes = [[item.sha256 for company in companies for item in company.items] for companies in (one, same, other)]
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def test_more_can_be_made_later(tmp_path: Path) -> None:
    """As if all had been made at once."""
    company = Company("bakery", tmp_path / "one", number=1, seed=1, owners=2)
    first, second = company.make(3), company.make(2)
    assert company.items == first + second
    whole = Company("bakery", tmp_path / "two", number=1, seed=1, owners=2)
    assert [item.sha256 for item in whole.make(5)] == [item.sha256 for item in company.items]
    assert not list(tmp_path.rglob("*.part"))
