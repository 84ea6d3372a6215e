"""Authorisations."""

from __future__ import annotations

import base64
import hashlib

import msgspec
import pytest

from archiver.sandbox.grants import App, Code, Grant, Grants
from archiver.sandbox.refusals import Refusal


@pytest.fixture
def grants() -> Grants:
    """Tokens that live a hundred seconds."""
    return Grants(App("key", "app-secret"), access_token_seconds=100)


def refusal(caught: pytest.ExceptionInfo[Refusal]) -> tuple[int, str]:
    """Status and error of a refusal."""
    reply = caught.value.reply
    error = msgspec.json.decode(reply.body)["error"]
    return reply.status, error if isinstance(error, str) else error[".tag"]


def test_a_token_holds_until_it_ends(grants: Grants) -> None:
    """Then it is expired, not unknown."""
    grant = grants.authorise(account="airline")
    token = grants.issue(grant, now=1000)
    assert grants.authenticate(f"Bearer {token}", "r", 1099) == (token, grant)
    with pytest.raises(Refusal) as caught:
        grants.authenticate(f"Bearer {token}", "r", 1100)
    assert refusal(caught) == (401, "expired_access_token")


def test_older_tokens_live_on_after_a_refresh(grants: Grants) -> None:
    """A refresh does not break what is under way; very old tokens are forgotten."""
    grant = grants.authorise(account="airline")
    tokens = [grants.issue(grant, now) for now in (0, 50, 210)]
    assert list(grant.access_tokens) == tokens[1:]
    assert grants.authenticate(f"Bearer {tokens[1]}", "r", 149)[1] is grant


def test_a_revoked_authorisation_is_dead(grants: Grants) -> None:
    """Its access tokens are invalid, its refresh token is no grant."""
    grant = grants.authorise(account="airline")
    token = grants.issue(grant, now=0)
    grant.revoked = True
    with pytest.raises(Refusal) as caught:
        grants.authenticate(f"Bearer {token}", "r", 1)
    assert refusal(caught) == (401, "invalid_access_token")
    with pytest.raises(Refusal) as caught:
        grants.refreshable(grant.refresh_token)
    assert refusal(caught) == (400, "invalid_grant")


@pytest.mark.parametrize("header", ["", "Bearer", "Basic abc"])
def test_a_header_without_a_token_is_malformed(grants: Grants, header: str) -> None:
    """That is 400, not 401."""
    with pytest.raises(Refusal) as caught:
        grants.authenticate(header, "files/upload", 0)
    assert caught.value.reply.status == 400


def test_an_unknown_token_is_invalid(grants: Grants) -> None:
    """With 401."""
    with pytest.raises(Refusal) as caught:
        grants.authenticate("Bearer sl.unknown", "r", 0)
    assert refusal(caught) == (401, "invalid_access_token")


def test_a_code_is_exchanged_once_by_who_knows_the_verifier(grants: Grants) -> None:
    """PKCE with S256."""
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

    def code(until: float = 600) -> str:
        return grants.new_code(
            Code(account="airline", redirect_uri="https://x/cb", challenge=challenge, challenge_method="S256", until=until)
        )

    name = code()
    grant = grants.exchange(name, verifier=verifier, redirect_uri="https://x/cb", now=0)
    assert (grant.account, grant.secret_needed) == ("airline", False)
    wrong = [
        (name, verifier, "https://x/cb", 0),
        (code(), "other", "https://x/cb", 0),
        (code(), verifier, "https://evil/cb", 0),
        (code(until=5), verifier, "https://x/cb", 6),
    ]
    for attempt, proof, redirect, now in wrong:
        with pytest.raises(Refusal) as caught:
            grants.exchange(attempt, verifier=proof, redirect_uri=redirect, now=now)
        assert refusal(caught) == (400, "invalid_grant")


def test_secrets_are_not_shown(grants: Grants) -> None:
    """Neither the application's nor a token."""
    grant = grants.authorise(account="airline")
    token = grants.issue(grant, now=0)
    assert token not in repr(grant)
    assert grant.refresh_token not in repr(grant)
    assert "app-secret" not in repr(grants.app)
    assert isinstance(grant, Grant)
