"""The hands of whoever runs a scenario: ``/sandbox/…``. The real one has none of these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from archiver.sandbox.faults import Fault
from archiver.sandbox.ringcentral.company import fill
from archiver.sandbox.ringcentral.limits import GroupLimit
from archiver.sandbox.ringcentral.refusals import Answer
from archiver.sandbox.ringcentral.state import Phones

__all__ = ["NewCompany", "administer"]


class NewCompany(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST /sandbox/company``: what `archiver.sandbox.ringcentral.company.fill` takes."""

    extensions: int = 8
    calls: int = 60
    messages: int = 60
    days: float = 14.0
    seed: int = 1


class _Jump(msgspec.Struct, forbid_unknown_fields=True):
    advance: float


def administer(phones: Phones, method: str, page: str, body: bytes) -> Answer:
    """Answers a call to ``/sandbox/PAGE``; 400 with the reason where the body is not right."""
    hand = _PAGES.get((method, page))
    if hand is None:
        return Answer(status=404, body=b"the sandbox has no such page", content_type="text/plain")
    try:
        return Answer(body=msgspec.json.encode(hand(phones, body)))
    except (ValueError, msgspec.MsgspecError) as error:
        return Answer(status=400, body=str(error).encode(), content_type="text/plain")


def _login(phones: Phones, _body: bytes) -> Any:
    return phones.login()


def _company(phones: Phones, body: bytes) -> Any:
    new = msgspec.json.decode(body or b"{}", type=NewCompany)
    fill(phones.office, extensions=new.extensions, calls=new.calls, messages=new.messages, days=new.days, seed=new.seed)
    return _stats(phones, b"")


def _limits(phones: Phones, body: bytes) -> Any:
    phones.limits |= msgspec.json.decode(body, type=dict[str, GroupLimit])
    return phones.limits


def _jump(phones: Phones, body: bytes) -> Any:
    phones.clock.advance(msgspec.json.decode(body, type=_Jump).advance)
    return {"now": phones.clock.now()}


def _faults(phones: Phones, body: bytes) -> Any:
    for fault in msgspec.json.decode(body, type=list[Fault]):
        phones.faults.add(fault)
    return phones.faults.pending


def _heal(phones: Phones, _body: bytes) -> Any:
    phones.faults.clear()
    return []


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


_PAGES: dict[tuple[str, str], Callable[[Phones, bytes], Any]] = {
    ("POST", "login"): _login,
    ("POST", "company"): _company,
    ("PATCH", "limits"): _limits,
    ("POST", "clock"): _jump,
    ("POST", "faults"): _faults,
    ("DELETE", "faults"): _heal,
    ("GET", "stats"): _stats,
}
