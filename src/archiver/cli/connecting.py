"""``archiver connect`` and ``archiver connections link``: from a customer's name to a connection that works."""

from __future__ import annotations

import secrets as random
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from archiver.app import Archiver, ConnectionSpec
from archiver.cli.callback import Answer, Callback, answer_in, open_browser
from archiver.cli.connections import Secrets, parse_connections
from archiver.cli.keeping import kinds_of
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output, bytes_text
from archiver.connecting import Confirmation, Connected, Offer, has_page
from archiver.errors import InvitationError
from archiver.model import Role
from archiver.registry import destination, source

__all__ = ["connect", "link", "withdraw"]

_PORT = 8471
"""Of the address that the provider's page answers to; some providers want it registered to the letter."""


async def connect(  # noqa: PLR0913  each is a flag
    customer: str,
    adapter: str,
    /,
    *,
    option: Annotated[list[str] | None, Parameter(negative="")] = None,
    kinds: str = "",
    role: Role = Role.DESTINATION,
    again: int | None = None,
    browser: Annotated[bool, Parameter(negative="--no-browser")] = True,
    port: int = _PORT,
    yes: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    options: Options | None = None,
) -> None:
    """Connect a customer's storage or phone system, and try it.

    Where the provider has a page to say yes on, a browser opens it; its answer comes back to this machine. Elsewhere keys and passwords
    come from the environment or are asked for. Then you see whose account it is; once you say that it is the right one, a small test
    file is written, read and deleted, and the connection is kept.

    ```
    archiver connect acme dropbox:/Archive --option app_key=…
    archiver connect acme dropbox --option app_key=… --no-browser
    archiver connect acme dropbox --again 7
    ```

    Args:
        customer: Whose it is.
        adapter: Which one, `ADAPTER` or `ADAPTER:VALUE`; `archiver destinations` and `archiver sources` show them.
        option: An option, NAME=VALUE.
        kinds: Which kinds of items go there, with commas between; all by default.
        role: Connect a source in place of a destination.
        again: The number of a connection that is to be connected again: its lane goes on where it stands.
        browser: Open a browser here; without, open the page anywhere and paste the address at which it ends.
        port: Of this machine, for the page's answer: http://localhost:PORT/ must be among the application's redirect addresses.
        yes: Do not ask whether the account is the right one.
    """
    out = Output(options)
    spec = _spec(adapter, option or (), role)
    async with Archiver.open(settings_of(options)) as archiver:
        desk = archiver.connecting
        invited = await desk.invite(customer, spec, role=role, kinds=kinds_of(kinds), connection_id=again)
        offer = await desk.look(invited.link)
        cookie = random.token_urlsafe(32)
        if offer.way == "page":
            answer = await _on_the_page(out, archiver, invited.link, offer, cookie, browser=browser, port=port)
            if answer.error:
                await desk.decline(answer.state, browser=cookie)
                raise InvitationError(f"{offer.title} was not connected: the page answered {answer.error}", hint="Nothing was changed.")
            found = await desk.finish(answer.state, answer.code, browser=cookie)
        else:
            found = await desk.enter(invited.link, secrets={}, browser=cookie)
        _tell_found(out, found, offer)
        if not yes and not _agrees(found):
            raise InvitationError("the account was not confirmed", hint="Nothing was changed.")
        done = await desk.confirm(found.ticket, browser=cookie)
    _tell_done(out, done)
    out.result({"connection": _plain(done), "account": found.account, "tried": done.tried, "again": done.again})


