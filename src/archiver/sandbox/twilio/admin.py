"""The hands of whoever runs a scenario: ``/sandbox/…``. The real one has none of these."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from archiver.sandbox.faults import FaultScript
from archiver.sandbox.google.refusals import Reply
from archiver.sandbox.ringcentral.state import PushedClock
from archiver.sandbox.switches import SWITCHES, Pages, moved
from archiver.sandbox.twilio.company import fill
from archiver.sandbox.twilio.exchange import Exchange

__all__ = ["Hands", "NewCompany", "administer"]


class Hands(Protocol):
    """What is moved from here."""

    clock: PushedClock
    exchange: Exchange
    faults: FaultScript
    limits: Any
    ledger: Any

    def login(self) -> Any:
        """Credentials of the main account."""
        ...


class NewCompany(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST /sandbox/company``: what `archiver.sandbox.twilio.company.fill` takes."""

    subaccounts: int = 2
    calls: int = 60
    messages: int = 60
    days: float = 14.0
    seed: int = 1


def administer(hands: Hands, method: str, page: str, body: bytes) -> Reply:
    """Answers a call to ``/sandbox/PAGE``; 400 with the reason where the body is not right."""
    status, answer, content_type = moved(_PAGES, hands, method, page, body)
    return Reply(status=status, body=answer, content_type=content_type)


def _login(hands: Hands, _body: bytes) -> Any:
    return hands.login()


def _company(hands: Hands, body: bytes) -> Any:
    new = msgspec.json.decode(body or b"{}", type=NewCompany)
    fill(hands.exchange, subaccounts=new.subaccounts, calls=new.calls, messages=new.messages, days=new.days, seed=new.seed)
    return _stats(hands, b"")


def _limits(hands: Hands, body: bytes) -> Any:
    changed = {**msgspec.structs.asdict(hands.limits), **msgspec.json.decode(body, type=dict[str, Any])}
    if unknown := sorted(changed.keys() - set(hands.limits.__struct_fields__)):
        raise ValueError(f"no such limit: {', '.join(unknown)}")
    hands.limits = msgspec.convert(changed, type(hands.limits))
    return hands.limits


def _revoke(hands: Hands, _body: bytes) -> Any:
    hands.exchange.revoke()
    return []


def _stats(hands: Hands, _body: bytes) -> Any:
    accounts = hands.exchange.accounts.values()
    return {
        "now": hands.clock.now(),
        "accounts": len(accounts),
        "calls": sum(len(account.calls) for account in accounts),
        "recordings": sum(len(account.recordings) for account in accounts),
        "messages": sum(len(account.messages) for account in accounts),
        "media": sum(len(message.media) for account in accounts for message in account.messages.values()),
        "requests": hands.ledger.answers(),
        "most_at_once": hands.ledger.most_at_once,
    }


_PAGES: Pages[Hands] = {
    **SWITCHES,
    ("POST", "login"): _login,
    ("POST", "company"): _company,
    ("PATCH", "limits"): _limits,
    ("POST", "revoke"): _revoke,
    ("GET", "stats"): _stats,
}
