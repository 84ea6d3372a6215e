"""What must never be shown: secrets, a number, a content; and a provider that repeats all of it in its refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from archiver.sandbox.account import Account
from archiver.sandbox.faults import Fault

__all__ = ["NUMBER", "TEXT", "echoing_faults", "secrets_of", "write_messages"]

NUMBER = "+493055501477"
TEXT = "canary-what-somebody-wrote"


def secrets_of(account: Account) -> dict[str, str]:
    """What the sandbox gave."""
    return {"refresh token": account.refresh_token, "access token": account.access_token, "app secret": account.app_secret}


def write_messages(folder: Path, count: int) -> None:
    """Messages between two numbers, each with its sidecar."""
    folder.mkdir()
    for number in range(count):
        sidecar = {"kind": "sms", "external_id": f"id-{number}", "sender": NUMBER, "recipient": NUMBER, "metadata": {"note": NUMBER}}
        (folder / f"{number}.txt.json").write_text(json.dumps(sidecar))
        (folder / f"{number}.txt").write_text(f"{TEXT} {number}")


def echoing_faults(secrets: Mapping[str, str]) -> list[tuple[Fault, ...]]:
    """Providers and proxies that repeat in their refusals what they were sent; a round of `archiver run` each."""
    page = f"<html><body>{' '.join(secrets.values())} {NUMBER} {TEXT}</body></html>"
    union = json.dumps({"error_summary": f"{page}/..", "error": {".tag": page, "reason": {".tag": page}}})
    upload, finish, token = "files/upload_session/*", "files/upload_session/finish*", "oauth2/token"
    html = "text/html"
    return [
        (Fault(action="expire_token", route=upload), Fault(action="reply", route=token, status=503, body=page, content_type=html)),
        (Fault(action="reply", route=upload, status=401, body=union, content_type="application/json"),),
        (Fault(action="reply", route=upload, status=409, body=union, content_type="application/json"),),
        (Fault(action="reply", route=finish, status=409, body=union, content_type="application/json"),),
        (Fault(action="reply", route=upload, status=400, body=page),),
        (Fault(action="reply", route=upload, status=500, body=page, content_type=html),),
        (Fault(action="reply", route=upload, status=502, body=page, content_type=html, headers={"Location": f"https://x/{page[:40]}"}),),
        (Fault(action="reply", route=upload, status=429, body=page, headers={"Retry-After": "1"}),),
        (Fault(action="reply", route=upload, status=200, body=f'{{"{page}', content_type="application/json"),),
        (Fault(action="lose_answer", route=finish), Fault(action="cut_request", route=upload, after_bytes=10)),
        (Fault(action="expire_token", route=upload), Fault(action="reply", route=token, status=400, body=union)),
    ]
