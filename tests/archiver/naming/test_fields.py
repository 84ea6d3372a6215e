"""Fields: extensions and days."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.naming import extension_of
from archiver.naming.fields import FIELDS, is_field


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("audio/mpeg", "mp3"),
        ("Audio/X-WAV; rate=8000", "wav"),
        ("application/x-foo", "foo"),
        ("application/vnd.ms-excel", "bin"),
        ("nonsense", "bin"),
        ("", "bin"),
    ],
)
def test_extensions(media_type: str, expected: str) -> None:
    """Known ones, made ones, and ``bin``; parameters and case do not matter."""
    assert extension_of(media_type) == expected


@given(media_type=st.text(max_size=40))
def test_an_extension_is_short_and_plain(media_type: str) -> None:
    """Whatever a provider calls its content."""
    extension = extension_of(media_type)
    assert extension.isascii()
    assert extension.isalnum()
    assert extension == extension.lower()
    assert len(extension) <= 8


def test_what_is_listed_is_known() -> None:
    """The list in the hint is the list that is checked."""
    assert all(is_field(field) for field in FIELDS)
