"""The kit of destinations against the sandbox's Google Cloud Storage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from archiver.destinations.conformance import DestinationConformance, Rig


class TestGcs(DestinationConformance):
    """The kit against one bucket."""

    @pytest.fixture
    def rig(self, place: Any) -> Rig:
        """An empty bucket."""

        async def stored() -> Mapping[str, bytes]:
            return place.stored()

        async def throttle(retry_after: float) -> None:
            place.refuse(429, "rateLimitExceeded", Retry_After=str(int(retry_after)))

        async def unthrottle() -> None:
            place.storage.clear_faults()

        return Rig(
            destination=place.open(),
            stored=stored,
            reopen=place.open,
            throttle=throttle,
            unthrottle=unthrottle,
            secrets=(json.loads(place.key.json)["private_key"][100:140],),
        )
