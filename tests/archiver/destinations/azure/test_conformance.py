"""The kit of destinations against Microsoft's own emulator."""

from __future__ import annotations

from typing import Any

import pytest

from archiver.destinations.conformance import DestinationConformance, Rig
from support.azurite import ACCOUNT_KEY


class TestAzure(DestinationConformance):
    """The kit against one container."""

    @pytest.fixture
    def rig(self, container: Any) -> Rig:
        """An empty place in a container."""

        async def throttle(retry_after: float) -> None:
            container.refuse(503, "ServerBusy", Retry_After=str(int(retry_after)))

        async def unthrottle() -> None:
            container.between.refuse = None

        return Rig(
            destination=container.open(),
            stored=container.stored,
            reopen=container.open,
            throttle=throttle,
            unthrottle=unthrottle,
            secrets=(ACCOUNT_KEY,),
        )
