"""The access token: early, once, and never shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from archiver.destinations.dropbox.tokens import Credentials, KeptTokens, Tokens
from archiver.errors import ReconnectNeededError, UnavailableError
from genstage.testing import VirtualClock, run

LINKED = Credentials(app_key="key", app_secret="CANARY-secret", refresh_token="CANARY-refresh")


class Endpoint:
    """A token endpoint that takes a second."""

    def __init__(self, clock: VirtualClock) -> None:
        self.forms: list[dict[str, str]] = []
        self.fails: Exception | None = None
        self._clock = clock

    async def refresh(self, form: dict[str, str]) -> tuple[str, float]:
        """Gives a token that lives four hours."""
        self.forms.append(form)
        await self._clock.sleep(1)
        if self.fails is not None:
            raise self.fails
        return f"token-{len(self.forms)}", 14_400.0


def with_endpoint(test: Callable[[VirtualClock, Endpoint], Coroutine[Any, Any, None]]) -> None:
    """Runs a test in virtual time."""

    async def main() -> None:
        clock = VirtualClock()
        await test(clock, Endpoint(clock))

    run(main)


def test_many_wait_for_one_refresh() -> None:
    """However many need the first token, it is asked for once."""

    async def test(clock: VirtualClock, endpoint: Endpoint) -> None:
        tokens = Tokens(LINKED, clock, endpoint.refresh)
        assert set(await asyncio.gather(*(tokens.get() for _ in range(20)))) == {"token-1"}
        form = {"grant_type": "refresh_token", "refresh_token": "CANARY-refresh", "client_id": "key", "client_secret": "CANARY-secret"}
        assert endpoint.forms == [form]

    with_endpoint(test)


def test_an_app_without_a_secret_sends_none() -> None:
    """An account that was linked with PKCE has no secret."""

    async def test(clock: VirtualClock, endpoint: Endpoint) -> None:
        await Tokens(Credentials(app_key="key", refresh_token="r"), clock, endpoint.refresh).get()
        assert "client_secret" not in endpoint.forms[0]

    with_endpoint(test)


def test_it_is_refreshed_five_minutes_early() -> None:
    """Not a second before, so that a busy account asks six times a day."""

    async def test(clock: VirtualClock, endpoint: Endpoint) -> None:
        tokens = Tokens(LINKED, clock, endpoint.refresh)
        await tokens.get()
        await clock.sleep(14_400 - 301)
        assert await tokens.get() == "token-1"
        await clock.sleep(2)
        assert await tokens.get() == "token-2"

    with_endpoint(test)


def test_a_failed_early_refresh_waits_for_the_end() -> None:
    """While the old token is good, an endpoint that is away hurts nobody; when it has run out, the error is told."""

    async def test(clock: VirtualClock, endpoint: Endpoint) -> None:
        tokens = Tokens(LINKED, clock, endpoint.refresh)
        await tokens.get()
        endpoint.fails = UnavailableError("away")
        await clock.sleep(14_400 - 200)
        assert await tokens.get() == "token-1"
        await clock.sleep(300)
        with pytest.raises(UnavailableError):
            await tokens.get()

    with_endpoint(test)


def test_a_token_that_ran_out_is_replaced_once() -> None:
    """Ten calls that were refused with the same old token cause one refresh; a late word about an older one none."""

    async def test(clock: VirtualClock, endpoint: Endpoint) -> None:
        tokens = Tokens(LINKED, clock, endpoint.refresh)
        old = await tokens.get()
        tokens.ran_out(old)
        assert set(await asyncio.gather(*(tokens.get() for _ in range(10)))) == {"token-2"}
        tokens.ran_out(old)
        assert await tokens.get() == "token-2"

    with_endpoint(test)


def test_a_link_that_was_revoked_is_asked_for_once() -> None:
    """Ten calls wait for the refresh that is refused for good: none of them asks again. A later one does, after a reconnect perhaps."""

    async def test(clock: VirtualClock, endpoint: Endpoint) -> None:
        tokens = Tokens(LINKED, clock, endpoint.refresh)
        endpoint.fails = ReconnectNeededError("revoked")
        ends = await asyncio.gather(*(tokens.get() for _ in range(10)), return_exceptions=True)
        assert [type(end) for end in ends] == [ReconnectNeededError] * 10
        assert len(endpoint.forms) == 1
        endpoint.fails = None
        assert await tokens.get() == "token-2"

    with_endpoint(test)


def test_a_token_alone_cannot_be_refreshed() -> None:
    """An account that was connected with an access token only must be connected again when it has run out."""

    async def test(clock: VirtualClock, endpoint: Endpoint) -> None:
        tokens = Tokens(Credentials(access_token="CANARY"), clock, endpoint.refresh)
        assert await tokens.get() == "CANARY"
        tokens.ran_out("CANARY")
        with pytest.raises(ReconnectNeededError):
            await tokens.get()
        assert endpoint.forms == []

    with_endpoint(test)


def test_a_short_life_does_not_mean_a_refresh_per_call() -> None:
    """A token that lives less than five minutes is used until Dropbox says that it has run out."""

    async def test(clock: VirtualClock, endpoint: Endpoint) -> None:
        async def refresh(form: dict[str, str]) -> tuple[str, float]:
            token, _ = await endpoint.refresh(form)
            return token, 10.0

        tokens = Tokens(LINKED, clock, refresh)
        assert [await tokens.get() for _ in range(5)] == ["token-1"] * 5

    with_endpoint(test)


def test_credentials_are_not_shown() -> None:
    """A representation has no secret in it."""
    assert "CANARY" not in repr(LINKED) + str(LINKED)


def test_a_lane_that_slept_goes_on_with_the_token_of_its_process() -> None:
    """Another destination with the same credentials asks for nothing while the token lives; one with others does."""

    async def test(clock: VirtualClock, endpoint: Endpoint) -> None:
        kept = KeptTokens()
        assert await Tokens(LINKED, clock, endpoint.refresh, kept).get() == "token-1"
        assert await Tokens(LINKED, clock, endpoint.refresh, kept).get() == "token-1"
        assert await Tokens(Credentials(app_key="key", refresh_token="other"), clock, endpoint.refresh, kept).get() == "token-2"
        assert "CANARY" not in repr(kept)

    with_endpoint(test)


def test_a_token_that_is_no_good_is_kept_for_nobody() -> None:
    """Whoever comes next asks for a new one."""

    async def test(clock: VirtualClock, endpoint: Endpoint) -> None:
        kept = KeptTokens()
        tokens = Tokens(LINKED, clock, endpoint.refresh, kept)
        tokens.ran_out(await tokens.get())
        assert await Tokens(LINKED, clock, endpoint.refresh, kept).get() == "token-2"
        tokens.ran_out("token-1")
        assert await Tokens(LINKED, clock, endpoint.refresh, kept).get() == "token-2", "an old one's end says nothing of the new one"

    with_endpoint(test)


def test_the_process_keeps_the_newest_tokens_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand accounts do not fill the memory."""
    monkeypatch.setattr("archiver.destinations.dropbox.tokens._KEPT_MOST", 3)
    kept = KeptTokens()
    for number in range(5):
        kept.keep(Credentials(refresh_token=str(number)), f"token-{number}", 100.0)
    assert [kept.recall(Credentials(refresh_token=str(number)))[0] for number in range(5)] == ["", "", "token-2", "token-3", "token-4"]
