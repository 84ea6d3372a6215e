"""The kit of destinations against the sandbox's Dropbox, with both kinds of credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from archiver.destinations.conformance import DestinationConformance, Rig


class TestDropbox(DestinationConformance):
    """The kit against one account."""

    @pytest.fixture(params=["open", "open_linked"])
    def rig(self, box: Any, request: pytest.FixtureRequest) -> Rig:
        """An empty account; once with an access token, once with a refresh token."""

        async def stored() -> Mapping[str, bytes]:
            return box.stored()

        async def throttle(retry_after: float) -> None:
            box.sandbox.set_limits("acme", window_calls=0, retry_after=int(retry_after))

        async def unthrottle() -> None:
            box.sandbox.set_limits("acme", window_calls=None)

        return Rig(
            destination=getattr(box, request.param)(),
            stored=stored,
            reopen=box.open,
            throttle=throttle,
            unthrottle=unthrottle,
            secrets=box.secrets,
        )
