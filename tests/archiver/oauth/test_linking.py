"""PKCE, and the page where a customer says yes."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

from archiver.oauth import Provider, authorize_url, code_form, new_pkce, new_state

CLOUD = Provider(
    title="Cloud",
    authorize_url="https://cloud.test/authorize",
    token_url="https://cloud.test/token",
    scopes=("read", "write"),
    parameters={"access_type": "offline"},
)


def test_the_page_is_asked_for_a_code_with_a_proof() -> None:
    """Everything that RFC 6749 and RFC 7636 ask for, escaped, and what this provider wants besides."""
    url = authorize_url(CLOUD, client_id="app", redirect_uri="http://127.0.0.1:9/back?x=1", state="s&t", challenge="c")
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://cloud.test/authorize"
    assert {name: values[0] for name, values in parse_qs(parts.query).items()} == {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": "http://127.0.0.1:9/back?x=1",
        "state": "s&t",
        "code_challenge": "c",
        "code_challenge_method": "S256",
        "scope": "read write",
        "access_type": "offline",
    }


def test_a_proof_is_fresh_hashed_and_not_shown() -> None:
    """The challenge is the verifier's SHA-256 as RFC 7636, 4.2 has it; two are never alike."""
    pkce, other = new_pkce(), new_pkce()
    assert len(pkce.verifier) == 43
    assert pkce.challenge == base64.urlsafe_b64encode(hashlib.sha256(pkce.verifier.encode()).digest()).decode().rstrip("=")
    assert pkce.verifier not in repr(pkce)
    assert pkce != other
    assert new_state() != new_state()


def test_a_code_is_exchanged_with_the_verifier() -> None:
    """The fields of RFC 7636, 4.5."""
    assert code_form("c", redirect_uri="u", verifier="v") == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": "u",
        "code_verifier": "v",
    }
