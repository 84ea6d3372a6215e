"""The table of what programs can ask: each with the rank it needs, what it takes and what it gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import msgspec

from archiver.app import Moment, Snapshot
from archiver.console.api import answers, shapes
from archiver.console.visit import Visit
from archiver.database.audit import Line
from archiver.database.browsing import Cause, Found, ItemDetail
from archiver.database.port import WorkerRow
from archiver.lifecycle import DeliveryState
from archiver.model import Customer, Kind
from archiver.people import Rank
from archiver.proof.auditing import Chain
from archiver.proof.completeness import Report

__all__ = ["OPERATIONS", "Operation", "Parameter"]

_NUMBER = {"type": "integer", "minimum": 0, "maximum": (1 << 53) - 1}
_LIMIT = {"type": "integer", "minimum": 0, "maximum": 200, "default": 50}
_TEXT = {"type": "string"}
_DAY = {"type": "string", "format": "date"}


class Parameter(msgspec.Struct, frozen=True):
    """One name of the query.

    Attributes:
        name: The name.
        help: A sentence.
        schema: What it may be, as JSON Schema.
    """

    name: str
    help: str
    schema: dict[str, Any]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that programs can ask.

    Attributes:
        method: How.
        path: Below ``/api/v1``.
        answer: Who answers; its docstring is the summary.
        rank: What the key must be good for.
        gives: What comes back; None for nothing.
        takes: What the body must be; None for none.
        query: The names of the query.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    answer: Callable[[Visit], Awaitable[Any]]
    rank: Rank
    gives: Any
    takes: Any = None
    query: tuple[Parameter, ...] = ()


_PAGE = Parameter("limit", "At most so many.", _LIMIT)
_BEFORE = Parameter("before", "Where the page before ended.", _NUMBER)
_AFTER = Parameter("after", "Where the page before ended.", _NUMBER)
_BATCHES = Parameter("batches", "1: with the lines that tell of a batch of deliveries.", {"type": "integer", "minimum": 0, "maximum": 1})
_WHOSE = Parameter("customer", "Only this customer's.", _TEXT)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="/snapshot",
        answer=answers.snapshot,
        rank=Rank.VIEWER,
        gives=Snapshot,
        query=(Parameter("lanes", "Most lanes to tell of.", _LIMIT),),
    ),
    Operation(
        method="GET",
        path="/moments",
        answer=answers.moments,
        rank=Rank.VIEWER,
        gives=Sequence[Moment],
        query=(Parameter("after", "Only what came after this moment, in milliseconds since the epoch.", _NUMBER),),
    ),
    Operation(
        method="GET",
        path="/customers",
        answer=answers.customers,
        rank=Rank.VIEWER,
        gives=shapes.CustomersPage,
        query=(
            Parameter("q", "The name contains it.", _TEXT),
            Parameter("state", "Which ones.", {"type": "string", "enum": ["all", "needing", "paused"], "default": "all"}),
            Parameter("after", "Only names after this one.", _TEXT),
            _PAGE,
        ),
    ),
    Operation(method="POST", path="/customers", answer=answers.add_customer, rank=Rank.OPERATOR, gives=Customer, takes=shapes.NewCustomer),
    Operation(method="GET", path="/customers/{name}", answer=answers.customer, rank=Rank.VIEWER, gives=shapes.CustomerShape),
    Operation(method="GET", path="/customers/{name}/completeness", answer=answers.completeness, rank=Rank.VIEWER, gives=Report),
    Operation(method="POST", path="/customers/{name}/pause", answer=answers.pause, rank=Rank.OPERATOR, gives=Customer),
    Operation(method="POST", path="/customers/{name}/resume", answer=answers.resume, rank=Rank.OPERATOR, gives=Customer),
    Operation(
        method="POST",
        path="/customers/{name}/links",
        answer=answers.link,
        rank=Rank.OPERATOR,
        gives=shapes.LinkMade,
        takes=shapes.LinkWanted,
    ),
    Operation(
        method="GET",
        path="/deliveries",
        answer=answers.deliveries,
        rank=Rank.VIEWER,
        gives=shapes.DeliveriesPage,
        query=(_WHOSE, Parameter("state", "Only in this state.", {"type": "string", "enum": list(DeliveryState)}), _AFTER, _PAGE),
    ),
    Operation(method="GET", path="/deliveries/{id}", answer=answers.delivery, rank=Rank.VIEWER, gives=ItemDetail),
    Operation(method="POST", path="/deliveries/{id}/retry", answer=answers.retry_one, rank=Rank.OPERATOR, gives=shapes.Moved),
    Operation(method="POST", path="/retry", answer=answers.retry, rank=Rank.OPERATOR, gives=shapes.Moved, takes=shapes.RetryWanted),
    Operation(method="GET", path="/causes", answer=answers.causes, rank=Rank.VIEWER, gives=Sequence[Cause]),
    Operation(
        method="GET",
        path="/search",
        answer=answers.search,
        rank=Rank.VIEWER,
        gives=Found,
        query=(
            Parameter("q", "Words of numbers, names and ids; all of them must be there.", _TEXT),
            _WHOSE,
            Parameter("kind", "Only this kind.", {"type": "string", "enum": list(Kind)}),
            Parameter("since", "It happened on this day or later, UTC.", _DAY),
            Parameter("until", "It happened on this day or earlier, UTC.", _DAY),
            _BEFORE,
            _PAGE,
        ),
    ),
    Operation(method="GET", path="/audit", answer=answers.audit, rank=Rank.VIEWER, gives=Sequence[Line], query=(_BEFORE, _BATCHES, _PAGE)),
    Operation(method="POST", path="/audit/check", answer=answers.check_audit, rank=Rank.ADMIN, gives=Chain),
    Operation(method="GET", path="/workers", answer=answers.workers, rank=Rank.VIEWER, gives=Sequence[WorkerRow]),
    Operation(method="GET", path="/users", answer=answers.users, rank=Rank.ADMIN, gives=Sequence[shapes.UserShape]),
    Operation(
        method="POST",
        path="/users/invitations",
        answer=answers.invite,
        rank=Rank.ADMIN,
        gives=shapes.LinkMade,
        takes=shapes.InvitationShape,
    ),
    Operation(
        method="POST",
        path="/users/{name}/rank",
        answer=answers.change_rank,
        rank=Rank.ADMIN,
        gives=shapes.RankWanted,
        takes=shapes.RankWanted,
    ),
    Operation(method="DELETE", path="/users/{name}", answer=answers.remove_user, rank=Rank.ADMIN, gives=None),
    Operation(method="GET", path="/keys", answer=answers.keys, rank=Rank.ADMIN, gives=Sequence[shapes.KeyShape]),
    Operation(method="POST", path="/keys", answer=answers.add_key, rank=Rank.ADMIN, gives=shapes.KeyMade, takes=shapes.KeyWanted),
    Operation(method="DELETE", path="/keys/{id}", answer=answers.revoke_key, rank=Rank.ADMIN, gives=None),
)
