"""Where metrics are served."""

from __future__ import annotations

import pytest

from archiver.errors import ConfigError
from archiver.observe.address import address_of


@pytest.mark.parametrize(
    ("text", "address"), [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:0", ("::1", 0)), ("localhost:80", ("localhost", 80))]
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    """A host and a port."""
    assert address_of(text) == address


@pytest.mark.parametrize("text", ["9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:-1"])
def test_what_is_no_address(text: str) -> None:
    """Is told to be none, before anything is served."""
    with pytest.raises(ConfigError, match="HOST:PORT"):
        address_of(text)
