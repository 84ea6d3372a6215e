"""The hands of whoever runs a scenario: ``/sandbox/…``. No real cloud has these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from archiver.sandbox.account import DEFAULT_QUOTA_BYTES
from archiver.sandbox.faults import Fault
from archiver.sandbox.limits import Limits
from archiver.sandbox.refusals import Refusal, Reply
from archiver.sandbox.world import World

__all__ = ["AccountChange", "Jump", "NewAccount", "administer"]

_encode = msgspec.json.Encoder().encode


class NewAccount(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST /sandbox/accounts``."""

    name: str
    limits: dict[str, Any] = {}
    quota_bytes: int = DEFAULT_QUOTA_BYTES
    team: str = ""


class AccountChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``PATCH /sandbox/accounts/NAME``: only what is given changes.

    Attributes:
        limits: Some of `archiver.sandbox.limits.Limits`.
        quota_bytes: The space.
        suspended: Every call is refused.
        expire_tokens: The access tokens end now.
        revoke: Every authorisation ends for good.
    """

    limits: dict[str, Any] | None = None
    quota_bytes: int | None = None
    suspended: bool | None = None
    expire_tokens: bool = False
    revoke: bool = False


class Jump(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``POST /sandbox/clock``."""

    advance: float


def administer(world: World, method: str, path: str, body: bytes) -> Reply:
    """Answers a call to ``/sandbox/PATH``, all but the ledger, which is streamed.

    Raises:
        Refusal: 400 with the reason, or 404.
    """
    room, *rest = path.split("/")
    page = _PAGES.get((method, room, len(rest)))
    if page is None:
        raise _text(404, "the sandbox has no such page")
    try:
        return page(world, body, *rest)
    except KeyError as error:
        raise _text(404, f"no such account: {error}") from error
    except (ValueError, msgspec.MsgspecError) as error:
        raise _text(400, str(error)) from error


def _list_accounts(world: World, _body: bytes) -> Reply:
    return _json([account.line for account in world.accounts.values()])


def _add_account(world: World, body: bytes) -> Reply:
    new = msgspec.json.decode(body, type=NewAccount)
    limits = Limits().changed(new.limits)
    return _json(world.add_account(new.name, limits, quota_bytes=new.quota_bytes, team=new.team), status=201)


def _change_account(world: World, body: bytes, name: str) -> Reply:
    change = msgspec.json.decode(body, type=AccountChange)
    line = world.change_account(name, limits=change.limits, quota_bytes=change.quota_bytes, suspended=change.suspended)
    if change.expire_tokens:
        world.expire_tokens(name)
    if change.revoke:
        world.revoke(name)
    return _json(line)


def _list_faults(world: World, _body: bytes) -> Reply:
    return _json(world.faults.pending)


def _add_faults(world: World, body: bytes) -> Reply:
    faults = msgspec.json.decode(body, type=list[Fault] | Fault)
    for fault in faults if isinstance(faults, list) else [faults]:
        world.faults.add(fault)
    return _json(world.faults.pending, status=201)


def _clear_faults(world: World, _body: bytes) -> Reply:
    world.faults.clear()
    return _json([])


def _jump(world: World, body: bytes) -> Reply:
    world.clock.advance(msgspec.json.decode(body, type=Jump).advance)
    return _json({"now": world.clock.now()})


def _stats(world: World, _body: bytes) -> Reply:
    accounts = {}
    for account in world.accounts.values():
        record = account.record()
        accounts[account.name] = {
            "files": record.files,
            "stored_bytes": record.stored_bytes,
            "received_bytes": record.received_bytes,
            "calls": sum(record.calls.values()),
            "admitted": record.admitted,
            "refused": record.refused,
            "disobeyed": record.disobeyed,
            "permitted": record.permitted() if account.limits.rate is not None else None,
            "open_sessions": len(account.sessions),
        }
    return _json({"now": world.clock.now(), "accounts": accounts, "faults_pending": len(world.faults)})


def _json(value: Any, *, status: int = 200) -> Reply:
    return Reply(status=status, body=_encode(value))


def _text(status: int, text: str) -> Refusal:
    return Refusal(Reply(status=status, body=text.encode(), content_type="text/plain; charset=utf-8"))


_PAGES: dict[tuple[str, str, int], Callable[..., Reply]] = {
    ("GET", "accounts", 0): _list_accounts,
    ("POST", "accounts", 0): _add_account,
    ("PATCH", "accounts", 1): _change_account,
    ("GET", "faults", 0): _list_faults,
    ("POST", "faults", 0): _add_faults,
    ("DELETE", "faults", 0): _clear_faults,
    ("POST", "clock", 0): _jump,
    ("GET", "stats", 0): _stats,
}
