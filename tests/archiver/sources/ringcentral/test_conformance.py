"""The kit of every source, against a RingCentral on loopback."""

import time

import pytest

from archiver.sources.conformance import Rig, SourceConformance
from archiver.sources.port import Source
from support.phones import Bench


class TestRingCentral(SourceConformance):
    """Items are recordings; a call's id is the item's."""

    @pytest.fixture
    async def rig(self, bench: Bench) -> Rig:
        """One person's recorded calls, an hour old."""
        secrets = bench.phones.grants.client_secret

        def open_source() -> Source:
            return bench.source(kinds="recording")

        async def add(name: str, data: bytes) -> None:
            office = bench.office
            office.add_call(office.extensions[62_274_000], [data], call_id=name, start=time.time() - 3600)

        async def remove(name: str) -> None:
            (recording,) = bench.office.calls[name].recordings
            bench.office.purge(recording)

        return Rig(
            source=open_source(),
            add=add,
            remove=remove,
            reopen=open_source,
            take_away=bench.phones.close,
            bring_back=bench.phones.start,
            secrets=(secrets, "Bearer", "eyJ"),
        )
