"""Connecting: an operator makes a link, and whoever has the link connects one storage of one customer, once.

The page of the link is for the customer, who has no account here: the link is what lets them in, and it can do nothing else. It shows
whom it is for before anybody says yes, and whose account was linked before anything is kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from starlette.responses import Response

from archiver import registry
from archiver.adapter import Option
from archiver.app import ConnectionSpec
from archiver.connecting import Confirmation, has_page
from archiver.console.visit import Visit
from archiver.destinations.port import DestinationAdapter
from archiver.errors import ArchiverError, ConfigError
from archiver.model import Kind, Role
from archiver.sources.port import SourceAdapter

__all__ = ["begin", "choose", "confirm", "finish", "make", "show_offer"]

_BROWSER = "archiver-connect"
_ANSWER_SECONDS = 3600
_HIDDEN = frozenset({"memory"})  # forgets everything; for experiments


async def choose(visit: Visit) -> Response:
    """Which storage or phone system, and with which options."""
    role, adapter = _role(visit.query.get("role", Role.DESTINATION)), visit.query.get("adapter", "")
    customer, again = visit.query.get("customer", ""), visit.number("again", 0, 1 << 60)
    if not adapter:
        names = {Role.DESTINATION: registry.destinations(), Role.SOURCE: registry.sources()}
        cards = {side: [(name, _summary(side, name)) for name in listed if name not in _HIDDEN] for side, listed in names.items()}
        return visit.page("connect.html", cards=cards, customer=customer)
    return _form(visit, role, adapter, {"customer": customer, "again": str(again or "")})


def _form(visit: Visit, role: Role, adapter: str, values: Mapping[str, str], wrong: str = "") -> Response:
    options = _asked(role, adapter)
    needed = [option for option in options if option.main or (option.default is None and not option.optional) or _names_app(option)]
    return visit.page(
        "connect_form.html",
        status=422 if wrong else 200,
        role=role,
        adapter=adapter,
        needed=needed,
        others=[option for option in options if option not in needed],
        values=values,
        kinds=list(Kind),
        page=has_page(role, adapter),
        wrong=wrong,
    )


async def make(visit: Visit) -> Response:
    """The link; the customer is added if there is none of that name."""
    lists = await visit.form_lists()
    values = {name: given[-1] for name, given in lists.items()}
    role, adapter = _role(values.get("role", "")), values.get("adapter", "")
    name, again = values.get("customer", "").strip().lower(), values.get("again", "")
    options = _asked(role, adapter)
    given = {option: values.get(f"option-{option.name}", "").strip() for option in options}
    spec = ConnectionSpec(
        adapter=adapter,
        options={option.name: value for option, value in given.items() if value and not option.secret},
        secrets={option.name: value for option, value in given.items() if value and option.secret},
    )
    try:
        kinds = [Kind(kind) for kind in lists.get("kinds", []) if kind in set(Kind)]
        if again and not again.isdigit():
            raise ConfigError("again does not fit: expected the number of a connection")  # noqa: TRY301  told in the form, as all others
        if not await visit.archiver.looking.exists(name):
            await visit.archiver.add_customer(name, [], [])
        invited = await visit.archiver.connecting.invite(name, spec, role=role, kinds=kinds, connection_id=int(again) if again else None)
    except ConfigError as error:
        shown = {field: value for field, value in values.items() if not _is_secret(options, field)}
        return _form(visit, role, adapter, shown, f"{error.message}. {error.hint}".strip())
    await visit.note("connections link", name, detail={"adapter": adapter, "role": role})
    link = f"{visit.console.listening.url}/connect/{invited.link}"
    return visit.page("connect_link.html", invited=invited, link=link, path=f"/connect/{invited.link}")


# -- what the link shows ---------------------------------------------------------------------------------------------------------------


async def show_offer(visit: Visit) -> Response:
    """Whom the link is for, which storage, and what is asked for. Looking changes nothing."""
    link = visit.path["link"]
    offer = await visit.archiver.connecting.look(link)
    return visit.page("offer.html", offer=offer, link=link, options=_entered(offer.role, offer.adapter, offer.secrets), wrong="")


async def begin(visit: Visit) -> Response:
    """On to the provider's page; or, where there is none, the keys are taken."""
    link, form = visit.path["link"], await visit.form()
    desk = visit.archiver.connecting
    offer = await desk.look(link)
    browser = visit.request.cookies.get(_BROWSER) or secrets.token_urlsafe(32)
    if offer.way == "page":
        url = await desk.begin(link, browser=browser, redirect_uri=f"{visit.console.listening.url}/connect/answer")
        return _kept(visit, visit.page("leave.html", offer=offer, url=url), browser)
    given = {name: form.get(f"secret-{name}", "") for name in offer.secrets}
    try:
        found = await desk.enter(link, secrets={name: text for name, text in given.items() if text}, browser=browser)
    except ArchiverError as error:
        options = _entered(offer.role, offer.adapter, offer.secrets)
        wrong = f"{error.message}. {error.hint}".strip()
        return visit.page("offer.html", status=422, offer=offer, link=link, options=options, wrong=wrong)
    return _kept(visit, _ask(visit, found), browser)


