"""``archiver customers``: add, list, pause, resume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from cyclopts import Parameter

from archiver import registry
from archiver.app import Archiver, ConnectionSpec, CustomerAdded, CustomerView
from archiver.cli.connections import Secrets, parse_connections
from archiver.cli.failures import UsageError
from archiver.cli.keeping import kinds_of
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output, bytes_text
from archiver.errors import ConfigError
from archiver.model import Connection, Customer, Role
from archiver.naming import TEMPLATES

__all__ = ["ConnectionRow", "CustomerRow", "add", "list_all", "pause", "resume"]


class ConnectionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A connection as a person sees it: without secrets, and without what the pacer has learnt."""

    id: int
    role: str
    adapter: str
    options: dict[str, str | int | float | bool]
    state: str
    reason: str
    account: str = ""
    kinds: Sequence[str] = ()


class CustomerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as a person sees it."""

    id: int
    name: str
    state: str
    weight: int
    path_template: str
    hold: str = ""
    keep_days: int = 0
    erase_days: int = 0
    connections: Sequence[ConnectionRow] = ()


async def add(  # noqa: PLR0913  each is a flag
    name: str,
    /,
    *,
    from_: Annotated[list[str], Parameter(name="--from", negative="")],
    to: Annotated[list[str] | None, Parameter(negative="")] = None,
    from_option: Annotated[list[str] | None, Parameter(negative="")] = None,
    to_option: Annotated[list[str] | None, Parameter(negative="")] = None,
    to_kinds: Annotated[list[str] | None, Parameter(negative="")] = None,
    weight: int = 1,
    template: str | None = None,
    layout: str | None = None,
    ping: Annotated[bool, Parameter(negative="--no-ping")] = True,
    options: Options | None = None,
) -> None:
    """Add a customer: where its items come from, and where they go.

    `ADAPTER:VALUE` sets the adapter's main option; `archiver sources` and `archiver destinations` show which there are.
    Secrets are never taken from the command line: they come from the environment, such as `ARCHIVER_DROPBOX_REFRESH_TOKEN`,
    or are asked for.

    ```
    archiver customers add acme --from folder:/var/recordings --to folder:/mnt/archive
    archiver customers add acme --from folder:/var/recordings --to dropbox:/Archive --to-option app_key=…
    ```

    Args:
        name: Unique; lower case letters, digits, dot, dash and underscore.
        from_: A source; may be given several times.
        to: A destination; may be given several times, or be connected later: `archiver connect`.
        from_option: An option of a source, NAME=VALUE or ADAPTER.NAME=VALUE.
        to_option: An option of a destination, NAME=VALUE or ADAPTER.NAME=VALUE.
        to_kinds: Which kinds of items go to a destination, ADAPTER=KIND,KIND; all by default.
        weight: The customer's share when room is scarce, relative to others.
        template: How the paths in the storage are made, field by field.
        layout: The same by name: by-date (the default), by-owner, flat, or ringcentral, the layout of RingCentral's own Archiver.
        ping: Look first whether each source can be read and each destination lets us in.
    """
    out = Output(options)
    if template is not None and layout is not None:
        raise UsageError("a template and a layout are two words for one thing", hint="Give --template or --layout.")
    settings = settings_of(options)
    sources = parse_connections("--from", from_, from_option or (), lambda adapter: registry.source(adapter).options, Secrets())
    destinations = parse_connections("--to", to or (), to_option or (), lambda adapter: registry.destination(adapter).options, Secrets())
    destinations = _routed(destinations, to_kinds or ())
    async with Archiver.open(settings) as archiver:
        added = await archiver.add_customer(
            name, sources, destinations, weight=weight, path_template=template or _named_layout(layout), ping=ping
        )
    _tell_added(out, added)
    accounts = {str(lane): account for lane, account in added.accounts.items()}
    out.result({"customer": _row(CustomerView(customer=added.customer, connections=added.connections)), "accounts": accounts})


def _named_layout(layout: str | None) -> str | None:
    if layout is not None and layout not in TEMPLATES:
        raise UsageError(f"there is no layout {layout!r}", hint=f"There are: {', '.join(TEMPLATES)}.")
    return layout


async def list_all(*, options: Options | None = None) -> None:
    """List every customer with its sources and destinations.

    ```
    archiver customers list
    ```
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        customers = await archiver.customers()
    if not customers:
        out.say("There are no customers yet. Add one: archiver customers add NAME --from folder:PATH --to folder:PATH")
    else:
        out.table(
            ["customer", "state", "weight", "from", "to"],
            [
                (view.customer.name, view.customer.state, view.customer.weight, _ends(view, Role.SOURCE), _ends(view, Role.DESTINATION))
                for view in customers
            ],
            right=frozenset({"weight"}),
        )
    out.result([_row(view) for view in customers])


