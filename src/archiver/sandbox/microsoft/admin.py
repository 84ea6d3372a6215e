"""The hands of whoever runs a scenario: ``/sandbox/…``. No real cloud has these."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from archiver.sandbox.clock import SandboxClock
from archiver.sandbox.faults import Fault, FaultScript
from archiver.sandbox.ledger import Ledger
from archiver.sandbox.microsoft.budget import Limits
from archiver.sandbox.microsoft.drive import DriveType
from archiver.sandbox.microsoft.grants import Grants
from archiver.sandbox.microsoft.refusals import Refusal, Reply, json_reply
from archiver.sandbox.microsoft.users import DEFAULT_QUOTA_BYTES, Login, User

__all__ = ["Hands", "NewUser", "UserChange", "administer"]


class Hands(Protocol):
    """What is moved from here."""

    clock: SandboxClock
    faults: FaultScript
    grants: Grants
    users: dict[str, User]

    def add_user(
        self, name: str, limits: Limits | None = None, *, kind: DriveType = "business", quota_bytes: int = DEFAULT_QUOTA_BYTES
    ) -> Login:
        """Adds a user with an authorisation."""
        ...

    def revoke(self, name: str) -> None:
        """The user has removed the application."""
        ...

    def set_limits(self, name: str, **changes: Any) -> Limits:
        """Changes some of a user's limits."""
        ...

    def ledger(self) -> Ledger:
        """What was stored and asked so far."""
        ...


class NewUser(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A user that is to be added."""

    name: str
    kind: DriveType = "business"
    limits: dict[str, Any] = {}
    quota_bytes: int = DEFAULT_QUOTA_BYTES


class UserChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Only what is given changes."""

    limits: dict[str, Any] = {}
    quota_bytes: int | None = None
    expire_tokens: bool = False
    revoke: bool = False


def administer(hands: Hands, method: str, path: str, body: bytes) -> Reply:
    """Answers a call to ``/sandbox/PATH``, all but the ledger, which is streamed.

    Raises:
        Refusal: 400 with the reason, or 404.
    """
    room, _, name = path.partition("/")
    try:
        match method, room, name:
            case "POST", "users", "":
                new = msgspec.json.decode(body, type=NewUser)
                login = hands.add_user(new.name, Limits().changed(new.limits), kind=new.kind, quota_bytes=new.quota_bytes)
                return json_reply(login, status=201)
            case "PATCH", "users", _:
                return _change(hands, name, msgspec.json.decode(body, type=UserChange))
            case "POST", "faults", "":
                for fault in msgspec.json.decode(body, type=list[Fault]):
                    hands.faults.add(fault)
                return json_reply(hands.faults.pending, status=201)
            case "DELETE", "faults", "":
                hands.faults.clear()
                return json_reply([])
            case "POST", "clock", "":
                hands.clock.advance(msgspec.json.decode(body, type=dict[str, float])["advance"])
                return json_reply({"now": hands.clock.now()})
            case "GET", "stats", "":
                accounts = hands.ledger().accounts
                return json_reply({name: msgspec.structs.replace(one, timeline={}, callers=[]) for name, one in accounts.items()})
    except KeyError as error:
        raise _text(404, f"there is no {error}") from error
    except (ValueError, msgspec.MsgspecError) as error:
        raise _text(400, str(error)) from error
    raise _text(404, "the sandbox has no such page")


def _change(hands: Hands, name: str, change: UserChange) -> Reply:
    user = hands.users[name]
    if change.quota_bytes is not None:
        user.drive.quota_bytes = change.quota_bytes
    if change.expire_tokens:
        hands.grants.expire(name)
    if change.revoke:
        hands.revoke(name)
    return json_reply(hands.set_limits(name, **change.limits))


def _text(status: int, text: str) -> Refusal:
    return Refusal(Reply(status=status, body=text.encode(), content_type="text/plain; charset=utf-8"))
