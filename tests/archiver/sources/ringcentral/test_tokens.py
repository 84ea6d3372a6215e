"""Access tokens that are renewed early and once, refresh tokens that are used once and kept before they count."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from archiver.errors import DatabaseUnavailableError, ReconnectNeededError, TransientError, UnavailableError
from archiver.sources.ringcentral.settings import Credentials
from archiver.sources.ringcentral.tokens import Access, Tokens
from archiver.sources.ringcentral.wire import TokenAnswer
from genstage.testing import VirtualClock, run
from support.phones import KeptInMemory

BY_REFRESH = Credentials(client_id="app", client_secret="s", refresh_token="r0")
BY_JWT = Credentials(client_id="app", client_secret="s", jwt="eyJ.secret")


class Endpoint:
    """A token endpoint whose refresh tokens are used once.

    Attributes:
        forms: What was asked.
        valid: The refresh token that may be used now.
        fails: Raised by the next calls.
        secrets: Where the source keeps its tokens; `kept_before` is what was kept when the call came.
    """

    def __init__(self, secrets: KeptInMemory | None = None) -> None:
        self.forms: list[Mapping[str, str]] = []
        self.valid = "r0"
        self.fails: list[Exception] = []
        self.secrets = secrets

    async def __call__(self, form: Mapping[str, str]) -> TokenAnswer:
        """Answers after a second."""
        self.forms.append(form)
        await asyncio.sleep(1)
        if self.fails:
            raise self.fails.pop(0)
        if "refresh_token" not in form:
            return TokenAnswer(f"a{len(self.forms)}", 3600.0, "unused", "7")
        if form["refresh_token"] != self.valid:
            raise ReconnectNeededError("invalid_grant")
        self.valid = f"r{len(self.forms)}"
        return TokenAnswer(f"a{len(self.forms)}", 3600.0, self.valid, "7")


def test_a_token_is_asked_once_however_many_wait() -> None:
    """Ten at once make one call; the token serves until five minutes before its end."""

    async def scenario() -> None:
        endpoint = Endpoint()
        tokens = Tokens(BY_JWT, None, VirtualClock(), endpoint)
        assert {access.token for access in await asyncio.gather(*(tokens.get() for _ in range(10)))} == {"a1"}
        await asyncio.sleep(3290)
        assert (await tokens.get()).token == "a1"
        await asyncio.sleep(11)
        assert (await tokens.get()).token == "a2"
        assert len(endpoint.forms) == 2

    run(scenario)


def test_a_new_refresh_token_is_kept_before_its_access_token_is_used() -> None:
    """A process that is killed in between has lost nothing: the old one holds until the new access token was used."""

    async def scenario() -> None:
        secrets = KeptInMemory(refresh_token="r0")
        endpoint = Endpoint(secrets)
        tokens = Tokens(BY_REFRESH, secrets, VirtualClock(), endpoint)
        assert await tokens.get() == Access("a1", "7")
        assert secrets.kept == {"refresh_token": "r1"}
        await asyncio.sleep(4000)
        await tokens.get()
        assert secrets.kept == {"refresh_token": "r2"}
        assert [form["refresh_token"] for form in endpoint.forms] == ["r0", "r1"]

    run(scenario)


def test_what_cannot_be_kept_is_not_used() -> None:
    """The database is away: no access token is given out, and the next try uses the old refresh token, which still holds."""

    async def scenario() -> None:
        secrets = KeptInMemory(refresh_token="r0")
        endpoint = Endpoint(secrets)
        tokens = Tokens(BY_REFRESH, secrets, VirtualClock(), endpoint)
        secrets.fails.append(DatabaseUnavailableError("disk full"))
        with pytest.raises(UnavailableError, match="cannot be kept"):
            await tokens.get()
        endpoint.valid = "r0"  # as RingCentral has it while the new access token is unused
        await tokens.get()
        assert [form["refresh_token"] for form in endpoint.forms] == ["r0", "r0"]
        assert secrets.kept == {"refresh_token": endpoint.valid}

    run(scenario)


def test_whoever_was_faster_has_the_link() -> None:
    """Refused because another process renewed: its refresh token is read and used; nobody is told to reconnect."""

    async def scenario() -> None:
        secrets = KeptInMemory(refresh_token="r0")
        endpoint = Endpoint(secrets)
        tokens = Tokens(BY_REFRESH, secrets, VirtualClock(), endpoint)
        secrets.kept["refresh_token"] = endpoint.valid = "theirs"
        assert (await tokens.get()).token == "a2"
        assert [form["refresh_token"] for form in endpoint.forms] == ["r0", "theirs"]

    run(scenario)


def test_a_revoked_link_is_said_once_and_asked_once() -> None:
    """However many wait for it."""

    async def scenario() -> None:
        endpoint = Endpoint()
        endpoint.valid = "none"
        tokens = Tokens(BY_REFRESH, KeptInMemory(refresh_token="r0"), VirtualClock(), endpoint)
        ends = await asyncio.gather(*(tokens.get() for _ in range(10)), return_exceptions=True)
        assert all(isinstance(end, ReconnectNeededError) for end in ends)
        assert len(endpoint.forms) == 1

    run(scenario)


def test_an_old_token_serves_while_a_new_one_cannot_be_had() -> None:
    """The last five minutes are for that; afterwards it is an error."""

    async def scenario() -> None:
        endpoint = Endpoint()
        tokens = Tokens(BY_JWT, None, VirtualClock(), endpoint)
        await tokens.get()
        await asyncio.sleep(3400)
        endpoint.fails += [TransientError("500"), UnavailableError("away")]
        assert (await tokens.get()).token == "a1"
        await asyncio.sleep(300)
        with pytest.raises(UnavailableError):
            await tokens.get()
        assert (await tokens.get()).token == "a4"

    run(scenario)


def test_a_token_that_ran_out_early_is_renewed_once() -> None:
    """Also if several calls heard of it, some of them late."""

    async def scenario() -> None:
        endpoint = Endpoint()
        tokens = Tokens(BY_JWT, None, VirtualClock(), endpoint)
        old = await tokens.get()
        tokens.ran_out(old)
        new = await tokens.get()
        tokens.ran_out(old)
        assert await tokens.get() == new != old
        assert len(endpoint.forms) == 2

    run(scenario)


def test_nothing_shows_a_token() -> None:
    """Neither its holder nor what it is made of."""
    shown = f"{BY_JWT!r} {BY_REFRESH!r} {Access('a1', '7')!r} {TokenAnswer('a1')!r} {Tokens(BY_JWT, None, VirtualClock(), Endpoint())!r}"
    assert [secret for secret in ("eyJ", "r0", "a1") if secret in shown] == []
