"""What each object is written with: its type and time, its checksum, encryption, storage class, and the lock that nobody can open."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import msgspec

from archiver.destinations.objects.store import Target

__all__ = ["Writing"]


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """How objects are written.

    Attributes:
        checksums: The store is asked to check and keep a SHA-256 of each object and part; else an MD5 goes along.
        encryption: ``AES256``, ``aws:kms``, or empty for the bucket's own.
        kms_key: The key of ``aws:kms``, or empty for the account's own.
        storage_class: Or empty for the store's own.
        lock_mode: ``GOVERNANCE``, ``COMPLIANCE`` or empty.
        retain_days: How long nobody may remove an object.
        owner: The account that must own the bucket, or empty.
    """

    checksums: bool = True
    encryption: str = ""
    kms_key: str = ""
    storage_class: str = ""
    lock_mode: str = ""
    retain_days: int = 0
    owner: str = ""

    def always(self) -> dict[str, str]:
        """What every call says."""
        return {"x-amz-expected-bucket-owner": self.owner} if self.owner else {}

    def of_object(self, target: Target, sha256: str, now: float) -> dict[str, str]:
        """What is said when an object is made.

        Args:
            target: The object.
            sha256: Of its bytes, hex; empty if it is not known yet.
            now: Seconds since the epoch.
        """
        headers = {"content-type": target.media_type, "x-amz-meta-mtime": f"{target.occurred_at / 1000:.3f}"} | self.always()
        if sha256:
            headers["x-amz-meta-sha256"] = sha256
        if self.encryption:
            headers["x-amz-server-side-encryption"] = self.encryption
        if self.kms_key:
            headers["x-amz-server-side-encryption-aws-kms-key-id"] = self.kms_key
        if self.storage_class:
            headers["x-amz-storage-class"] = self.storage_class
        if self.lock_mode:
            until = datetime.fromtimestamp(now, UTC) + timedelta(days=self.retain_days)
            headers["x-amz-object-lock-mode"] = self.lock_mode
            headers["x-amz-object-lock-retain-until-date"] = until.strftime("%Y-%m-%dT%H:%M:%SZ")
        return headers

    def of_body(self, sha256: bytes, md5: bytes) -> dict[str, str]:
        """What the store is to check the bytes of a call against."""
        if self.checksums:
            return {"x-amz-checksum-sha256": base64.b64encode(sha256).decode()}
        return {"content-md5": base64.b64encode(md5).decode()}
