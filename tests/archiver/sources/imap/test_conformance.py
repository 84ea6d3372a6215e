"""A mailbox as a source: the kit, against real servers."""

from __future__ import annotations

import asyncio

import pytest

from archiver.sources.conformance import Rig, SourceConformance
from support.faultproxy import Toxic
from support.mail_servers import PASSWORD, mail_of
from support.mailboxes import Bench


class TestImap(SourceConformance):
    """The kit."""

    @pytest.fixture
    async def rig(self, bench: Bench) -> Rig:
        """A folder without mails."""

        async def add(name: str, data: bytes) -> None:
            await asyncio.to_thread(bench.server.append, bench.folder, mail_of(name, ("application/pdf", f"{name}.pdf", data)))

        async def remove(name: str) -> None:
            await asyncio.to_thread(bench.server.expunge, bench.folder, name)

        async def take_away() -> None:
            bench.proxy.add(Toxic("down"))

        async def bring_back() -> None:
            bench.proxy.heal()

        return Rig(
            source=bench.source(),
            add=add,
            remove=remove,
            reopen=bench.source,
            take_away=take_away,
            bring_back=bring_back,
            secrets=(PASSWORD,),
        )
