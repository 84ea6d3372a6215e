"""The net under every log line."""

from __future__ import annotations

import pytest

from archiver.observe.redaction import Redaction, struck


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer CANARY.abc-123_x/y+z=",
        "authorization: basic Y2FuYXJ5CANARY",
        "token sl.CANARY-abcdef_123 refused",
        "ya29.a0CANARY-abcdef refused",
        "the link 1//0CANARY_abcdef no longer works",
        "client GOCSPX-CANARY_abcdef",
        "PUT /upload/drive/v3/files?uploadType=resumable&upload_id=CANARY",
        "GET https://api.example/x?access_token=CANARY&y=1",
        "grant_type=authorization_code&code=CANARY&code_verifier=CANARY",
        '{"refresh_token": "CANARY", "expires_in": 14400}',
        "{'client_secret': 'CANARY'}",
        "https://s3.example/b/k?X-Amz-Signature=CANARY&X-Amz-Credential=CANARY",
        "postgresql://archiver:CANARY@db.example/archiver",
        "eyJhbGciOiJSUzI1NiJ9.CANARYpayload.CANARYsig",
        "callback?state=x&code%3dCANARY",
    ],
)
def test_secrets_are_struck_out(text: str) -> None:
    """Whatever form they come in; what stands around them stays."""
    assert "CANARY" not in struck(text)
    assert "***" in struck(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("call from +15552345678 failed", "call from …5678 failed"),
        ("+44 20 7946 0958", "…0958"),
        ("(555) 234-5678", "…5678"),
        ("555-234-5678", "…5678"),
        ("15552345678", "…5678"),
    ],
)
def test_phone_numbers_keep_their_last_four_digits(text: str, shown: str) -> None:
    """Enough to find a call by, not enough to call it."""
    assert struck(text) == shown
    assert struck(text, phones=False) == text


@pytest.mark.parametrize(
    "text",
    [
        "the disk is full",
        "2026-11-24T11:45:54.069300Z",
        "10.0.0.12:5432",
        "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "/2026/11/call-1234567890123.wav",
        "exit code 78",
        "worker 7f3a-5552345678-aa",
    ],
)
def test_what_is_neither_stays(text: str) -> None:
    """Times, addresses, ids, paths and ordinary words."""
    assert struck(text) == text


def test_every_field_is_looked_at_however_deep() -> None:
    """Numbers stay numbers; what is no plain value is looked at as text."""

    class Strange:
        def __str__(self) -> str:
            return "access_token=CANARY"

    fields = {
        "event": "Bearer CANARY1234",
        "count": 5552345678,
        "more": {"inner": ["code=CANARY", 7]},
        "strange": Strange(),
        "none": None,
        "timestamp": "2026-11-24T11:45:54Z",
    }
    found = Redaction(phones=True)(None, "info", fields)
    assert "CANARY" not in str(found)
    assert (found["count"], found["none"], found["more"]["inner"][1]) == (5552345678, None, 7)
    assert found["timestamp"] == "2026-11-24T11:45:54Z"
