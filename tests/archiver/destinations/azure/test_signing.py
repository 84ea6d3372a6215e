"""How calls are authorised. That Azure accepts it is shown by every test against the emulator."""

from __future__ import annotations

import pytest

from archiver.destinations.azure.signing import SasToken, SharedKey
from archiver.errors import ConfigError
from support.azurite import ACCOUNT, ACCOUNT_KEY

SIGNATURE = "canary-azure-signature"


def test_everything_that_matters_is_signed() -> None:
    """Another method, key, length, condition or query makes another signature."""
    key = SharedKey(ACCOUNT, ACCOUNT_KEY)
    base = key.sign("PUT", "https://h/c/k?comp=block", {"if-none-match": "*"}, 5, 0.0)["authorization"]
    others = [
        key.sign("GET", "https://h/c/k?comp=block", {"if-none-match": "*"}, 5, 0.0),
        key.sign("PUT", "https://h/c/other?comp=block", {"if-none-match": "*"}, 5, 0.0),
        key.sign("PUT", "https://h/c/k?comp=blocklist", {"if-none-match": "*"}, 5, 0.0),
        key.sign("PUT", "https://h/c/k?comp=block", {}, 5, 0.0),
        key.sign("PUT", "https://h/c/k?comp=block", {"if-none-match": "*"}, 6, 0.0),
        key.sign("PUT", "https://h/c/k?comp=block", {"if-none-match": "*"}, 5, 1.0),
        key.sign("PUT", "https://h/c/k?comp=block", {"if-none-match": "*", "x-ms-meta-a": "b"}, 5, 0.0),
    ]
    assert base not in {signed["authorization"] for signed in others}


def test_a_signature_travels_in_the_query() -> None:
    """With or without its question mark, after a query or as the only one; it is never shown."""
    token = SasToken(f"?sv=2023-11-03&sig={SIGNATURE}")
    assert token.url("https://h/c/k") == f"https://h/c/k?sv=2023-11-03&sig={SIGNATURE}"
    assert token.url("https://h/c/k?comp=block").endswith(f"?comp=block&sv=2023-11-03&sig={SIGNATURE}")
    assert "authorization" not in token.sign("PUT", "https://h/c/k", {}, 0, 0.0)
    assert SIGNATURE not in repr(token)


def test_what_is_no_key_and_no_signature() -> None:
    """It is told when the destination is opened, and not shown."""
    for make in (lambda: SharedKey(ACCOUNT, SIGNATURE), lambda: SasToken(SIGNATURE)):
        with pytest.raises(ConfigError) as caught:
            make()
        assert SIGNATURE not in str(caught.value) + caught.value.hint