async def link(  # noqa: PLR0913  each is a flag
    customer: str,
    adapter: str,
    /,
    *,
    option: Annotated[list[str] | None, Parameter(negative="")] = None,
    kinds: str = "",
    role: Role = Role.DESTINATION,
    again: int | None = None,
    hours: float = 24.0,
    url: str = "",
    options: Options | None = None,
) -> None:
    """Make a link with which a customer connects a storage without an account here. It works once, for this customer only, and ends.

    Whoever has the link can connect: send it in a way that only the customer reads. It is shown once; only a hash of it is kept.

    ```
    archiver connections link acme dropbox:/Archive --option app_key=… --url https://archiver.example.com
    ```

    Args:
        customer: Whom it is for.
        adapter: Which storage, `ADAPTER` or `ADAPTER:VALUE`.
        option: An option, NAME=VALUE.
        kinds: Which kinds of items go there, with commas between; all by default.
        role: A source in place of a destination.
        again: The number of a connection that is to be connected again.
        hours: How long the link lives.
        url: Where customers reach the console.
    """
    out = Output(options)
    spec = _spec(adapter, option or (), role, ask=False)
    async with Archiver.open(settings_of(options)) as archiver:
        invited = await archiver.connecting.invite(
            customer, spec, role=role, kinds=kinds_of(kinds), connection_id=again, seconds=hours * 3600
        )
    address = f"{url.rstrip('/')}/connect/{invited.link}"
    until = datetime.fromtimestamp(invited.expires_at / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    out.say(f"For {invited.customer}, once, until {until}:")
    out.say(address)
    out.result({"link": address, "customer": invited.customer, "adapter": invited.adapter, "expires_at": invited.expires_at})


async def withdraw(customer: str, /, *, options: Options | None = None) -> None:
    """End every link of a customer that was not used yet: one that was sent to somebody else, or is not wanted any more.

    ```
    archiver connections withdraw acme
    ```

    Args:
        customer: Whose.
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        ended = await archiver.connecting.withdraw(customer)
    out.say(f"{ended} links of {customer} work no more." if ended else f"{customer} has no link that works.")
    out.result({"withdrawn": ended})


async def _on_the_page(  # noqa: PLR0913  what a page's answer needs
    out: Output, archiver: Archiver, invitation: str, offer: Offer, cookie: str, *, browser: bool, port: int
) -> Answer:
    redirect_uri = f"http://localhost:{port}/"
    if not browser:
        page = await archiver.connecting.begin(invitation, browser=cookie, redirect_uri=redirect_uri)
        out.say(f"Open this page, wherever you are, and allow {offer.title}:")
        out.say(page)
        out.say("It ends at an address that does not open. Paste that address here:")
        return answer_in(sys.stdin.readline(), page)
    async with Callback(port) as callback:
        page = await archiver.connecting.begin(invitation, browser=cookie, redirect_uri=redirect_uri)
        out.say(f"Your browser opens the page of {offer.title}. If it does not:")
        out.say(page)
        await open_browser(page)
        return await callback.answer()


def _spec(adapter: str, given: Sequence[str], role: Role, *, ask: bool = True) -> ConnectionSpec:
    """What was said, with secrets from the environment; they are asked for only where there is no page that gives them."""
    find = source if role is Role.SOURCE else destination
    ask = ask and not has_page(role, adapter.partition(":")[0])
    secrets = Secrets(ask=None if ask else lambda _: "", needed=ask)
    (spec,) = parse_connections("-", [adapter], given, lambda name: find(name).options, secrets)
    return spec


def _tell_found(out: Output, found: Confirmation, offer: Offer) -> None:
    free = f", {bytes_text(found.account.free_bytes)} free" if found.account.free_bytes is not None else ""
    out.say(f"{offer.title} of {found.account.name}{free}")
    if found.changed:
        out.say(f"It was {found.before} until now: everything from now on goes to another account.")


def _agrees(found: Confirmation) -> bool:
    sys.stderr.write(f"Is this {found.customer}'s account? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _tell_done(out: Output, done: Connected) -> None:
    if done.tried:
        out.say("A test file was written, read and deleted.")
    goes_on = (
        "Its lane goes on where it stood." if done.again else "What comes from now on goes there; what is known already: archiver import"
    )
    out.say(f"{done.customer}'s {done.connection.adapter} is connected (number {done.connection.id}). {goes_on}")


def _plain(done: Connected) -> dict[str, object]:
    connection = done.connection
    return {
        "id": connection.id,
        "customer": done.customer,
        "role": connection.role,
        "adapter": connection.adapter,
        "account": connection.account,
        "kinds": connection.kinds,
    }
