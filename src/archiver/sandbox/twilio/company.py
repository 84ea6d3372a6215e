"""A made company: accounts, and what was called, recorded and written in them. The same seed makes the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from hashlib import sha256

from archiver.sandbox.papers import SENTENCES
from archiver.sandbox.ringcentral.company import Archivable, picture
from archiver.sandbox.sounds import RATE, recording
from archiver.sandbox.twilio.exchange import Exchange
from archiver.sandbox.twilio.records import Account

__all__ = ["archivable", "fill"]

DAY = 86_400.0


def fill(exchange: Exchange, *, subaccounts: int = 2, calls: int = 60, messages: int = 60, days: float = 14.0, seed: int = 1) -> None:  # noqa: PLR0913  how much of what
    """Gives an exchange subaccounts, and a history of so many calls and messages over the last days."""
    chance = random.Random(seed)  # noqa: S311  the same company again, not secrets
    for number in range(subaccounts):
        exchange.add_account(f"Branch {number + 1}")
    accounts, now = list(exchange.accounts.values()), exchange.now()
    for number in range(calls):
        _call(exchange, chance, accounts[number % len(accounts)], number, now - days * DAY * (1 - number / max(calls, 1)))
    for number in range(messages):
        _message(exchange, chance, accounts[number % len(accounts)], number, now - days * DAY * (1 - number / max(messages, 1)))


def _call(exchange: Exchange, chance: random.Random, account: Account, number: int, start: float) -> None:
    other, own = f"+1555{chance.randrange(10_000_000):07}", "+18005550100"
    inbound = number % 3 != 0
    sides = (other, own) if inbound else (own, other)
    call = exchange.add_call(
        account,
        start=start,
        sender=sides[0],
        recipient=sides[1],
        direction="inbound" if inbound else "outbound-api",
        status="no-answer" if number % 7 == 6 else "completed",
        seconds=chance.randrange(10, 900),
    )
    if number % 7 == 6:
        return
    sound = recording(number, RATE + chance.randrange(RATE), f"call {number} of {account.name}")
    both = recording(number + 1, RATE, f"both sides of call {number}") if number % 2 else b""
    exchange.record(call, sound, account, both=both, source="DialVerb" if both else "RecordVerb")


def _message(exchange: Exchange, chance: random.Random, account: Account, number: int, at: float) -> None:
    other, own = f"+1555{chance.randrange(10_000_000):07}", "+18005550100"
    inbound = number % 2 == 0
    sides = (other, own) if inbound else (own, other)
    exchange.add_message(
        account,
        sent=at,
        sender=sides[0],
        recipient=sides[1],
        body=chance.choice(SENTENCES),
        direction="inbound" if inbound else "outbound-api",
        status="received" if inbound else "delivered",
        media=[("image/gif", picture(number * 2 + side)) for side in range(chance.randrange(3))],
    )


def archivable(exchange: Exchange, form: str = "wav") -> Iterator[Archivable]:
    """Everything with bytes that the accounts have now: what an archive is judged by.

    Args:
        exchange: The accounts.
        form: In which recordings are fetched.
    """
    now = exchange.now()
    for account in exchange.accounts.values():
        for one in account.recordings.values():
            if one.visible_at <= now and one.status == "completed" and account.status == "active":
                sound = one.sounds[form, one.channels]
                yield Archivable("recording", one.call_sid or one.sid, one.sid, sha256(sound).hexdigest())
        for message in account.messages.values():
            if message.visible_at <= now and account.status == "active":
                for media in message.media:
                    yield Archivable("sms", message.sid, media.sid, sha256(media.content).hexdigest())
