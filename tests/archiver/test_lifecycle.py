"""The states of a delivery and its legal moves."""

from __future__ import annotations

import itertools
import re

import pytest

from archiver import lifecycle
from archiver.lifecycle import MOVES, DeliveryState, IllegalMoveError, check_move

ALL = list(itertools.product(DeliveryState, DeliveryState))


@pytest.mark.parametrize(("old", "new"), [move for move in ALL if move in MOVES])
def test_a_legal_move_passes(old: DeliveryState, new: DeliveryState) -> None:
    """What the table has may be done."""
    check_move(old, new)


@pytest.mark.parametrize(("old", "new"), [move for move in ALL if move not in MOVES])
def test_any_other_move_is_a_bug(old: DeliveryState, new: DeliveryState) -> None:
    """What the table does not have raises, and names both states."""
    with pytest.raises(IllegalMoveError, match=f"from {old} to {new}"):
        check_move(old, new)


def test_nothing_ever_leaves_archived() -> None:
    """The promise: once the storage has confirmed it, it stays so."""
    assert not [new for old, new in MOVES if old is DeliveryState.ARCHIVED]


def test_every_state_is_reached_from_waiting() -> None:
    """Nothing is unreachable."""
    assert {new for old, new in MOVES if old is DeliveryState.WAITING} == set(DeliveryState)


def test_the_diagram_shows_the_table() -> None:
    """The picture in the module's docstring has exactly the moves of the table."""
    drawn = re.findall(r"^\s+(\w+) --> (\w+)", lifecycle.__doc__ or "", re.MULTILINE)
    assert {(DeliveryState(old), DeliveryState(new)) for old, new in drawn} == MOVES
