"""Who answers programs: each takes a visit, and gives a value or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from archiver.app import ConnectionSpec, Moment, Snapshot
from archiver.console.api import shapes
from archiver.console.pages.items import query_of
from archiver.console.visit import Visit
from archiver.database.audit import Line
from archiver.database.browsing import Cause, Found, ItemDetail
from archiver.database.port import WorkerRow
from archiver.errors import ConfigError
from archiver.lifecycle import DeliveryState
from archiver.model import Customer
from archiver.proof.auditing import Chain
from archiver.proof.completeness import Report

__all__ = [
    "add_customer",
    "add_key",
    "audit",
    "causes",
    "change_rank",
    "check_audit",
    "completeness",
    "customer",
    "customers",
    "deliveries",
    "delivery",
    "invite",
    "keys",
    "link",
    "moments",
    "pause",
    "remove_user",
    "resume",
    "retry",
    "retry_one",
    "revoke_key",
    "search",
    "snapshot",
    "users",
    "workers",
]

_MOST = 200
_NUMBER = (1 << 53) - 1


async def snapshot(visit: Visit) -> Snapshot:
    """How everything is now."""
    return await visit.archiver.snapshot(visit.number("lanes", 20, _MOST))


async def moments(visit: Visit) -> Sequence[Moment]:
    """What was done in each second of the last hour: moment, uploads, bytes, calls refused with a 429."""
    return visit.archiver.moments(visit.number("after", 0, _NUMBER))


async def customers(visit: Visit) -> shapes.CustomersPage:
    """A page of customers by name, with their lanes' numbers."""
    state, limit = visit.query.get("state", "all"), _limit(visit)
    if state not in {"all", "needing", "paused"}:
        raise ConfigError("state does not fit", hint="There are: all, needing, paused.")
    rows = await visit.archiver.looking.customers(
        text=visit.query.get("q", "")[:64],
        which=cast("Literal['all', 'needing', 'paused']", state),
        after=visit.query.get("after", ""),
        limit=limit + 1,
    )
    page = rows[:limit]
    return shapes.CustomersPage(customers=page, after=page[-1].customer.name if len(rows) > limit else "")


async def customer(visit: Visit) -> shapes.CustomerShape:
    """One customer."""
    row, connections = await visit.archiver.looking.customer(visit.path["name"])
    seen = [shapes.ConnectionShape.of(connection) for connection in connections]
    return shapes.CustomerShape(customer=row.customer, lanes=await visit.archiver.lanes_of(row), connections=seen)


async def completeness(visit: Visit) -> Report:
    """Whether everything that the customer's sources have is archived; what is missing, and why."""
    return await visit.archiver.prover.report(visit.path["name"])


async def add_customer(visit: Visit) -> Customer:
    """Adds a customer without connections; links add those."""
    wanted = await visit.body(shapes.NewCustomer)
    added = await visit.archiver.add_customer(wanted.name, [], [], weight=wanted.weight, path_template=wanted.path_template)
    return added.customer


async def pause(visit: Visit) -> Customer:
    """Serves the customer no more; what is under way ends."""
    return await visit.archiver.pause(visit.path["name"])


async def resume(visit: Visit) -> Customer:
    """Serves the customer again, and lets its parked lanes try."""
    return await visit.archiver.resume(visit.path["name"])


async def link(visit: Visit) -> shapes.LinkMade:
    """A link with which the customer connects one storage, once."""
    wanted, name = await visit.body(shapes.LinkWanted), visit.path["name"]
    spec = ConnectionSpec(adapter=wanted.adapter, options=wanted.options, secrets=wanted.secrets)
    made = await visit.archiver.connecting.invite(name, spec, role=wanted.role, kinds=wanted.kinds, connection_id=wanted.again)
    await visit.note("connections link", name, detail={"adapter": wanted.adapter, "role": wanted.role})
    return shapes.LinkMade(link=f"{visit.console.listening.url}/connect/{made.link}", expires_at=made.expires_at)


async def deliveries(visit: Visit) -> shapes.DeliveriesPage:
    """A page of deliveries by number."""
    state, limit = visit.query.get("state", ""), _limit(visit)
    if state and state not in set(DeliveryState):
        raise ConfigError("state does not fit", hint=f"There are: {', '.join(DeliveryState)}.")
    name = visit.query.get("customer") or None
    if name is not None and not await visit.archiver.looking.exists(name):
        raise ConfigError("there is no such customer")
    after = visit.number("after", 0, _NUMBER)
    chosen = DeliveryState(state) if state else None
    rows = await visit.archiver.looking.deliveries(customer=name, state=chosen, after=after, limit=limit)
    return shapes.DeliveriesPage(deliveries=rows, after=rows[-1].id if len(rows) == limit else 0)


