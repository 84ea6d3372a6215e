"""Invitations and what becomes of them, in SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from archiver.database.engine.customers import add_connection, connection_values, customer_of
from archiver.database.engine.handles import Handled
from archiver.database.port import Invitation, Step
from archiver.database.schema import connections, customers, invitations
from archiver.model import Connection, ConnectionState, Customer, Kind, Millis, Role

__all__ = ["Connects"]


class Connects:
    """`archiver.database.connecting.ConnectingDatabase` for an engine."""

    async def find_customer(self: Handled, *, name: str = "", customer_id: int = 0) -> Customer | None:
        """One customer, by its name or by its number."""
        return await self._looker.core(_customer, name, customer_id)

    async def add_invitation(self: Handled, invitation: Invitation) -> Invitation:
        """Keeps a new one."""
        return await self._writer.core(_add, invitation)

    async def find_invitation(self: Handled, *, link_hash: str = "", state_hash: str = "") -> Invitation | None:
        """The one with this link, or the one that awaits this state."""
        if not link_hash and not state_hash:
            return None
        return await self._looker.core(_find, link_hash, state_hash)

    async def invitations(self: Handled, customer_id: int) -> Sequence[Invitation]:
        """A customer's, the newest first."""
        return await self._looker.core(_of_customer, customer_id)

    async def change_invitation(self: Handled, old: Invitation, new: Invitation) -> bool:
        """Keeps another in its place; False if it was no longer as it was read."""
        return await self._writer.core(_change, old, new)

    async def accept(self: Handled, invitation: Invitation, connection: Connection, *, now: Millis) -> Connection | None:
        """The invitation becomes a connection; None if it was no longer as it was read."""
        return await self._writer.core(_accept, invitation, connection, now)

    async def clear_invitations(self: Handled, before: Millis) -> int:
        """Forgets those that ended before this moment; how many."""
        return await self._writer.core(_clear, before)


def _customer(core: sa.Connection, name: str, customer_id: int) -> Customer | None:
    mine = customers.c.name == name if name else customers.c.id == customer_id
    row = core.execute(sa.select(customers).where(mine, customers.c.removed_at == 0)).first()
    return None if row is None else customer_of(row)


def _add(core: sa.Connection, invitation: Invitation) -> Invitation:
    added = core.execute(invitations.insert().values(_values(invitation))).inserted_primary_key
    assert added is not None  # noqa: S101  one row was inserted
    return msgspec.structs.replace(invitation, id=added[0])


def _find(core: sa.Connection, link_hash: str, state_hash: str) -> Invitation | None:
    # Spelled out, so that the partial index is seen to fit.
    asked = sa.and_(invitations.c.state_hash == state_hash, sa.text("state_hash <> ''"))
    row = core.execute(sa.select(invitations).where(invitations.c.link_hash == link_hash if link_hash else asked)).first()
    return None if row is None else _invitation(row)


def _of_customer(core: sa.Connection, customer_id: int) -> list[Invitation]:
    query = sa.select(invitations).where(invitations.c.customer_id == customer_id).order_by(invitations.c.id.desc())
    return [_invitation(row) for row in core.execute(query)]


def _change(core: sa.Connection, old: Invitation, new: Invitation) -> bool:
    return core.execute(invitations.update().where(_is(old)).values(_values(new))).rowcount > 0


def _accept(core: sa.Connection, invitation: Invitation, connection: Connection, now: Millis) -> Connection | None:
    done = msgspec.structs.replace(invitation, step=Step.DONE, secrets={}, state_hash="", browser_hash="")
    if not core.execute(invitations.update().where(_is(invitation)).values(_values(done))).rowcount:
        return None
    if invitation.connection_id is None:
        return add_connection(core, msgspec.structs.replace(connection, state_since=now))
    fresh = {name: connection_values(connection)[name] for name in ("options", "secrets", "kinds", "account")}
    mended = {"state": ConnectionState.ACTIVE.value, "reason": "", "state_since": now, **fresh}
    mine = sa.and_(connections.c.id == invitation.connection_id, connections.c.customer_id == invitation.customer_id)
    core.execute(connections.update().where(mine).values(mended))
    return msgspec.structs.replace(connection, id=invitation.connection_id, state_since=now)


def _clear(core: sa.Connection, before: Millis) -> int:
    return core.execute(invitations.delete().where(invitations.c.expires_at < before)).rowcount


def _is(invitation: Invitation) -> sa.ColumnElement[bool]:
    """Whether it is still as it was read: whoever moved it on has changed its step, its state or its secrets."""
    return sa.and_(
        invitations.c.id == invitation.id,
        invitations.c.step == invitation.step.value,
        invitations.c.state_hash == invitation.state_hash,
        invitations.c.secrets == msgspec.msgpack.encode(invitation.secrets),
    )


def _values(invitation: Invitation) -> dict[str, Any]:
    row = msgspec.structs.asdict(invitation)
    del row["id"]
    row["options"] = msgspec.json.encode(invitation.options).decode()
    row["secrets"] = msgspec.msgpack.encode(invitation.secrets)
    row["kinds"] = ",".join(invitation.kinds)
    return row


def _invitation(row: sa.Row[Any]) -> Invitation:
    fields = dict(row._mapping)  # noqa: SLF001  the public way to a row's names
    fields |= {
        "options": msgspec.json.decode(row.options, type=dict[str, Any]),
        "secrets": msgspec.msgpack.decode(row.secrets, type=dict[str, bytes]),
        "kinds": tuple(Kind(kind) for kind in row.kinds.split(",") if kind),
        "role": Role(row.role),
        "step": Step(row.step),
    }
    return Invitation(**fields)
