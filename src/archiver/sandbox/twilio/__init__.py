"""Twilio on loopback: an account and its subaccounts with calls, recordings and messages; keys, a limit, faults, a ledger.

    clients ──HTTP──> server ──> reading ──> exchange (accounts and what they have) ──> shapes
                        │  doors (keys), crowd (how many calls at once), faults
                 admin ─┘                  ledger: who asked what, when, and how it was answered

In: HTTP as Twilio's API of 2010-04-01 speaks it, and the hands of `admin`. Out: the ledger, the judge of every scenario.
Shapes follow Twilio's published API description; what nobody outside knows is decided here and told in docs/sandbox.md.
"""

from __future__ import annotations

from archiver.sandbox.twilio.company import archivable, fill
from archiver.sandbox.twilio.exchange import Exchange
from archiver.sandbox.twilio.records import Account, Call, Media, Message, Recording
from archiver.sandbox.twilio.server import Limits, Login, Twilio

__all__ = ["Account", "Call", "Exchange", "Limits", "Login", "Media", "Message", "Recording", "Twilio", "archivable", "fill"]
