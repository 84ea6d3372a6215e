"""People: who comes into the console, with what, and what they may do there.

In: a password, a cookie, a key, the token of a link. Out: a `Who` with a rank, or a refusal. `passwords` hashes, `door` lets in and keeps
out, `patience` slows down whoever guesses. Next rooms: ``archiver.app`` opens a `Door`; ``archiver.console`` stands behind it.
"""

from __future__ import annotations

from archiver.database.people import ApiKey, Rank, User, UserInvitation, UserSession
from archiver.people.door import IDLE_SECONDS, LONGEST_SECONDS, Door, Entered, Means, Who

__all__ = [
    "IDLE_SECONDS",
    "LONGEST_SECONDS",
    "ApiKey",
    "Door",
    "Entered",
    "Means",
    "Rank",
    "User",
    "UserInvitation",
    "UserSession",
    "Who",
]
