"""Access tokens that are renewed early and once, refresh tokens that are stored before what came with them counts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from archiver.errors import ArchiverError, DatabaseUnavailableError, ReconnectNeededError, TransientError, UnavailableError
from archiver.oauth import Access, Answer, Credentials, KeptTokens, Provider, Tokens
from genstage.testing import VirtualClock, run
from support.phones import KeptInMemory

CLOUD = Provider(title="Cloud", token_url="https://cloud.test/token", account="this cloud")
LINKED = Credentials(client_id="app", client_secret="CANARY-secret", refresh_token="r0")
BY_ASSERTION = Credentials(client_id="app", client_secret="CANARY-secret", assertion="CANARY-jwt")


class Endpoint:
    """A token endpoint that takes a second.

    Attributes:
        rotates: Refresh tokens are used once; otherwise none is given.
        life: Of access tokens; None does not tell.
        forms: What was asked.
        valid: The refresh token that may be used now.
        fails: Raised by the next calls.
        meanwhile: What another process stores while the call runs.
    """

    def __init__(self, *, rotates: bool = False, life: float | None = 3600.0) -> None:
        self.rotates = rotates
        self.life = life
        self.forms: list[Mapping[str, str]] = []
        self.valid = "r0"
        self.fails: list[ArchiverError] = []
        self.meanwhile: list[tuple[KeptInMemory, str]] = []

    async def __call__(self, form: Mapping[str, str]) -> Answer:
        """Answers after a second."""
        self.forms.append(form)
        await asyncio.sleep(1)
        for secrets, theirs in self.meanwhile:
            secrets.kept["refresh_token"] = self.valid = theirs
        self.meanwhile.clear()
        if self.fails:
            raise self.fails.pop(0)
        name = f"a{len(self.forms)}"
        if form.get("refresh_token", self.valid) != self.valid:
            raise ReconnectNeededError("invalid_grant")
        if not self.rotates or "refresh_token" not in form:
            return Answer(access_token=name, expires_in=self.life, owner_id="7")
        self.valid = f"r{len(self.forms)}"
        return Answer(access_token=name, expires_in=self.life, refresh_token=self.valid, owner_id="7")

    @property
    def used(self) -> list[str]:
        """The refresh tokens that were used, in order."""
        return [form["refresh_token"] for form in self.forms]


def test_a_token_is_asked_once_however_many_wait() -> None:
    """Ten at once make one call; the token serves until five minutes before its end."""

    async def scenario() -> None:
        endpoint = Endpoint()
        tokens = Tokens(CLOUD, BY_ASSERTION, VirtualClock(), endpoint)
        assert {access.token for access in await asyncio.gather(*(tokens.get() for _ in range(10)))} == {"a1"}
        assert endpoint.forms == [{"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "CANARY-jwt"}]
        await asyncio.sleep(3290)
        assert await tokens.get() == Access("a1", "7")
        await asyncio.sleep(11)
        assert (await tokens.get()).token == "a2"
        assert len(endpoint.forms) == 2

    run(scenario)


def test_a_new_refresh_token_is_stored_before_its_access_token_is_used() -> None:
    """A process that is killed in between has lost nothing: the old one holds until the new access token was used."""

    async def scenario() -> None:
        secrets, endpoint = KeptInMemory(refresh_token="r0"), Endpoint(rotates=True)
        tokens = Tokens(CLOUD, LINKED, VirtualClock(), endpoint, secrets=secrets)
        assert await tokens.get() == Access("a1", "7")
        assert secrets.kept == {"refresh_token": "r1"}
        await asyncio.sleep(4000)
        await tokens.get()
        assert secrets.kept == {"refresh_token": "r2"}
        assert endpoint.used == ["r0", "r1"]

    run(scenario)


def test_one_that_stays_is_not_stored_again() -> None:
    """A provider that gives no other refresh token causes no write."""

    async def scenario() -> None:
        secrets, endpoint = KeptInMemory(refresh_token="r0"), Endpoint()
        tokens = Tokens(CLOUD, LINKED, VirtualClock(), endpoint, secrets=secrets)
        await tokens.get()
        await asyncio.sleep(4000)
        await tokens.get()
        assert "replace" not in secrets.log
        assert endpoint.used == ["r0", "r0"]

    run(scenario)


def test_what_cannot_be_stored_is_not_used() -> None:
    """The database is away: no access token is given out, and the next try uses the old refresh token, which still holds."""

    async def scenario() -> None:
        secrets, endpoint = KeptInMemory(refresh_token="r0"), Endpoint(rotates=True)
        tokens = Tokens(CLOUD, LINKED, VirtualClock(), endpoint, secrets=secrets)
        secrets.fails.append(DatabaseUnavailableError("disk full"))
        with pytest.raises(UnavailableError, match="cannot be kept"):
            await tokens.get()
        endpoint.valid = "r0"  # as the providers have it while the new access token is unused
        await tokens.get()
        assert endpoint.used == ["r0", "r0"]
        assert secrets.kept == {"refresh_token": endpoint.valid}

    run(scenario)


def test_what_is_stored_counts() -> None:
    """Another process has renewed since this one began: its refresh token is used at once, and nobody tries the old one."""

    async def scenario() -> None:
        secrets, endpoint = KeptInMemory(refresh_token="theirs"), Endpoint(rotates=True)
        endpoint.valid = "theirs"
        tokens = Tokens(CLOUD, LINKED, VirtualClock(), endpoint, secrets=secrets)
        assert (await tokens.get()).token == "a1"
        assert endpoint.used == ["theirs"]

    run(scenario)


def test_a_lost_race_reads_again_before_it_calls_a_link_broken() -> None:
    """Refused because another process renewed in the same second: its refresh token is read and used."""

    async def scenario() -> None:
        secrets, endpoint = KeptInMemory(refresh_token="r0"), Endpoint(rotates=True)
        endpoint.meanwhile.append((secrets, "theirs"))
        tokens = Tokens(CLOUD, LINKED, VirtualClock(), endpoint, secrets=secrets)
        assert (await tokens.get()).token == "a2"
        assert endpoint.used == ["r0", "theirs"]

    run(scenario)


def test_a_link_that_was_revoked_is_asked_for_once() -> None:
    """Ten calls wait for the refresh that is refused for good: none of them asks again. A later one does, after a reconnect perhaps."""

    async def scenario() -> None:
        endpoint = Endpoint()
        tokens = Tokens(CLOUD, LINKED, VirtualClock(), endpoint, secrets=KeptInMemory(refresh_token="r0"))
        endpoint.fails.append(ReconnectNeededError("revoked"))
        ends = await asyncio.gather(*(tokens.get() for _ in range(10)), return_exceptions=True)
        assert [type(end) for end in ends] == [ReconnectNeededError] * 10
        assert len(endpoint.forms) == 1
        assert (await tokens.get()).token == "a2"

    run(scenario)


def test_an_old_token_serves_while_a_new_one_cannot_be_had() -> None:
    """The last five minutes are for that; afterwards it is an error."""

    async def scenario() -> None:
        endpoint = Endpoint()
        tokens = Tokens(CLOUD, LINKED, VirtualClock(), endpoint)
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
    """Ten calls that were refused with the same old token cause one refresh; a late word about an older one none."""

    async def scenario() -> None:
        endpoint = Endpoint()
        tokens = Tokens(CLOUD, LINKED, VirtualClock(), endpoint)
        old = (await tokens.get()).token
        tokens.ran_out(old)
        assert {access.token for access in await asyncio.gather(*(tokens.get() for _ in range(10)))} == {"a2"}
        tokens.ran_out(old)
        assert (await tokens.get()).token == "a2"

    run(scenario)


def test_a_token_alone_cannot_be_renewed() -> None:
    """An account that was connected with an access token only must be connected again when it has run out."""

    async def scenario() -> None:
        endpoint = Endpoint()
        tokens = Tokens(CLOUD, Credentials(access_token="CANARY"), VirtualClock(), endpoint)
        assert (await tokens.get()).token == "CANARY"
        tokens.ran_out("CANARY")
        with pytest.raises(ReconnectNeededError) as error:
            await tokens.get()
        assert error.value.hint == "Connect this cloud again."
        assert endpoint.forms == []

    run(scenario)


@pytest.mark.parametrize(("life", "lasts"), [(10.0, 299.0), (None, 3299.0), (-1e300, 299.0)])
def test_a_strange_life_does_not_mean_a_refresh_per_call(life: float | None, lasts: float) -> None:
    """A token that is said to end at once is used for five minutes; one whose end is not told as long as the provider's usually live."""

    async def scenario() -> None:
        endpoint = Endpoint(life=life)
        tokens = Tokens(CLOUD, LINKED, VirtualClock(), endpoint)
        await tokens.get()
        await asyncio.sleep(lasts)
        await tokens.get()
        assert len(endpoint.forms) == 1
        await asyncio.sleep(2)
        await tokens.get()
        assert len(endpoint.forms) == 2

    run(scenario)


