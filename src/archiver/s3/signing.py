"""Signature Version 4, as Amazon's "Signature calculations for the Authorization header" has it; pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

__all__ = ["EMPTY_SHA256", "Keys", "Signer"]

EMPTY_SHA256 = hashlib.sha256().hexdigest()

_SERVICE = "s3"
_ALGORITHM = "AWS4-HMAC-SHA256"


class Keys:
    """What a bucket is opened with; never shown.

    Args:
        access_key: The id of the key.
        secret_key: The key.
        session_token: Of temporary keys, or empty.
    """

    __slots__ = ("access_key", "secret_key", "session_token")

    def __init__(self, access_key: str, secret_key: str, session_token: str = "") -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.session_token = session_token

    def __repr__(self) -> str:
        return "Keys(…)"


class Signer:
    """Signs calls to one region.

    Args:
        keys: What with.
        region: Such as ``eu-central-1``.
    """

    def __init__(self, keys: Keys, region: str) -> None:
        self._keys = keys
        self._region = region
        self._day = ""
        self._key = b""

    def __repr__(self) -> str:
        return f"Signer(region={self._region!r})"

    def sign(self, method: str, url: str, headers: Mapping[str, str], sha256: str, now: float) -> dict[str, str]:
        """The headers of a call, with its signature.

        Args:
            method: Of HTTP.
            url: Escaped, its query sorted by name.
            headers: What else the call says, in lower case; all of it is signed.
            sha256: Of the body, hex.
            now: Seconds since the epoch.
        """
        parts = urlsplit(url)
        moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = {**headers, "host": parts.netloc, "x-amz-content-sha256": sha256, "x-amz-date": moment}
        if self._keys.session_token:
            signed["x-amz-security-token"] = self._keys.session_token
        names = sorted(signed)
        lines = [f"{name}:{' '.join(signed[name].split())}" for name in names]
        canonical = "\n".join([method, parts.path or "/", parts.query, *lines, "", ";".join(names), sha256])
        scope = f"{moment[:8]}/{self._region}/{_SERVICE}/aws4_request"
        to_sign = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        signature = _hmac(self._key_of(moment[:8]), to_sign).hex()
        credential = f"{self._keys.access_key}/{scope}"
        signed["authorization"] = f"{_ALGORITHM} Credential={credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
        return signed

    def _key_of(self, day: str) -> bytes:
        """The day's key; kept, since it takes four hashes."""
        if day != self._day:
            key = f"AWS4{self._keys.secret_key}".encode()
            for word in (day, self._region, _SERVICE, "aws4_request"):
                key = _hmac(key, word)
            self._day, self._key = day, key
        return self._key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
