"""Customers' credentials, encrypted at rest with AES-256-GCM.

A sealed secret is ``version (1 byte) | key id (4) | nonce (12) | ciphertext and tag``. The customer, the adapter, the field and the version
are authenticated with it, so a ciphertext that is moved into another row does not open. Several keys may be held: the first one seals,
all of them open, so that a key can be changed without a day on which nothing works.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from archiver.errors import ConfigError

__all__ = ["Vault", "key_id", "new_key"]

_VERSION = 1
_ID_BYTES = 4
_NONCE_BYTES = 12
_KEY_BYTES = 32
_HEAD_BYTES = 1 + _ID_BYTES + _NONCE_BYTES


def new_key() -> str:
    """A fresh random key as text."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def key_id(key: bytes) -> bytes:
    """Names a key without telling it: the first bytes of a hash of it."""
    return hashlib.sha256(b"archiver key id" + key).digest()[:_ID_BYTES]


class Vault:
    """Seals and opens secrets. Nothing is read before the first use.

    Args:
        keys: Keys as text (see `parse` in the docs of the settings: base64, separated by commas); empty to use the file.
        key_file: The file with one key a line; made with a fresh key the first time that something is sealed.
    """

    def __init__(self, *, keys: str = "", key_file: Path) -> None:
        self._text = keys
        self._file = key_file
        self._ring: dict[bytes, AESGCM] = {}

    def __repr__(self) -> str:
        return f"Vault({'ARCHIVER_KEY' if self._text else str(self._file)!r})"

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
        ring = self._keys(create=True)
        name, cipher = next(iter(ring.items()))
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
        name = sealed[1 : 1 + _ID_BYTES]
        cipher = self._keys(create=False).get(name)
        if cipher is None:
            held = ", ".join(key.hex() for key in self._ring) or "none"
            raise ConfigError(
                f"the credential {adapter}.{field} of customer {customer} was sealed with key {name.hex()}, which is not held",
                hint=f"Keys held: {held}. Add the old key to ARCHIVER_KEY or to {self._file}.",
            )
        try:
            nonce = sealed[1 + _ID_BYTES : _HEAD_BYTES]
            return cipher.decrypt(nonce, sealed[_HEAD_BYTES:], _associated(customer, adapter, field)).decode()
        except InvalidTag:
            raise ConfigError(
                f"the credential {adapter}.{field} of customer {customer} does not open with its key {name.hex()}",
                hint="It is damaged, or was sealed for another customer. Connect the storage again.",
            ) from None

    def _keys(self, *, create: bool) -> dict[bytes, AESGCM]:
        if not self._ring:
            if self._text:
                self._ring = _ring(self._text.split(","), "ARCHIVER_KEY")
            else:
                if create:
                    _create(self._file)
                self._ring = _ring(_read(self._file), str(self._file))
        return self._ring


def _associated(customer: str, adapter: str, field: str) -> bytes:
    """What is authenticated with a secret; JSON, so that no two places are written alike."""
    return json.dumps([_VERSION, customer, adapter, field]).encode()


def _ring(texts: Sequence[str], place: str) -> dict[bytes, AESGCM]:
    """The keys by their ids, in order."""
    ring = {}
    for text in filter(None, (text.strip() for text in texts)):
        try:
            key = base64.b64decode(text, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != _KEY_BYTES:
            raise ConfigError(
                f"{place} holds a key that is not {_KEY_BYTES} bytes in base64",
                hint="A fresh one: python3 -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'",
            )
        ring[key_id(key)] = AESGCM(key)
    if not ring:
        raise ConfigError(f"{place} holds no key")
    return ring


def _read(path: Path) -> list[str]:
    """The lines of a key file that nobody else may read."""
    try:
        with path.open(encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077 and not _is_credential(path):
                raise ConfigError(f"the key file {path} may be read by others (mode {mode:04o})", hint=f"chmod 600 {path}")
            return [line for line in file.read().splitlines() if not line.startswith("#")]
    except FileNotFoundError:
        raise ConfigError(f"the key file {path} does not exist", hint="Bring it back, or set ARCHIVER_KEY.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the key file {path} cannot be read: {type(error).__name__}") from None


def _is_credential(path: Path) -> bool:
    """Whether systemd handed the file to this service (systemd.exec(5), "Credentials").

    Then only this service can reach it, by an access list whose mask looks like rights of the group.
    """
    directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return bool(directory) and path.parent == Path(directory)


def _create(path: Path) -> None:
    """Makes a key file with a fresh key unless there is one; two processes at once end up with the same."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write(f"# Seals the credentials that Archiver keeps. Without it they are lost: keep a copy elsewhere.\n{new_key()}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails if somebody was faster, where a rename would replace their key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as error:
        raise ConfigError(
            f"the key file {path} cannot be made: {type(error).__name__}", hint="Set ARCHIVER_KEY or ARCHIVER_KEY_FILE."
        ) from None
