"""What an adapter says of itself so that its accounts can be linked: on which page a customer says yes, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec

from archiver.oauth.provider import Provider

__all__ = ["Link", "Linkable"]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """How the accounts of one application are linked.

    Attributes:
        provider: Its page and its token endpoint.
        client_id: Of the application.
        client_secret: Of the application; empty if it has none.
        option: The adapter's secret option that gets what the linking gives.
    """

    provider: Provider
    client_id: str
    client_secret: str = ""
    option: str = "refresh_token"

    def __repr__(self) -> str:
        return f"Link({self.provider.title!r})"


@runtime_checkable
class Linkable(Protocol):
    """An adapter whose accounts are linked by OAuth; one that has no `link` is given keys or passwords."""

    def link(self, options: Mapping[str, Any]) -> Link:
        """How accounts are linked with these options; what the linking gives is not among them yet.

        Raises:
            ConfigError: They do not name the application, or cannot be.
        """
        ...