def test_a_lane_that_slept_goes_on_with_the_token_of_its_process() -> None:
    """Others with the same credentials ask for nothing while the token lives, also after a refresh token was replaced."""

    async def scenario() -> None:
        endpoint, kept, secrets = Endpoint(rotates=True), KeptTokens(), KeptInMemory(refresh_token="r0")
        await Tokens(CLOUD, LINKED, VirtualClock(), endpoint, secrets=secrets, kept=kept).get()
        later = Credentials(client_id="app", client_secret="CANARY-secret", refresh_token=secrets.kept["refresh_token"])
        assert (await Tokens(CLOUD, later, VirtualClock(), endpoint, secrets=secrets, kept=kept).get()).token == "a1"
        with pytest.raises(ReconnectNeededError):
            await Tokens(CLOUD, Credentials(refresh_token="other"), VirtualClock(), endpoint, kept=kept).get()
        assert "a1" not in repr(kept)

    run(scenario)


def test_a_token_that_is_no_good_is_kept_for_nobody() -> None:
    """Whoever comes next asks for a new one; an old one's end says nothing of the new one."""

    async def scenario() -> None:
        endpoint, kept = Endpoint(), KeptTokens()
        tokens = Tokens(CLOUD, LINKED, VirtualClock(), endpoint, kept=kept)
        tokens.ran_out((await tokens.get()).token)
        assert (await Tokens(CLOUD, LINKED, VirtualClock(), endpoint, kept=kept).get()).token == "a2"
        tokens.ran_out("a1")
        assert (await Tokens(CLOUD, LINKED, VirtualClock(), endpoint, kept=kept).get()).token == "a2"

    run(scenario)


def test_the_process_keeps_the_newest_tokens_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand accounts do not fill the memory."""
    monkeypatch.setattr("archiver.oauth.tokens._KEPT_MOST", 3)
    kept = KeptTokens()
    for number in range(5):
        kept.keep(Credentials(refresh_token=str(number)), Access(f"a{number}"), 100.0)
    assert [kept.recall(Credentials(refresh_token=str(number)))[0].token for number in range(5)] == ["", "", "a2", "a3", "a4"]


def test_nothing_shows_a_token() -> None:
    """Neither its holder nor what it is made of."""
    shown = [LINKED, BY_ASSERTION, Access("CANARY"), Answer(access_token="CANARY"), Tokens(CLOUD, LINKED, VirtualClock(), Endpoint())]
    assert "CANARY" not in repr(shown) + str(shown)
