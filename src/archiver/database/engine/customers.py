"""Customers and their connections, in SQLAlchemy Core: not hot, the same for every engine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from archiver.database.engine.ids import chosen
from archiver.database.port import LaneRecord
from archiver.database.schema import connections, cursors, customers, lane_counters
from archiver.errors import ConfigError
from archiver.model import Connection, ConnectionState, Customer, CustomerState, Kind, LaneId, Millis, Role

__all__ = [
    "add_connection",
    "add_customer",
    "all_customers",
    "connection_of",
    "connection_values",
    "cursor",
    "customer_of",
    "find_connections",
    "lane_records",
    "replace_secret",
    "save_pace",
    "set_connection_state",
    "set_customer_state",
]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def add_customer(core: sa.Connection, customer: Customer) -> Customer:
    """Adds a customer; its ``id`` is ignored.

    Raises:
        ConfigError: The name is taken or not allowed.
    """
    if not _NAME.fullmatch(customer.name):
        raise ConfigError(
            "a customer's name is 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit", hint="Such as acme or acme-berlin."
        )
    if customer.weight < 1:
        raise ConfigError("a customer's weight is at least 1", hint="1 is everybody's share, 2 twice as much.")
    if core.execute(sa.select(customers.c.id).where(customers.c.name == customer.name)).first():
        raise ConfigError(f"there is a customer {customer.name} already", hint="Choose another name; `archiver customers list` shows them.")
    row = msgspec.structs.asdict(customer)
    del row["id"]
    added = core.execute(customers.insert().values(row)).inserted_primary_key
    assert added is not None  # noqa: S101  one row was inserted
    return msgspec.structs.replace(customer, id=added[0])


def all_customers(core: sa.Connection) -> list[Customer]:
    """All customers, by name."""
    return [customer_of(row) for row in core.execute(sa.select(customers).where(customers.c.removed_at == 0).order_by(customers.c.name))]


def set_customer_state(core: sa.Connection, name: str, state: CustomerState) -> Customer:
    """Pauses or resumes.

    Raises:
        ConfigError: There is no such customer.
    """
    core.execute(customers.update().where(customers.c.name == name).values(state=state.value))
    row = core.execute(sa.select(customers).where(customers.c.name == name)).first()
    if row is None:
        raise ConfigError(f"there is no customer {name}", hint="`archiver customers list` shows them.")
    return customer_of(row)


def add_connection(core: sa.Connection, connection: Connection) -> Connection:
    """Adds a connection, and its counters if it is a destination; its ``id`` is ignored."""
    row = connection_values(connection)
    if not core.execute(sa.select(customers.c.id).where(customers.c.id == connection.customer_id)).first():
        raise ConfigError(f"there is no customer with the number {connection.customer_id}")
    added = core.execute(connections.insert().values(row)).inserted_primary_key
    assert added is not None  # noqa: S101  one row was inserted
    if connection.role is Role.SOURCE:
        core.execute(customers.update().where(customers.c.id == connection.customer_id).values(has_source=True))
    else:
        core.execute(lane_counters.insert().values(lane=added[0], waiting=0, archived=0, rejected=0, gone=0, archived_bytes=0))
    return msgspec.structs.replace(connection, id=added[0])


def connection_values(connection: Connection) -> dict[str, Any]:
    """A connection as its row, without the number."""
    row = msgspec.structs.asdict(connection)
    del row["id"]
    row["options"] = msgspec.json.encode(connection.options).decode()
    row["secrets"] = msgspec.msgpack.encode(connection.secrets)
    row["kinds"] = ",".join(connection.kinds)
    return row


def find_connections(core: sa.Connection, customer_id: int | None, role: Role | None) -> list[Connection]:
    """Connections, by id."""
    query = sa.select(connections).order_by(connections.c.id)
    if customer_id is not None:
        query = query.where(connections.c.customer_id == customer_id)
    if role is not None:
        query = query.where(connections.c.role == role.value)
    return [connection_of(row) for row in core.execute(query)]


def lane_records(core: sa.Connection, ids: Sequence[LaneId]) -> dict[LaneId, LaneRecord]:
    """Lanes with their customers and sources, in the order of their ids."""
    wanted = chosen(core, ids)
    lanes = sa.select(connections).where(connections.c.id.in_(wanted), connections.c.role == Role.DESTINATION.value)
    destinations = [connection_of(row) for row in core.execute(lanes.order_by(connections.c.id))]
    owners = sa.select(connections.c.customer_id).where(connections.c.id.in_(wanted))
    found = {row.id: customer_of(row) for row in core.execute(sa.select(customers).where(customers.c.id.in_(owners)))}
    sides = sa.select(connections).where(connections.c.customer_id.in_(owners), connections.c.role == Role.SOURCE.value)
    sources: dict[int, list[Connection]] = {customer: [] for customer in found}
    for row in core.execute(sides.order_by(connections.c.id)):
        sources[row.customer_id].append(connection_of(row))
    return {d.id: LaneRecord(customer=found[d.customer_id], destination=d, sources=tuple(sources[d.customer_id])) for d in destinations}


def set_connection_state(core: sa.Connection, connection_id: int, state: ConnectionState, reason: str, now: Millis) -> bool:
    """Enters a state; False if it was in it already."""
    changed = core.execute(
        connections.update()
        .where(connections.c.id == connection_id, connections.c.state != state.value)
        .values(state=state.value, reason=reason, state_since=now)
    )
    return changed.rowcount > 0


def save_pace(core: sa.Connection, connection_id: int, throttled_until: Millis, pace: bytes) -> None:
    """Remembers what the pacer learnt."""
    core.execute(connections.update().where(connections.c.id == connection_id).values(throttled_until=throttled_until, pace=pace))


def replace_secret(core: sa.Connection, connection_id: int, name: str, old: bytes, new: bytes) -> bool:
    """Keeps another sealed secret in the place of the old one; False if that one is no longer there."""
    kept = core.execute(sa.select(connections.c.secrets).where(connections.c.id == connection_id)).scalar_one_or_none()
    secrets = {} if kept is None else dict(_secrets(kept))
    if secrets.get(name) != old:
        return False
    # The whole of it is compared again: another transaction may have come in between.
    mine = sa.and_(connections.c.id == connection_id, connections.c.secrets == kept)
    changed = core.execute(connections.update().where(mine).values(secrets=msgspec.msgpack.encode({**secrets, name: new})))
    return changed.rowcount > 0


def cursor(core: sa.Connection, source_id: int) -> str:
    """The source's cursor; empty at the very first time."""
    return core.execute(sa.select(cursors.c.value).where(cursors.c.source_id == source_id)).scalar_one_or_none() or ""


def customer_of(row: sa.Row[Any]) -> Customer:
    """A customer of a row of the table."""
    return Customer(
        id=row.id,
        name=row.name,
        state=CustomerState(row.state),
        weight=row.weight,
        epoch=row.epoch,
        path_template=row.path_template,
        created_at=row.created_at,
        hold=row.hold,
        keep_days=row.keep_days,
        erase_days=row.erase_days,
    )


def connection_of(row: sa.Row[Any]) -> Connection:
    """A row as a connection."""
    return Connection(
        id=row.id,
        customer_id=row.customer_id,
        role=Role(row.role),
        adapter=row.adapter,
        options=msgspec.json.decode(row.options, type=dict[str, Any]),
        secrets=_secrets(row.secrets),
        state=ConnectionState(row.state),
        reason=row.reason,
        state_since=row.state_since,
        throttled_until=row.throttled_until,
        pace=row.pace,
        account=row.account,
        kinds=tuple(Kind(kind) for kind in row.kinds.split(",") if kind),
    )


def _secrets(sealed: bytes) -> Mapping[str, bytes]:
    return msgspec.msgpack.decode(sealed, type=dict[str, bytes])
