"""The kit of every source, against a Twilio on loopback."""

import time

import pytest

from archiver.sources.conformance import Rig, SourceConformance
from archiver.sources.port import Source
from support.twilio import Exchanged


class TestTwilio(SourceConformance):
    """Items are recordings; a call's SID is the item's."""

    @pytest.fixture
    async def rig(self, bench: Exchanged) -> Rig:
        """Recorded calls, half an hour old."""
        recordings: dict[str, str] = {}

        def open_source() -> Source:
            return bench.source(kinds="recording")

        async def add(name: str, data: bytes) -> None:
            call = bench.exchange.add_call(sid=name, start=time.time() - 1800)
            recordings[name] = bench.exchange.record(call, data).sid

        async def remove(name: str) -> None:
            bench.exchange.purge(recordings[name])

        return Rig(
            source=open_source(),
            add=add,
            remove=remove,
            reopen=open_source,
            take_away=bench.twilio.close,
            bring_back=bench.twilio.start,
            secrets=(bench.exchange.main.token, "Basic "),
        )