async def finish(visit: Visit) -> Response:
    """What the provider's page answered."""
    browser, state = visit.request.cookies.get(_BROWSER, ""), visit.query.get("state", "")
    desk = visit.archiver.connecting
    if "code" not in visit.query:
        await desk.decline(state, browser=browser)
        return visit.page("connected.html", done=None)
    found = await desk.finish(state, visit.query["code"], browser=browser)
    return _ask(visit, found)


def _ask(visit: Visit, found: Confirmation) -> Response:
    return visit.page("confirm.html", found=found, account=found.account)


async def confirm(visit: Visit) -> Response:
    """The account is the right one: a test file is written, read and deleted, and the connection is kept."""
    ticket = (await visit.form()).get("ticket", "")
    done = await visit.archiver.connecting.confirm(ticket, browser=visit.request.cookies.get(_BROWSER, ""))
    await visit.note("connections add", done.customer, detail={"adapter": done.connection.adapter, "connection": done.connection.id})
    return visit.page("connected.html", done=done)


def _kept(visit: Visit, response: Response, browser: str) -> Response:
    """The browser is told from others by a cookie: whoever gets hold of an answer cannot use it elsewhere."""
    response.set_cookie(
        _BROWSER,
        browser,
        max_age=_ANSWER_SECONDS,
        path="/connect",
        secure=visit.console.listening.secure,
        httponly=True,
        samesite="lax",
    )
    return response


# -- adapters --------------------------------------------------------------------------------------------------------------------------


def _adapter(role: Role, name: str) -> SourceAdapter | DestinationAdapter:
    return registry.source(name) if role is Role.SOURCE else registry.destination(name)


def _summary(role: Role, name: str) -> str:
    """What it is; or why it cannot be used here, such as for a package that is not installed."""
    try:
        return _adapter(role, name).summary
    except ConfigError as error:
        return error.message


def _asked(role: Role, adapter: str) -> list[Option]:
    """What the operator is asked: not what the customer's own yes, or keys, will give."""
    page = has_page(role, adapter)
    return [option for option in _adapter(role, adapter).options if not option.secret or (page and _names_app(option))]


def _entered(role: Role, adapter: str, names: Sequence[str]) -> list[Option]:
    """What whoever has the link is asked."""
    return [option for option in _adapter(role, adapter).options if option.name in names]


def _names_app(option: Option) -> bool:
    """Whether it names the application at the provider, or is its secret."""
    return option.name in {"app_key", "app_secret", "client_id", "client_secret"}


def _is_secret(options: list[Option], field: str) -> bool:
    return any(option.secret and field == f"option-{option.name}" for option in options)


def _role(text: str) -> Role:
    if text not in set(Role):
        raise ConfigError("role does not fit", hint=f"There are: {', '.join(Role)}.")
    return Role(text)
