"""The hands of whoever runs a scenario in a cloud that has users: ``/sandbox/…``. No real cloud has these."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from aiohttp import web

from archiver.sandbox.clock import SandboxClock
from archiver.sandbox.faults import Fault, FaultScript
from archiver.sandbox.ledger import Ledger, encode_ledger
from archiver.sandbox.replies import Refusal, Reply, json_reply

__all__ = ["Hands", "NewUser", "UserChange", "administer", "stream_ledger"]


class NewUser(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST /sandbox/users``."""

    name: str
    limits: dict[str, Any] = {}
    quota_bytes: int = 1024**4


class UserChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``PATCH /sandbox/users/NAME``: only what is given changes."""

    limits: dict[str, Any] = {}
    quota_bytes: int | None = None
    expire_tokens: bool = False
    revoke: bool = False


class Hands(Protocol):
    """What is moved from here."""

    clock: SandboxClock
    faults: FaultScript

    def new_user(self, said: bytes) -> Any:
        """Adds the user of a body; what a client needs in order to be them."""
        ...

    def set_quota(self, name: str, quota_bytes: int) -> None:
        """Changes a user's space."""
        ...

    def expire(self, name: str) -> None:
        """A user's access tokens end now."""
        ...

    def revoke(self, name: str) -> None:
        """The user has removed the application."""
        ...

    def set_limits(self, name: str, **changes: Any) -> Any:
        """Changes some of a user's limits; all of them."""
        ...

    def ledger(self) -> Ledger:
        """What was stored and asked so far."""
        ...


def administer(hands: Hands, method: str, path: str, body: bytes) -> Reply:
    """Answers a call to ``/sandbox/PATH``, all but the ledger, which is streamed.

    Raises:
        Refusal: 400 with the reason, or 404.
    """
    room, _, name = path.partition("/")
    try:
        match method, room, name:
            case "POST", "users", "":
                return json_reply(hands.new_user(body), status=201)
            case "PATCH", "users", _:
                return json_reply(_change(hands, name, msgspec.json.decode(body, type=UserChange)))
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


async def stream_ledger(request: web.BaseRequest, ledger: Ledger) -> web.StreamResponse:
    """Answers a call to ``/sandbox/ledger``: one JSON object a line."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    for piece in encode_ledger([*ledger.accounts.values(), *ledger.files]):
        await response.write(piece)
    await response.write_eof()
    return response


def _change(hands: Hands, name: str, change: UserChange) -> Any:
    limits = hands.set_limits(name, **change.limits)
    if change.quota_bytes is not None:
        hands.set_quota(name, change.quota_bytes)
    if change.expire_tokens:
        hands.expire(name)
    if change.revoke:
        hands.revoke(name)
    return limits


def _text(status: int, text: str) -> Refusal:
    return Refusal(Reply(status=status, body=text.encode(), content_type="text/plain; charset=utf-8"))
