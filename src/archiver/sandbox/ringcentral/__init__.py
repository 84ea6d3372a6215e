"""RingCentral on loopback: an account with extensions, calls, recordings and messages; OAuth, limits with penalties, faults, a ledger.

    clients ──HTTP──> server ──> reading ──> office (calls, messages) ──> shapes
                        │  grants, limits, faults      └──> sync
                 admin ─┘                  ledger: who asked what, when, and what there was

In: HTTP as RingCentral speaks it, and the hands of `admin`. Out: the ledger, the judge of every scenario.
Shapes follow RingCentral's published API description (1.0.46); what nobody outside knows is decided here and told in docs/sandbox.md.
"""

from __future__ import annotations

from archiver.sandbox.ringcentral.company import fill
from archiver.sandbox.ringcentral.grants import Login
from archiver.sandbox.ringcentral.limits import GroupLimit
from archiver.sandbox.ringcentral.office import Office
from archiver.sandbox.ringcentral.records import Attachment, Call, Extension, Leg, Message, Party, Recording
from archiver.sandbox.ringcentral.server import RingCentral

__all__ = [
    "Attachment",
    "Call",
    "Extension",
    "GroupLimit",
    "Leg",
    "Login",
    "Message",
    "Office",
    "Party",
    "Recording",
    "RingCentral",
    "fill",
]
