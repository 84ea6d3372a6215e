"""Options of adapters, declared once and checked by what was declared."""

from __future__ import annotations

from typing import Any

import pytest

from archiver.adapter import Option, check_options
from archiver.errors import ConfigError

OPTIONS = (
    Option(name="path", help="Where.", type="path", main=True),
    Option(name="size", help="How many.", type="integer", default=3),
    Option(name="ratio", help="How much.", type="number", optional=True),
    Option(name="fsync", help="Whether.", type="boolean", default=True),
    Option(name="token", help="Who.", secret=True, optional=True),
)


def test_text_becomes_the_declared_type() -> None:
    """As it comes from a command line or a table."""
    given = {"path": "/x", "size": "7", "ratio": "0.5", "fsync": "no", "token": "t"}
    assert check_options("disk", OPTIONS, given) == {"path": "/x", "size": 7, "ratio": 0.5, "fsync": False, "token": "t"}


def test_defaults_are_filled_in_and_optional_ones_left_out() -> None:
    """What was not given has its default, or is not there."""
    assert check_options("disk", OPTIONS, {"path": "/x"}) == {"path": "/x", "size": 3, "fsync": True}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "disk needs the option 'path'"),
        ({"path": "/x", "speed": 1}, "disk has no option 'speed'"),
        ({"path": "/x", "size": "many"}, "must be of type integer"),
        ({"path": "/x", "fsync": "perhaps"}, "must be of type boolean"),
    ],
)
def test_what_cannot_be_is_named(given: dict[str, Any], text: str) -> None:
    """The option is named, with a hint; the value is not shown, it may be a secret."""
    with pytest.raises(ConfigError, match=text) as caught:
        check_options("disk", OPTIONS, given)
    assert caught.value.hint
    assert "many" not in str(caught.value)
