"""Keys: what an item's path becomes, and what never becomes one."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.conformance import whole
from archiver.destinations.objects.targets import mtime, option_prefix, quoted, target_of
from archiver.errors import ConfigError, RejectedError


def test_a_target() -> None:
    """The prefix, the path, the type, and the time in the form that rclone reads."""
    target = target_of(whole(1, b"x", "/2024/a.wav"), "calls/", 1024)
    assert (target.key, target.media_type, target.size) == ("calls/2024/a.wav", "audio/x-wav", 1)
    assert mtime(target) == "2023-11-14T22:13:21.000Z"


@pytest.mark.parametrize("media_type", ["", "text/plain\r\nx-evil: 1", "té/xt", " "])
def test_a_type_that_cannot_be_a_header(media_type: str) -> None:
    """What a source says of a type is not trusted with a header."""
    upload = whole(1, b"x")
    item = msgspec.structs.replace(upload.delivery.item, media_type=media_type)
    upload = msgspec.structs.replace(upload, delivery=msgspec.structs.replace(upload.delivery, item=item))
    assert target_of(upload, "", 1024).media_type == "application/octet-stream"


@given(path=st.text(max_size=30))
def test_a_key_is_the_path_or_nothing(path: str) -> None:
    """Every path becomes a key that begins with the prefix, has no part that a server resolves, and survives an address; or is rejected."""
    try:
        target = target_of(whole(1, b"x", path), "calls/", 60)
    except RejectedError:
        return
    assert target.key == f"calls{path}"
    assert not {"", ".", ".."} & set(target.key.split("/"))
    assert unquote(quoted(target.key)) == target.key
    assert len(target.key.encode()) <= 60


@pytest.mark.parametrize(("given_prefix", "expected"), [("", ""), ("/", ""), ("calls", "calls/"), (" /calls/of acme/ ", "calls/of acme/")])
def test_prefixes(given_prefix: str, expected: str) -> None:
    """Slashes and blanks around it do not matter."""
    assert option_prefix("s3", {"prefix": given_prefix}) == expected


@pytest.mark.parametrize("given_prefix", ["a//b", "../a", "a/./b", "a\0b"])
def test_prefixes_that_lead_elsewhere(given_prefix: str) -> None:
    """They are told when the destination is opened."""
    with pytest.raises(ConfigError):
        option_prefix("s3", {"prefix": given_prefix})
