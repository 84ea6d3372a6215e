"""Coming in: by a password, or by a link that works once; and leaving."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from archiver.console.visit import Visit
from archiver.errors import ConfigError, RefusedError, TooOftenError

__all__ = ["log_in", "log_out", "show_login", "show_welcome", "static", "welcome"]


async def static(visit: Visit) -> Response:
    """A file."""
    return visit.console.assets.answer(visit.path["name"], visit.request) or PlainTextResponse("There is no such file.\n", 404)


async def show_login(visit: Visit) -> Response:
    """The form; whoever has come in already goes on."""
    if visit.anybody is not None:
        return visit.seen("/")
    first = not await visit.archiver.door.users()
    return visit.page("login.html", first=first, name="", wrong="", next=_inside(visit.query.get("next", "/")))


async def log_in(visit: Visit) -> Response:
    """Name and password."""
    form = await visit.form()
    name, back = form.get("name", "").strip().lower(), _inside(form.get("next", "/"))
    try:
        entered = await visit.archiver.door.log_in(name, form.get("password", ""), origin=visit.origin)
    except TooOftenError as error:
        wrong = f"There were too many tries. The next one is in {error.retry_after:.0f} seconds."
        await visit.note("login", name, result="TooOftenError")
        response = visit.page("login.html", status=429, first=False, name=name, wrong=wrong, next=back)
        response.headers["Retry-After"] = f"{error.retry_after:.0f}"
        return response
    except RefusedError:
        await visit.note("login", name, result="RefusedError")
        return visit.page("login.html", status=403, first=False, name=name, wrong="The name or the password is wrong.", next=back)
    await visit.note("login", name)
    return visit.entered(entered, back)


async def log_out(visit: Visit) -> Response:
    """The session is over, here and in the database."""
    await visit.archiver.door.log_out(visit.who)
    await visit.note("logout", visit.who.name)
    return visit.left()


async def show_welcome(visit: Visit) -> Response:
    """What a link is good for. Looking does not use it up: programs that preview links do that, too."""
    invitation = await visit.archiver.door.invitation(visit.path["token"])
    if invitation is None:
        return visit.page("failed.html", status=410, title="This link is over", message=_OVER, hint=_ANOTHER)
    return visit.page("welcome.html", invitation=invitation, name=invitation.user, wrong="", hint="")


async def welcome(visit: Visit) -> Response:
    """Uses the link up."""
    form = await visit.form()
    door, token, name = visit.archiver.door, visit.path["token"], form.get("name", "").strip().lower()
    invitation = await door.invitation(token)
    if invitation is None:
        return visit.page("failed.html", status=410, title="This link is over", message=_OVER, hint=_ANOTHER)
    try:
        entered = await door.accept(token, name, form.get("password", ""), origin=visit.origin)
    except ConfigError as error:
        return visit.page("welcome.html", status=422, invitation=invitation, name=name, wrong=error.message, hint=error.hint)
    await visit.note("users add" if not invitation.user else "login", entered.user.name, detail={"rank": entered.user.rank, "by": "link"})
    return visit.entered(entered)


_OVER = "It was used already, or its time is over."
_ANOTHER = "Whoever gave it to you can make another one; on the machine itself `archiver console` prints one for the very first user."


def _inside(path: str) -> str:
    """A path of ours, whatever somebody put there."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and path.isascii() else "/"
