"""The listener for providers that call us."""

from __future__ import annotations

import pytest

from archiver.errors import ConfigError
from archiver.hooks import checked_url, listening

HOST = "127.0.0.1"


async def test_nobody_listens_where_nothing_is_set() -> None:
    """Without an address there is no listener, so sources are only asked."""
    async with listening("", None) as listener:
        assert listener is None


async def test_addresses_are_those_that_providers_can_reach() -> None:
    """Under the public address where there is one; none is like another."""
    async with listening("https://archive.example.com/", (HOST, 0)) as listener:
        assert listener is not None
        first, second = (listener.open(lambda _headers, _body: (200, {})) for _ in range(2))
        assert first.startswith("https://archive.example.com/hooks/")
        assert first != second
        listener.close(first)
        listener.close(first)


async def test_an_address_that_is_taken_is_said() -> None:
    """With what stands in the settings."""
    async with listening("", (HOST, 0)) as listener:
        assert listener is not None
        port = int(listener.prefix.split(":")[2].split("/")[0])
        with pytest.raises(ConfigError, match=f"webhooks cannot be served at {HOST}:{port}"):
            async with listening("", (HOST, port)):
                pass


@pytest.mark.parametrize("url", ["archive.example.com", "ftp://archive.example.com", "https://", "https://a.example.com/?x=1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """Before anything is served."""
    with pytest.raises(ConfigError, match="webhooks_url"):
        checked_url(url)
