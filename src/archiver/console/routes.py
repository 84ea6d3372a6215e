"""The table of everything that can be asked, each with the rank that it needs. A test goes through all of it for every rank.

A route that is not in the table does not exist; one without a rank is for everybody, and says so with a reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from starlette.responses import Response

from archiver.console.api.openapi import description
from archiver.console.api.table import OPERATIONS, Operation
from archiver.console.pages import connect, customers, entering, health, items, log, overview, people, proof
from archiver.console.visit import Visit
from archiver.people import Rank

__all__ = ["ROUTES", "Route"]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be asked.

    Attributes:
        method: ``GET`` changes nothing.
        path: With the names of its variable parts in braces.
        answer: Answers.
        rank: What the visitor must be at least; None for everybody.
        why_open: Why it is for everybody.
        api: It is for programs; errors are JSON.
        live: It goes on and on, and does not count as somebody's doing something.
    """

    method: Literal["GET", "POST", "DELETE", "PATCH", "PUT"]
    path: str
    answer: Callable[[Visit], Awaitable[Response]]
    rank: Rank | None = None
    why_open: str = ""
    api: bool = False
    live: bool = False


async def _describe(visit: Visit) -> Response:
    return visit.json(description() | {"servers": [{"url": visit.console.listening.url}]})


def _for_programs(operation: Operation) -> Callable[[Visit], Awaitable[Response]]:
    async def answer(visit: Visit) -> Response:
        value = await operation.answer(visit)
        return Response(status_code=204) if operation.gives is None else visit.json(value)

    return answer


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/static/{name}", answer=entering.static, why_open="style and scripts of the login page"),
    Route(method="GET", path="/login", answer=entering.show_login, why_open="how else could anybody come in"),
    Route(method="POST", path="/login", answer=entering.log_in, why_open="as above; slowed down"),
    Route(method="GET", path="/welcome/{token}", answer=entering.show_welcome, why_open="the token is what lets somebody in"),
    Route(method="POST", path="/welcome/{token}", answer=entering.welcome, why_open="as above"),
    Route(method="POST", path="/logout", answer=entering.log_out, rank=Rank.VIEWER),
    Route(method="GET", path="/", answer=overview.show, rank=Rank.VIEWER),
    Route(method="GET", path="/events", answer=overview.events, rank=Rank.VIEWER, live=True),
    Route(method="GET", path="/customers", answer=customers.show, rank=Rank.VIEWER),
    Route(method="GET", path="/customers/{name}", answer=customers.show_one, rank=Rank.VIEWER),
    Route(method="POST", path="/customers/{name}/pause", answer=customers.pause, rank=Rank.OPERATOR),
    Route(method="POST", path="/customers/{name}/resume", answer=customers.resume, rank=Rank.OPERATOR),
    Route(method="GET", path="/items/{id}", answer=items.show_one, rank=Rank.VIEWER),
    Route(method="POST", path="/items/{id}/retry", answer=items.retry_one, rank=Rank.OPERATOR),
    Route(method="GET", path="/archive", answer=items.show_archive, rank=Rank.VIEWER),
    Route(method="GET", path="/failures", answer=items.show_failures, rank=Rank.VIEWER),
    Route(method="POST", path="/failures/retry", answer=items.retry_cause, rank=Rank.OPERATOR),
    Route(method="GET", path="/completeness", answer=proof.show, rank=Rank.VIEWER),
    Route(method="GET", path="/completeness/{name}", answer=proof.show_one, rank=Rank.VIEWER),
    Route(method="GET", path="/connect", answer=connect.choose, rank=Rank.OPERATOR),
    Route(method="POST", path="/connect", answer=connect.make, rank=Rank.OPERATOR),
    Route(method="GET", path="/connect/answer", answer=connect.finish, why_open="the customer's browser comes back from the provider"),
    Route(method="POST", path="/connect/confirm", answer=connect.confirm, why_open="the ticket is what lets somebody in"),
    Route(method="GET", path="/connect/{link}", answer=connect.show_offer, why_open="the link is what lets a customer in"),
    Route(method="POST", path="/connect/{link}", answer=connect.begin, why_open="as above"),
    Route(method="GET", path="/audit", answer=log.show, rank=Rank.VIEWER),
    Route(method="POST", path="/audit/check", answer=log.check, rank=Rank.ADMIN),
    Route(method="GET", path="/health", answer=health.show, rank=Rank.VIEWER),
    Route(method="GET", path="/settings", answer=people.show, rank=Rank.VIEWER),
    Route(method="POST", path="/settings/own/password", answer=people.change_own_password, rank=Rank.VIEWER),
    Route(method="POST", path="/settings/invitations", answer=people.invite, rank=Rank.ADMIN),
    Route(method="POST", path="/settings/users/{name}/rank", answer=people.change_user, rank=Rank.ADMIN),
    Route(method="POST", path="/settings/users/{name}/remove", answer=people.remove_user, rank=Rank.ADMIN),
    Route(method="POST", path="/settings/keys", answer=people.add_key, rank=Rank.ADMIN),
    Route(method="POST", path="/settings/keys/{id}/revoke", answer=people.revoke_key, rank=Rank.ADMIN),
    Route(method="POST", path="/settings/sessions/end", answer=people.end_sessions, rank=Rank.ADMIN),
    Route(method="GET", path="/api/v1/openapi.json", answer=_describe, rank=Rank.VIEWER, api=True),
    *(Route(method=one.method, path=f"/api/v1{one.path}", answer=_for_programs(one), rank=one.rank, api=True) for one in OPERATIONS),
)
