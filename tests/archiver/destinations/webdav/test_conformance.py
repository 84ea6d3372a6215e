"""The kit of destinations against real servers of WebDAV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from archiver.destinations.conformance import DestinationConformance, Rig, put, receipt_of, whole
from archiver.outcome import Deferred
from support.webdav_servers import PASSWORD


class TestRclone(DestinationConformance):
    """The kit against rclone's server."""

    @pytest.fixture
    def rig(self, folder: Any) -> Rig:
        """An empty folder."""

        async def stored() -> Mapping[str, bytes]:
            return folder.stored()

        async def throttle(retry_after: float) -> None:
            folder.refuse("", 503, Retry_After=str(int(retry_after)))

        async def unthrottle() -> None:
            folder.between.refuse = None

        return Rig(
            destination=folder.open(), stored=stored, reopen=folder.open, throttle=throttle, unthrottle=unthrottle, secrets=(PASSWORD,)
        )


class TestWsgidav(TestRclone):
    """The kit against wsgidav."""

    @pytest.fixture
    def kind(self) -> str:
        """Which server."""
        return "wsgidav"

    async def test_names_of_every_script(self, rig: Rig) -> None:
        """Names beyond ASCII arrive as they were given; at a semicolon wsgidav 4.4 cuts a new name off, and that is found out."""
        paths = [
            "/Gespräche/Größe – 1.wav",
            "/通話/録音 2.wav",
            "/שיחות/الهاتف 3.wav",
            "/📞/🎙️ 4.wav",
            "/a b/it's 100% & more [5] {x}#+=~.wav",
        ]
        for number, path in enumerate(paths):
            receipt_of((await put(rig.destination, [whole(number, path.encode(), path)]))[number], path.encode())
        assert await rig.stored() == {path: path.encode() for path in paths}
        assert isinstance((await put(rig.destination, [whole(9, b"x", "/a;b.wav")]))[9], Deferred)