async def pause(name: str, /, *, options: Options | None = None) -> None:
    """Serve a customer no more until it is resumed; uploads under way still end.

    ```
    archiver customers pause acme
    ```

    Args:
        name: Which.
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        customer = await archiver.pause(name)
    out.say(f"{customer.name} is paused. Go on with it: archiver customers resume {customer.name}")
    out.result(_bare(customer))


async def resume(name: str, /, *, options: Options | None = None) -> None:
    """Serve a paused customer again, and let its parked destinations try again.

    ```
    archiver customers resume acme
    ```

    Args:
        name: Which.
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        customer = await archiver.resume(name)
    out.say(f"{customer.name} is served again.")
    out.result(_bare(customer))


def _routed(destinations: Sequence[ConnectionSpec], given: Sequence[str]) -> list[ConnectionSpec]:
    kinds = {adapter: kinds_of(text) for adapter, _, text in (one.partition("=") for one in given)}
    if unknown := kinds.keys() - {spec.adapter for spec in destinations}:
        raise ConfigError(f"--to-kinds {min(unknown)}: there is no --to of that adapter", hint="Such as --to-kinds dropbox=sms,fax.")
    return [msgspec.structs.replace(spec, kinds=kinds.get(spec.adapter, ())) for spec in destinations]


def _tell_added(out: Output, added: CustomerAdded) -> None:
    out.say(f"Added {added.customer.name}.")
    for connection in added.connections:
        account = added.accounts.get(connection.id)
        free = f", {bytes_text(account.free_bytes)} free" if account and account.free_bytes is not None else ""
        out.say(f"  {connection.role} {_connection_text(connection)}{f': {account.name}{free}' if account else ''}")
    if not any(connection.role is Role.DESTINATION for connection in added.connections):
        out.say(f"It has no storage yet: archiver connect {added.customer.name} dropbox (or another one)")
    out.say("Archive it now and from now on: archiver run")


def _ends(view: CustomerView, role: Role) -> str:
    return ", ".join(_connection_text(connection) for connection in view.connections if connection.role is role)


def _connection_text(connection: Connection) -> str:
    """Such as ``folder:/var/recordings``, with the state where it is not an ordinary one."""
    declared = (registry.source if connection.role is Role.SOURCE else registry.destination)(connection.adapter).options
    main = next((option.name for option in declared if option.main and not option.secret), None)
    text = f"{connection.adapter}:{connection.options[main]}" if main is not None and main in connection.options else connection.adapter
    return text if connection.state == "active" else f"{text} ({connection.state})"


def _bare(customer: Customer) -> CustomerRow:
    return CustomerRow(
        id=customer.id,
        name=customer.name,
        state=customer.state,
        weight=customer.weight,
        path_template=customer.path_template,
        hold=customer.hold,
        keep_days=customer.keep_days,
        erase_days=customer.erase_days,
    )


def _row(view: CustomerView) -> CustomerRow:
    rows = [
        ConnectionRow(
            id=c.id,
            role=c.role,
            adapter=c.adapter,
            options=dict(c.options),
            state=c.state,
            reason=c.reason,
            account=c.account,
            kinds=c.kinds,
        )
        for c in view.connections
    ]
    return msgspec.structs.replace(_bare(view.customer), connections=rows)
