"""The world in a box: a Dropbox on loopback that throttles, fails and keeps a ledger, and companies with real files to archive.

    clients ──HTTP──> server ──> reception ──> uploading, looking ──> world ──> namespace, sessions, content
                                   │  faults, limits                    └──> ledger, journal
                       oauth, admin┘

In: HTTP as the real cloud speaks it, and the hands of `admin`. Out: the ledger, which is the judge of every scenario (`audit`).
It imports nothing of Archiver's but the model, so that it cannot share its mistakes.
"""

from __future__ import annotations

from archiver.sandbox.account import Account
from archiver.sandbox.faults import Fault
from archiver.sandbox.ledger import AccountRecord, FileRecord, Ledger
from archiver.sandbox.limits import Limits
from archiver.sandbox.server import Sandbox

__all__ = ["Account", "AccountRecord", "Fault", "FileRecord", "Ledger", "Limits", "Sandbox"]
