"""AWS KMS wraps the keys: the key file holds only what KMS can open. Needs the extra ``kms``.

Credentials, region and address are boto3's own matter: environment, profile, role of the machine. KMS is asked once for each key when a
process starts; what it gave is kept in memory.
"""

from __future__ import annotations

from typing import Any

from archiver.errors import ConfigError

__all__ = ["AwsKms"]

# Told to KMS with each call: what was wrapped for another purpose does not unwrap here, and CloudTrail shows what for.
_PURPOSE = {"purpose": "archiver-vault"}


class AwsKms:
    """The port `archiver.vault.KeyProvider` on AWS KMS.

    Args:
        key: The KMS key that wraps: its ARN, id or alias.
        client: A client of KMS; by default boto3's own way to make one.
    """

    name = "aws-kms"

    def __init__(self, key: str, client: Any = None) -> None:
        self._key = key
        self._made = client

    def __repr__(self) -> str:
        return f"AwsKms({self._key!r})"

    def wrap(self, key: bytes) -> bytes:
        """See `archiver.vault.KeyProvider.wrap`."""
        answer = self._ask("encrypt", KeyId=self._key, Plaintext=key)
        wrapped: bytes = answer["CiphertextBlob"]
        return wrapped

    def unwrap(self, wrapped: bytes) -> bytes:
        """See `archiver.vault.KeyProvider.unwrap`."""
        answer = self._ask("decrypt", KeyId=self._key, CiphertextBlob=wrapped)
        key: bytes = answer["Plaintext"]
        return key

    def _ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        try:
            import boto3  # type: ignore[import-untyped]  # noqa: PLC0415  an extra; it ships no types
            from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]  # noqa: PLC0415  as above
        except ImportError:
            hint = "pip install 'call-archiver[kms]'"
            raise ConfigError("keys that AWS KMS wraps need the package boto3, which is not installed", hint=hint) from None
        try:
            self._made = self._made or boto3.client("kms")
            answer: dict[str, Any] = getattr(self._made, what)(EncryptionContext=_PURPOSE, **arguments)
        except ClientError as error:  # its text may repeat what was asked, its code does not
            code = error.response.get("Error", {}).get("Code", "")
            raise ConfigError(
                f"AWS KMS does not {what} with the key that the setting kms_key names: {code}",
                hint="The role needs kms:Encrypt and kms:Decrypt on it.",
            ) from None
        except BotoCoreError as error:
            hint = "See the docs of boto3 for credentials and the region."
            raise ConfigError(f"AWS KMS cannot be asked: {type(error).__name__}", hint=hint) from None
        return answer
