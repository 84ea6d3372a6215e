"""The conformance kit, against the Box of the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from archiver.destinations.conformance import DestinationConformance, Rig
from archiver.sandbox import Fault


class TestBox(DestinationConformance):
    """Everything that a destination must do, over HTTP."""

    @pytest.fixture
    async def rig(self, account: Any) -> AsyncIterator[Rig]:
        """A linked user whose account is empty. A second destination has the access token, since the refresh token works once."""

        async def stored() -> Mapping[str, bytes]:
            found: Mapping[str, bytes] = account.stored()
            return found

        async def throttle(seconds: float) -> None:
            account.box.add_fault(Fault(action="reply", status=429, headers={"Retry-After": str(int(seconds))}, times=0))

        async def unthrottle() -> None:
            account.box.faults.clear()

        destination = account.open_linked()
        yield Rig(
            destination=destination,
            stored=stored,
            reopen=account.open,
            throttle=throttle,
            unthrottle=unthrottle,
            secrets=account.secrets,
        )
        await destination.close()
