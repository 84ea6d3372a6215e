"""Customers' credentials, encrypted at rest with AES-256-GCM.

A sealed secret is ``version (1 byte) | key id (4) | nonce (12) | ciphertext and tag``. The customer, the adapter, the field and the version
are authenticated with it, so a ciphertext that is moved into another row does not open. Several keys may be held: the first one seals,
all of them open, so that a key can be changed without a day on which nothing works.

`keys`: what a key is; `file`: where keys are kept; `kms`: who may wrap them; `sealing`: what they do. Next room: ``archiver.keeping``.
"""

from __future__ import annotations

from archiver.vault.keys import KeyProvider, key_id, new_key
from archiver.vault.sealing import Vault

__all__ = ["KeyProvider", "Vault", "key_id", "new_key"]
