"""OAuth as RingCentral has it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest

from archiver.sandbox.ringcentral.grants import Grants, Login
from archiver.sandbox.ringcentral.refusals import Refusal


@pytest.fixture
def grants() -> Grants:
    """One application."""
    return Grants()


@pytest.fixture
def login(grants: Grants) -> Login:
    """Of user 7."""
    return grants.login(7, 0.0)


@pytest.fixture
def refresh(grants: Grants) -> Callable[..., dict[str, str]]:
    """Trades a refresh token at a moment."""

    def trade(token: str, now: float) -> dict[str, str]:
        return grants.trade({"grant_type": "refresh_token", "refresh_token": token}, grants.client_id, grants.client_secret, now)

    return trade


def test_a_refresh_token_is_used_once(grants: Grants, login: Login, refresh: Callable[..., dict[str, str]]) -> None:
    """Ten seconds after the new access token's first use the old one is dead, and the old access token at once."""
    first = refresh(login.refresh_token, 0.0)
    second = refresh(first["refresh_token"], 10.0)
    with pytest.raises(Refusal):
        grants.authenticate(f"Bearer {first['access_token']}", 10.0)
    grants.authenticate(f"Bearer {second['access_token']}", 11.0)
    third = refresh(first["refresh_token"], 20.0)  # whoever lost the answer may ask again
    with pytest.raises(Refusal):
        grants.authenticate(f"Bearer {second['access_token']}", 20.0)
    grants.authenticate(f"Bearer {third['access_token']}", 21.0)
    with pytest.raises(Refusal):
        refresh(first["refresh_token"], 32.0)


def test_a_refresh_whose_token_is_never_used_may_be_repeated_for_an_hour(login: Login, refresh: Callable[..., dict[str, str]]) -> None:
    """And for seven days if it was not used at all."""
    refresh(login.refresh_token, 0.0)
    assert refresh(login.refresh_token, 3599.0)
    with pytest.raises(Refusal):
        refresh(login.refresh_token, 8000.0)


def test_a_refresh_token_lives_seven_days(login: Login, refresh: Callable[..., dict[str, str]]) -> None:
    """An account that nobody refreshes is lost."""
    with pytest.raises(Refusal) as refused:
        refresh(login.refresh_token, 604_800.0)
    assert b"invalid_grant" in refused.value.answer.body


def test_tokens_run_out_and_are_revoked(grants: Grants, login: Login, refresh: Callable[..., dict[str, str]]) -> None:
    """The two are told apart by their codes."""
    token = refresh(login.refresh_token, 0.0)
    with pytest.raises(Refusal) as refused:
        grants.authenticate(f"Bearer {token['access_token']}", 3600.0)
    assert b"OAU-232" in refused.value.answer.body
    grants.revoke()
    with pytest.raises(Refusal) as refused:
        grants.authenticate(f"Bearer {token['access_token']}", 1.0)
    assert b"OAU-213" in refused.value.answer.body
    with pytest.raises(Refusal):
        refresh(token["refresh_token"], 1.0)


def test_a_code_fits_its_challenge_once(grants: Grants) -> None:
    """PKCE without the secret; without a challenge the secret is needed."""
    verifier = "v" * 50
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    code = grants.authorise(7, redirect_uri="http://here", challenge=challenge, now=0.0)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://here", "code_verifier": verifier}
    assert grants.trade(form, grants.client_id, "", 1.0)["owner_id"] == "7"
    with pytest.raises(Refusal):
        grants.trade(form, grants.client_id, "", 2.0)
    bare = grants.authorise(7, redirect_uri="http://here", challenge="", now=0.0)
    with pytest.raises(Refusal):
        grants.trade({**form, "code": bare, "code_verifier": ""}, grants.client_id, "", 1.0)


def test_a_user_has_five_sessions(grants: Grants, login: Login) -> None:
    """The sixth ends the oldest."""
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": login.jwt}
    tokens = [grants.trade(form, grants.client_id, grants.client_secret, 0.0)["access_token"] for _ in range(6)]
    with pytest.raises(Refusal):
        grants.authenticate(f"Bearer {tokens[0]}", 1.0)
    for token in tokens[1:]:
        grants.authenticate(f"Bearer {token}", 1.0)


@pytest.mark.parametrize(
    ("form", "client", "error"),
    [
        ({"grant_type": "refresh_token"}, "wrong", b"invalid_client"),
        ({"grant_type": "password"}, "", b"unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "x"}, "", b"invalid_grant"),
    ],
)
def test_refusals_are_those_of_rfc_6749(grants: Grants, form: dict[str, str], client: str, error: bytes) -> None:
    """With RingCentral's codes beside them."""
    with pytest.raises(Refusal) as refused:
        grants.trade(form, client or grants.client_id, grants.client_secret, 0.0)
    assert error in refused.value.answer.body
    assert b"OAU-" in refused.value.answer.body


def test_credentials_are_not_shown(login: Login) -> None:
    """A login names whom it is for, and nothing else."""
    assert all(secret not in repr(login) for secret in (login.jwt, login.refresh_token, login.client_secret))
