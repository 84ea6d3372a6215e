"""The judge must find every kind of wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.sandbox.audit import AuditResult, audit, expected_in, expected_of
from archiver.sandbox.company import Company
from archiver.sandbox.wire import Commit
from archiver.sandbox.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """With an account for the bakery."""
    world = World(tmp_path / "cloud")
    world.add_account("bakery")
    yield world
    world.close()


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """A bakery with ten items."""
    company = Company("bakery", tmp_path / "files", number=1, seed=1, owners=2)
    company.make(10)
    return company


def store(world: World, path: str, data: bytes, mode: str = "add") -> None:
    """Puts bytes at a path, past all HTTP."""
    content = world.store.put(data)
    world.accounts["bakery"].namespace.commit(Commit(path=path, mode=mode), content, 0.0)


def store_all(world: World, company: Company, *, without: int = 0) -> None:
    """What a faultless Archiver does."""
    for item in company.items[without:]:
        store(world, f"/Archive/call {item.external_id}{item.path.suffix}", item.path.read_bytes())


def judge(world: World, company: Company) -> AuditResult:
    """The verdict over the bytes."""
    return audit(world.ledger(), expected_of([company]), world.store)


def test_a_faultless_archive_is_clean(world: World, company: Company) -> None:
    """Everything once, with the same bytes; a repeated transfer is counted and harmless."""
    store_all(world, company)
    store_all(world, company, without=8)
    result = judge(world, company)
    assert result.clean
    assert (result.items, result.archived, result.repeated_transfers) == (10, 10, 2)


def test_what_is_lost_is_found(world: World, company: Company) -> None:
    """Two items are not there."""
    store_all(world, company, without=2)
    result = judge(world, company)
    assert (result.archived, result.lost, result.clean) == (8, 2, False)
    assert result.examples == tuple(f"lost: {item.path}" for item in company.items[:2])


def test_second_copies_are_found(world: World, company: Company) -> None:
    """Under a name with a number, or under any other name."""
    store_all(world, company)
    first = company.items[0]
    store(world, f"/Archive/call {first.external_id} (1){first.path.suffix}", first.path.read_bytes())
    store(world, "/elsewhere", company.items[1].path.read_bytes())
    store(world, "/Archive/x (conflicted copy 1).wav", b"who knows")
    result = judge(world, company)
    assert (result.archived, result.duplicates, result.lost, result.foreign) == (10, 3, 0, 0)


def test_wrong_bytes_are_found(world: World, company: Company) -> None:
    """By the item's id in the name; it is not also lost."""
    store_all(world, company, without=1)
    first = company.items[0]
    store(world, f"/Archive/call {first.external_id}{first.path.suffix}", b"other bytes")
    result = judge(world, company)
    assert (result.archived, result.corrupt, result.lost, result.foreign) == (9, 1, 0, 0)


def test_bytes_are_compared_not_only_hashes(world: World, company: Company) -> None:
    """If the storage's bytes are not what its ledger says, the audit says so."""
    store_all(world, company)
    with (world.store.directory / "pack").open("r+b") as pack:
        pack.seek(10)
        pack.write(b"\xff")
    result = judge(world, company)
    assert (result.archived, result.corrupt) == (9, 1)
    assert audit(world.ledger(), expected_of([company])).clean


def test_strangers_and_rewritten_paths_are_found(world: World, company: Company) -> None:
    """What nobody expected, and what became visible in more than one revision."""
    store_all(world, company)
    store(world, "/stranger", b"1")
    store(world, "/stranger", b"2", mode="overwrite")
    result = judge(world, company)
    assert (result.foreign, result.rewritten, result.duplicates, result.clean) == (1, 1, 0, False)


def test_equal_contents_are_matched_one_to_one(world: World, tmp_path: Path) -> None:
    """Two empty files are two items; one of them alone is one lost."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.txt", "a.txt.json", "b.txt", "c.json", ".hidden", "d.part"):
        (folder / name).touch()
    expected = list(expected_in(folder, "bakery"))
    assert [item.path.name for item in expected] == ["a.txt", "b.txt", "c.json"]
    store(world, "/a.txt", b"")
    store(world, "/b.txt", b"")
    result = audit(world.ledger(), expected, world.store)
    assert (result.items, result.archived, result.lost) == (3, 2, 1)


def test_accounts_may_have_other_names(world: World, company: Company) -> None:
    """The audit is told which is whose."""
    store_all(world, company)
    renamed = [(item.account, item.sha256) for item in expected_of([company], {"bakery": "customer-7"})]
    assert {account for account, _ in renamed} == {"customer-7"}
