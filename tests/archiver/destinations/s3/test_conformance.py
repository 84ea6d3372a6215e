"""The kit of destinations against a real S3."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from archiver.destinations.conformance import DestinationConformance, Rig
from support.seaweed import SECRET_KEY


class TestS3(DestinationConformance):
    """The kit against one bucket of SeaweedFS."""

    @pytest.fixture(params=["yes", "no"])
    def rig(self, bucket: Any, request: pytest.FixtureRequest) -> Rig:
        """An empty bucket; once with checksums, once as a store is used that knows none."""

        async def stored() -> Mapping[str, bytes]:
            return bucket.stored()

        async def throttle(retry_after: float) -> None:
            bucket.refuse(503, "SlowDown", Retry_After=str(int(retry_after)))

        async def unthrottle() -> None:
            bucket.between.refuse = None

        return Rig(
            destination=bucket.open(checksums=request.param),
            stored=stored,
            reopen=partial(bucket.open, checksums=request.param),
            throttle=throttle,
            unthrottle=unthrottle,
            secrets=(SECRET_KEY,),
        )
