"""Another process that uses the same link: its renewal ends our access token, which says nothing of the link."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archiver.errors import ReconnectNeededError
from archiver.sandbox.faults import Fault
from support.phones import Bench, KeptInMemory, in_virtual_time, one_pass


class Shared(KeptInMemory):
    """Secrets that another process renews as soon as this one has.

    Attributes:
        overtake: What the other one does; called when this one lets go.
        times: How often it does.
    """

    def __init__(self, times: int, **kept: str) -> None:
        super().__init__(**kept)
        self.overtake: Callable[[], str] = lambda: ""
        self.times = times
        self.claims = 0

    async def claim(self) -> bool:
        """Nobody else renews now."""
        self.claims += 1
        return True

    async def release(self) -> None:
        """Now somebody else does."""
        if self.times:
            self.times -= 1
            self.kept["refresh_token"] = self.overtake()


def _other(bench: Bench, shared: Shared) -> str:
    """The other process renews: the access token before it holds no more."""
    grants = bench.phones.grants
    form = {"grant_type": "refresh_token", "refresh_token": shared.kept["refresh_token"]}
    return str(grants.trade(form, grants.client_id, grants.client_secret, bench.phones.clock.now())["refresh_token"])


@pytest.mark.parametrize(("times", "refused"), [(1, 1), (2, 2), (3, 2)])
def test_who_was_overtaken_asks_again(times: int, refused: int) -> None:
    """However often the other one was faster, a look goes on with the token that is kept, and nobody has to reconnect."""

    async def scenario(bench: Bench) -> None:
        bench.phones.office.add_extension("101", "Ann")
        login = bench.phones.login()
        shared = Shared(times, refresh_token=login.refresh_token)
        shared.overtake = lambda: _other(bench, shared)
        pages = await one_pass(bench.source(secrets=shared, refresh=True))
        assert pages[-1].complete
        assert shared.times == 0
        assert bench.phones.ledger.count("extension", 401) == refused

    in_virtual_time(scenario)


def test_a_token_that_nobody_overtook_and_that_does_not_hold_needs_a_person() -> None:
    """Renewed and refused again, and what is kept is what this process has kept: the link no longer works."""

    async def scenario(bench: Bench) -> None:
        bench.phones.office.add_extension("101", "Ann")
        bench.phones.faults.add(Fault(action="expire_token", route="extension", times=0))
        login = bench.phones.login()
        shared = Shared(0, refresh_token=login.refresh_token)
        with pytest.raises(ReconnectNeededError):
            await one_pass(bench.source(secrets=shared, refresh=True))
        assert bench.phones.ledger.count("extension", 401) == 2

    in_virtual_time(scenario)