async def delivery(visit: Visit) -> ItemDetail:
    """One delivery with its item and its receipt."""
    return await visit.archiver.looking.item(_id(visit))


async def retry_one(visit: Visit) -> shapes.Moved:
    """Tries one delivery again, if it was rejected or is gone."""
    return shapes.Moved(await visit.archiver.retry(ids=[_id(visit)]))


async def retry(visit: Visit) -> shapes.Moved:
    """Tries rejected and gone deliveries again: of a customer, with a reason, or by number."""
    wanted = await visit.body(shapes.RetryWanted)
    if wanted.customer is None and wanted.reason is None and wanted.ids is None:
        raise ConfigError("say what is to be tried again: customer, reason or ids")
    return shapes.Moved(await visit.archiver.retry(customer=wanted.customer, reason=wanted.reason, ids=wanted.ids))


async def causes(visit: Visit) -> Sequence[Cause]:
    """Why deliveries need a person, the most frequent reason first."""
    return await visit.archiver.looking.causes()


async def search(visit: Visit) -> Found:
    """Items by number, name, customer, kind and day; the newest first."""
    return await visit.archiver.looking.search(query_of(visit), before=visit.number("before", 0, _NUMBER), limit=_limit(visit))


async def audit(visit: Visit) -> Sequence[Line]:
    """A page of the audit log, the newest line first; with every batch of deliveries if they are asked for."""
    before, batches = visit.number("before", 0, _NUMBER) or None, bool(visit.number("batches", 0, 1))
    return await visit.archiver.auditor.newest(before=before, limit=_limit(visit), batches=batches)


async def check_audit(visit: Visit) -> Chain:
    """Goes through the whole audit log, and through the receipts that it tells of."""
    return await visit.archiver.auditor.check()


async def workers(visit: Visit) -> Sequence[WorkerRow]:
    """Who serves a database that many may serve."""
    return await visit.archiver.workers()


async def users(visit: Visit) -> Sequence[shapes.UserShape]:
    """All users, by name."""
    return [shapes.UserShape.of(user) for user in await visit.archiver.door.users()]


async def invite(visit: Visit) -> shapes.LinkMade:
    """A link that makes a user, or lets one in who is there; once, within a day."""
    wanted = await visit.body(shapes.InvitationShape)
    if wanted.user and wanted.user not in {user.name for user in await visit.archiver.door.users()}:
        raise ConfigError("there is no such user")
    token = await visit.archiver.door.invite(wanted.rank, user=wanted.user)
    await visit.note("users invite", wanted.user, detail={"rank": wanted.rank})
    return shapes.LinkMade(link=f"{visit.console.listening.url}/welcome/{token}")


async def change_rank(visit: Visit) -> shapes.RankWanted:
    """Lets a user do more or less; their sessions end."""
    wanted, name = await visit.body(shapes.RankWanted), visit.path["name"]
    await visit.archiver.door.change_rank(name, wanted.rank)
    await visit.note("users rank", name, detail={"rank": wanted.rank})
    return shapes.RankWanted(wanted.rank)


async def remove_user(visit: Visit) -> None:
    """Lets a user in no more."""
    name = visit.path["name"]
    await visit.archiver.door.remove_user(name)
    await visit.note("users remove", name)


async def keys(visit: Visit) -> Sequence[shapes.KeyShape]:
    """All keys, the newest first."""
    return [shapes.KeyShape.of(key) for key in await visit.archiver.door.keys()]


async def add_key(visit: Visit) -> shapes.KeyMade:
    """Makes a key; it is shown only now."""
    wanted = await visit.body(shapes.KeyWanted)
    text = await visit.archiver.door.add_key(wanted.name, wanted.rank, by=visit.who, days=wanted.days)
    await visit.note("api-keys add", wanted.name, detail={"rank": wanted.rank})
    return shapes.KeyMade(key=text)


async def revoke_key(visit: Visit) -> None:
    """A key opens nothing any more; harmless if there is none."""
    gone = await visit.archiver.door.revoke_key(visit.path["id"])
    await visit.note("api-keys revoke", visit.path["id"], result="done" if gone else "unknown")


def _limit(visit: Visit) -> int:
    return max(1, visit.number("limit", 50, _MOST))


def _id(visit: Visit) -> int:
    text = visit.path["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ConfigError("there is no delivery of that number")
    return int(text)
