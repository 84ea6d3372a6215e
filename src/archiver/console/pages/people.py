"""Settings: users, keys, sessions, one's own password, and how everything is set."""

from __future__ import annotations

from starlette.responses import Response

from archiver.console.visit import Visit
from archiver.errors import ConfigError
from archiver.people import Rank
from archiver.settings import explain

__all__ = ["add_key", "change_own_password", "change_user", "end_sessions", "invite", "remove_user", "revoke_key", "show"]


async def show(visit: Visit) -> Response:
    """The page; whoever is not admin sees only their own part."""
    return await _page(visit)


async def _page(visit: Visit, *, shown: str = "", shown_what: str = "", wrong: str = "", status: int = 200) -> Response:
    door, admin = visit.archiver.door, visit.may(Rank.ADMIN)
    return visit.page(
        "settings.html",
        status=status,
        users=await door.users() if admin else (),
        keys=await door.keys() if admin else (),
        sessions=await door.sessions() if admin else await door.sessions(visit.who.user_id),
        settings=explain(visit.archiver.settings) if admin else (),
        ranks=list(Rank),
        shown=shown,
        shown_what=shown_what,
        wrong=wrong,
    )


async def change_own_password(visit: Visit) -> Response:
    """One's own password; all other sessions end."""
    form = await visit.form()
    try:
        entered = await visit.archiver.door.change_password(visit.who, form.get("old", ""), form.get("new", ""), origin=visit.origin)
    except ConfigError as error:
        return await _page(visit, wrong=f"{error.message}. {error.hint}", status=422)
    await visit.note("users password", visit.who.name)
    return visit.entered(entered, "/settings")


async def invite(visit: Visit) -> Response:
    """A link that makes a user, or lets one in who is there."""
    form = await visit.form()
    user, rank = form.get("user", ""), _rank(form.get("rank", Rank.VIEWER))
    if user and user not in {known.name for known in await visit.archiver.door.users()}:
        raise ConfigError(f"there is no user {user}")
    token = await visit.archiver.door.invite(rank, user=user)
    await visit.note("users invite", user, detail={"rank": rank})
    what = f"This link lets {user} in once, also to choose a new password" if user else f"This link makes one user, a {rank}"
    return await _page(visit, shown=f"{visit.console.listening.url}/welcome/{token}", shown_what=f"{what}, within a day")


async def change_user(visit: Visit) -> Response:
    """Another rank."""
    name, rank = visit.path["name"], _rank((await visit.form()).get("rank", ""))
    await visit.archiver.door.change_rank(name, rank)
    await visit.note("users rank", name, detail={"rank": rank})
    return visit.seen("/settings", f"{name} is {rank} from now on, and must log in again.")


async def remove_user(visit: Visit) -> Response:
    """Lets somebody in no more."""
    name = visit.path["name"]
    await visit.archiver.door.remove_user(name)
    await visit.note("users remove", name)
    return visit.seen("/settings", f"{name} cannot come in any more.")


async def add_key(visit: Visit) -> Response:
    """A new key, shown once."""
    form = await visit.form()
    days = form.get("days", "365")
    if not (days.isascii() and days.isdigit() and len(days) <= 5):
        raise ConfigError("days does not fit: expected a number of days")
    name, rank = form.get("name", "").strip(), _rank(form.get("rank", Rank.VIEWER))
    text = await visit.archiver.door.add_key(name, rank, by=visit.who, days=int(days))
    await visit.note("api-keys add", name, detail={"rank": rank})
    return await _page(visit, shown=text, shown_what="This is the key. It is shown only now")


async def revoke_key(visit: Visit) -> Response:
    """A key opens nothing any more."""
    gone = await visit.archiver.door.revoke_key(visit.path["id"])
    await visit.note("api-keys revoke", visit.path["id"], result="done" if gone else "unknown")
    return visit.seen("/settings", "The key opens nothing any more." if gone else "There is no such key.")


async def end_sessions(visit: Visit) -> Response:
    """Everybody must log in again, the visitor too."""
    ended = await visit.archiver.door.end_all_sessions()
    await visit.note("sessions end", detail={"count": ended})
    return visit.left()


def _rank(text: str) -> Rank:
    if text not in set(Rank):
        raise ConfigError("rank does not fit", hint=f"There are: {', '.join(Rank)}.")
    return Rank(text)
