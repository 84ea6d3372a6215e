"""Who acts now."""

from __future__ import annotations

import asyncio

from archiver.database.audit import this_machine
from archiver.proof.acting import Who, acting, who


def test_without_a_word_it_is_the_user_of_this_machine() -> None:
    """A command is done by whoever is logged in here."""
    assert who().actor
    assert who().origin == this_machine()


async def test_each_request_has_its_own_actor() -> None:
    """Two at one time do not take each other's name, and afterwards it is nobody's."""
    seen = {}

    async def request(name: str) -> None:
        with acting(Who(name, "192.0.2.1")):
            await asyncio.sleep(0)
            seen[name] = who()

    await asyncio.gather(request("ada"), request("bob"))
    assert seen == {name: Who(name, "192.0.2.1") for name in ("ada", "bob")}
    assert who().origin == this_machine()
