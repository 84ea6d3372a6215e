"""Sealing and opening: one secret for one place."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag

from archiver.errors import ConfigError
from archiver.vault.file import create_file, file_state, read_file, write_file
from archiver.vault.keys import ID_BYTES, KeyProvider, Ring, new_key, read_keys

__all__ = ["Vault"]

_VERSION = 1
_NONCE_BYTES = 12
_HEAD_BYTES = 1 + ID_BYTES + _NONCE_BYTES


class Vault:
    """Seals and opens secrets. Nothing is read before the first use; a key file that was changed meanwhile is read again.

    Args:
        keys: Keys as text, separated by commas; empty to use the file.
        key_file: The file with one key a line; made with a fresh key the first time that something is sealed.
        provider: Who wraps the keys, if somebody does.
    """

    def __init__(self, *, keys: str = "", key_file: Path, provider: KeyProvider | None = None) -> None:
        self._text = keys
        self._file = key_file
        self._provider = provider
        self._ring: Ring = {}
        self._read: tuple[int, int] | None = None  # which state of the file the ring is of

    def __repr__(self) -> str:
        return f"Vault({self.place!r})"

    @property
    def place(self) -> str:
        """Where the keys are."""
        return "ARCHIVER_KEY" if self._text else str(self._file)

    @property
    def wrapped(self) -> bool:
        """Whether keys may be wrapped, so that reading them asks over a network."""
        return self._provider is not None

    def load(self) -> None:
        """Reads the keys that there are, so that no later call has to wait for whoever unwraps them; makes none.

        Raises:
            ConfigError: There are keys, but they cannot be read.
        """
        if self._text or self._file.exists():
            self._keys(create=False)

    def ids(self) -> tuple[str, ...]:
        """The ids of the keys that are held, the one that seals first; none before the first sealing.

        Raises:
            ConfigError: The keys cannot be read.
        """
        if not self._text and not self._file.exists():
            return ()
        return tuple(name.hex() for name in self._keys(create=False))

    def seal(self, secret: str, *, customer: str, adapter: str, field: str) -> bytes:
        """Encrypts a secret for one place.

        Args:
            secret: What to keep.
            customer: Whose it is.
            adapter: The adapter that uses it.
            field: The adapter's option.

        Raises:
            ConfigError: The keys cannot be read, or the key file may be read by others.
        """
        name, cipher = next(iter(self._keys(create=True).items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = cipher.encrypt(nonce, secret.encode(), _associated(customer, adapter, field))
        return bytes([_VERSION]) + name + nonce + sealed

    def open(self, sealed: bytes, *, customer: str, adapter: str, field: str) -> str:
        """Decrypts what was sealed for the same place.

        Raises:
            ConfigError: No key that opens it is held, or it was sealed for another place, or it is damaged. Names the key's id, no values.
        """
        if len(sealed) <= _HEAD_BYTES or sealed[0] != _VERSION:
            raise ConfigError(f"the credential {adapter}.{field} of customer {customer} was not sealed by this version of Archiver")
        name = sealed[1 : 1 + ID_BYTES]
        cipher = self._ring.get(name) or self._keys(create=False).get(name)
        if cipher is None:
            held = ", ".join(key.hex() for key in self._ring) or "none"
            raise ConfigError(
                f"the credential {adapter}.{field} of customer {customer} was sealed with key {name.hex()}, which is not held",
                hint=f"Keys held: {held}. Add the old key to ARCHIVER_KEY or to {self._file}.",
            )
        try:
            nonce = sealed[1 + ID_BYTES : _HEAD_BYTES]
            return cipher.decrypt(nonce, sealed[_HEAD_BYTES:], _associated(customer, adapter, field)).decode()
        except InvalidTag:
            raise ConfigError(
                f"the credential {adapter}.{field} of customer {customer} does not open with its key {name.hex()}",
                hint="It is damaged, or was sealed for another customer. Connect the storage again.",
            ) from None

    @staticmethod
    def sealed_with(sealed: bytes) -> str:
        """The id of the key that a secret was sealed with; empty if it was not sealed by this version."""
        return sealed[1 : 1 + ID_BYTES].hex() if len(sealed) > _HEAD_BYTES and sealed[0] == _VERSION else ""

    # -- changing keys --------------------------------------------------------------------------------------------------------------

    def add_key(self) -> str:
        """Puts a fresh key in front of the others in the key file; from now on it seals.

        Returns:
            Its id.

        Raises:
            ConfigError: The keys are not in a file that can be written.
        """
        self._check_file()
        if not self._file.exists():
            self._keys(create=True)
        else:
            write_file(self._file, [new_key(self._provider), *read_file(self._file)])
        return self.ids()[0]

    def drop_keys(self) -> tuple[str, ...]:
        """Takes all keys but the first one out of the key file. What they sealed never opens again: whoever asks has looked.

        Returns:
            The ids of those that are gone.

        Raises:
            ConfigError: The keys are not in a file that can be written.
        """
        self._check_file()
        first, *others = self.ids() or ("",)
        if others:
            lines = read_file(self._file)
            write_file(self._file, [line for line in lines if first in {key.hex() for key in self._ring_of([line])}][:1])
        return tuple(others)

    def _check_file(self) -> None:
        if self._text:
            raise ConfigError(
                "the keys are given by ARCHIVER_KEY, which only whoever sets it can change",
                hint="Put a fresh key in front of the others, separated by a comma; afterwards take the old ones away.",
            )

    def _keys(self, *, create: bool) -> Ring:
        if self._text:
            self._ring = self._ring or self._ring_of(self._text.split(","))
            return self._ring
        now = file_state(self._file)
        if now is None and create:
            create_file(self._file, new_key(self._provider))
            now = file_state(self._file)
        if not self._ring or now != self._read:
            self._ring = self._ring_of(read_file(self._file))
            self._read = now
        return self._ring

    def _ring_of(self, texts: list[str]) -> Ring:
        return read_keys(texts, self.place, self._provider)


def _associated(customer: str, adapter: str, field: str) -> bytes:
    """What is authenticated with a secret; JSON, so that no two places are written alike."""
    return json.dumps([_VERSION, customer, adapter, field]).encode()
