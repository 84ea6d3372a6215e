"""What each object is written with."""

from __future__ import annotations

from archiver.destinations.objects.store import Target
from archiver.destinations.s3.headers import Writing

TARGET = Target(key="a", media_type="audio/x-wav", occurred_at=1_700_000_000_500, size=5)


def test_nothing_but_what_is_asked_for() -> None:
    """Type, time and hash always; a hash that is not known yet is left out."""
    plain = Writing()
    assert plain.of_object(TARGET, "ab", 0.0) == {
        "content-type": "audio/x-wav",
        "x-amz-meta-mtime": "1700000000.500",
        "x-amz-meta-sha256": "ab",
    }
    assert "x-amz-meta-sha256" not in plain.of_object(TARGET, "", 0.0)
    assert plain.always() == {}


def test_encryption_class_owner_and_lock() -> None:
    """Each goes along with every object, and the lock ends so many days from now."""
    writing = Writing(
        encryption="aws:kms", kms_key="k", storage_class="STANDARD_IA", lock_mode="COMPLIANCE", retain_days=2, owner="123456789012"
    )
    headers = writing.of_object(TARGET, "", 1_700_000_000.0)
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "k"
    assert headers["x-amz-storage-class"] == "STANDARD_IA"
    assert headers["x-amz-object-lock-mode"] == "COMPLIANCE"
    assert headers["x-amz-object-lock-retain-until-date"] == "2023-11-16T22:13:20Z"
    assert headers["x-amz-expected-bucket-owner"] == writing.always()["x-amz-expected-bucket-owner"] == "123456789012"


def test_what_a_body_is_checked_against() -> None:
    """A SHA-256, or for stores that do not know that an MD5."""
    assert Writing().of_body(b"\0" * 3, b"\1") == {"x-amz-checksum-sha256": "AAAA"}
    assert Writing(checksums=False).of_body(b"\0", b"\0" * 3) == {"content-md5": "AAAA"}
