"""The hands of whoever runs a scenario: ``/sandbox/…``. The real one has none of these."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from archiver.sandbox.ringcentral.company import fill
from archiver.sandbox.ringcentral.limits import GroupLimit
from archiver.sandbox.ringcentral.refusals import Answer
from archiver.sandbox.ringcentral.state import Phones
from archiver.sandbox.switches import SWITCHES, Pages, moved

__all__ = ["NewCompany", "administer"]


class NewCompany(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST /sandbox/company``: what `archiver.sandbox.ringcentral.company.fill` takes."""

    extensions: int = 8
    calls: int = 60
    messages: int = 60
    days: float = 14.0
    seed: int = 1


def administer(phones: Phones, method: str, page: str, body: bytes) -> Answer:
    """Answers a call to ``/sandbox/PAGE``; 400 with the reason where the body is not right."""
    status, answer, content_type = moved(_PAGES, phones, method, page, body)
    return Answer(status=status, body=answer, content_type=content_type)


def _login(phones: Phones, _body: bytes) -> Any:
    return phones.login()


def _company(phones: Phones, body: bytes) -> Any:
    new = msgspec.json.decode(body or b"{}", type=NewCompany)
    fill(phones.office, extensions=new.extensions, calls=new.calls, messages=new.messages, days=new.days, seed=new.seed)
    return _stats(phones, b"")


def _limits(phones: Phones, body: bytes) -> Any:
    phones.limits |= msgspec.json.decode(body, type=dict[str, GroupLimit])
    return phones.limits


def _stats(phones: Phones, _body: bytes) -> Any:
    office = phones.office
    asked = Counter(f"{request.route} {request.status}" for request in phones.ledger.requests)
    return {
        "now": phones.clock.now(),
        "extensions": len(office.extensions),
        "calls": len(office.calls),
        "recordings": sum(not recording.purged for _, recording in office.recordings.values()),
        "messages": Counter(message.type for message in office.messages.values()),
        "requests": dict(sorted(asked.items())),
        "groups": phones.groups(),
    }


_PAGES: Pages[Phones] = {
    **SWITCHES,
    ("POST", "login"): _login,
    ("POST", "company"): _company,
    ("PATCH", "limits"): _limits,
    ("GET", "stats"): _stats,
}
