"""What a call carries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.sandbox.reception import ROUTES
from archiver.sandbox.route import Call
from archiver.sandbox.world import World


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Call]:
    """One that nothing is wrong with."""
    world = World(tmp_path)
    world.add_account("airline")
    yield Call(world=world, account=world.accounts["airline"], route="files/upload", token="", body=b"")
    world.close()


def test_scripted_errors_are_for_chosen_entries_or_all(call: Call) -> None:
    """Counted from 0."""
    assert call.scripted_error() is None
    call.failing = ("too_many_write_operations", frozenset({1}))
    assert [call.scripted_error(index) for index in range(3)] == [None, {".tag": "too_many_write_operations"}, None]
    call.failing = ("too_many_write_operations", frozenset())
    assert call.scripted_error(7) == {".tag": "too_many_write_operations"}


def test_only_commits_take_the_lock() -> None:
    """Sessions and looks do not."""
    committing = {name for name, route in ROUTES.items() if route.files is not None}
    assert committing == {
        "files/upload",
        "files/upload_session/finish",
        "files/upload_session/finish_batch",
        "files/upload_session/finish_batch_v2",
    }
