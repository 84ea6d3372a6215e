"""Signatures: Amazon's own example, and Amazon's own signer."""

from __future__ import annotations

from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.objects.targets import quoted
from archiver.s3.signing import EMPTY_SHA256, Keys, Signer

NOW = 1_369_353_600.0  # 24 May 2013, as in Amazon's example
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def test_amazons_example() -> None:
    """The example of "Signature Calculations for the Authorization Header" has this signature."""
    signer = Signer(Keys("AKIAIOSFODNN7EXAMPLE", SECRET), "us-east-1")
    signed = signer.sign("GET", "https://examplebucket.s3.amazonaws.com/test.txt", {"range": "bytes=0-9"}, EMPTY_SHA256, NOW)
    assert signed["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


@given(
    key=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20),
    upload_id=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    token=st.sampled_from(["", "session=="]),
)
def test_amazons_signer_agrees(key: str, upload_id: str, value: str, token: str) -> None:
    """For every key, query and header, botocore computes the same signature."""
    url = f"http://127.0.0.1:9000/bucket/{quoted(key)}" + (f"?partNumber=1&uploadId={quote(upload_id, safe='-_.~')}" if upload_id else "")
    ours = Signer(Keys("key", SECRET, token), "eu-central-1").sign("PUT", url, {"x-amz-meta-x": value}, EMPTY_SHA256, NOW)
    request = AWSRequest(method="PUT", url=url, headers={"x-amz-meta-x": value, "X-Amz-Content-SHA256": EMPTY_SHA256})
    request.context["timestamp"] = ours["x-amz-date"]
    auth = S3SigV4Auth(Credentials("key", SECRET, token or None), "s3", "eu-central-1")
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    theirs = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert ours["authorization"].endswith(f"Signature={theirs}")


def test_the_key_of_the_day_changes_with_the_day() -> None:
    """A signer that lives past midnight signs as a new one does."""
    old = Signer(Keys("key", SECRET), "eu-central-1")
    old.sign("GET", "http://h/b", {}, EMPTY_SHA256, NOW)
    new = Signer(Keys("key", SECRET), "eu-central-1")
    assert old.sign("GET", "http://h/b", {}, EMPTY_SHA256, NOW + 86_400) == new.sign("GET", "http://h/b", {}, EMPTY_SHA256, NOW + 86_400)


def test_keys_are_never_shown() -> None:
    """Neither keys nor what signs with them shows a secret."""
    keys = Keys("key", SECRET, "token")
    assert SECRET not in repr(keys) + repr(Signer(keys, "x"))
