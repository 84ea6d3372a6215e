"""The conformance kit, against the OneDrive of the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from archiver.destinations.conformance import DestinationConformance, Rig
from archiver.sandbox import Fault


class TestOneDrive(DestinationConformance):
    """Everything that a destination must do, over HTTP."""

    @pytest.fixture
    async def rig(self, box: Any) -> AsyncIterator[Rig]:
        """A linked user whose drive is empty."""

        async def stored() -> Mapping[str, bytes]:
            return box.stored()

        async def throttle(seconds: float) -> None:
            box.onedrive.add_fault(Fault(action="reply", status=429, headers={"Retry-After": str(int(seconds))}, times=0))

        async def unthrottle() -> None:
            box.onedrive.faults.clear()

        destination = box.open_linked()
        yield Rig(
            destination=destination,
            stored=stored,
            reopen=box.open_linked,
            throttle=throttle,
            unthrottle=unthrottle,
            secrets=box.secrets,
        )
        await destination.close()
