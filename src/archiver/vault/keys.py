"""Keys as texts: 32 random bytes in base64, in clear or wrapped by somebody who keeps the key to them elsewhere."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from archiver.errors import ConfigError

__all__ = ["ID_BYTES", "KeyProvider", "Ring", "key_id", "new_key", "read_keys"]

ID_BYTES = 4
_KEY_BYTES = 32

Ring = dict[bytes, AESGCM]
"""Keys by their ids, in order: the first one seals."""


class KeyProvider(Protocol):
    """Who wraps the keys, so that their file alone opens nothing: a key management service.

    Attributes:
        name: Marks what it has wrapped: a line of the key file is ``name:base64``.
    """

    name: str

    def wrap(self, key: bytes) -> bytes:
        """What may be kept in a file. May take long: it asks over a network.

        Raises:
            ConfigError: It does not let us, or cannot be reached.
        """
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key that was wrapped. May take long.

        Raises:
            ConfigError: It does not let us, cannot be reached, or has not wrapped this.
        """
        ...


def key_id(key: bytes) -> bytes:
    """Names a key without telling it: the first bytes of a hash of it."""
    return hashlib.sha256(b"archiver key id" + key).digest()[:ID_BYTES]


def new_key(provider: KeyProvider | None = None) -> str:
    """A fresh random key as text, wrapped if there is somebody who does that."""
    key = secrets.token_bytes(_KEY_BYTES)
    if provider is None:
        return base64.b64encode(key).decode()
    return f"{provider.name}:{base64.b64encode(provider.wrap(key)).decode()}"


def read_keys(texts: Sequence[str], place: str, provider: KeyProvider | None = None) -> Ring:
    """The keys by their ids, in order.

    Args:
        texts: A key each; blank ones are left out.
        place: Where they stand, for messages.
        provider: Who unwraps those that are wrapped.

    Raises:
        ConfigError: One is no key, or cannot be unwrapped, or there is none. Never shows a key.
    """
    ring = {}
    for text in filter(None, (text.strip() for text in texts)):
        key = _key(text, place, provider)
        ring[key_id(key)] = AESGCM(key)
    if not ring:
        raise ConfigError(f"{place} holds no key")
    return ring


def _key(text: str, place: str, provider: KeyProvider | None) -> bytes:
    name, colon, rest = text.partition(":")
    if not colon:
        key = _bytes(text)
    elif provider is not None and provider.name == name:
        key = provider.unwrap(_bytes(rest))
    elif name.replace("-", "").isalnum() and len(name) < _KEY_BYTES:
        raise ConfigError(f"{place} holds a key that {name} has wrapped", hint="Say who unwraps it: the setting kms_key.")
    else:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigError(
            f"{place} holds a key that is not {_KEY_BYTES} bytes in base64",
            hint="A fresh one: python3 -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'",
        )
    return key


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
