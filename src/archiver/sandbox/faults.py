"""Scripted faults: what goes wrong at the n-th call of a route."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

__all__ = ["Fault", "FaultScript"]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that goes wrong.

    Attributes:
        action: What: ``reply`` answers with ``status``, ``headers``, ``body`` instead of doing anything. ``lose_answer`` does all of
            it and cuts the connection before the answer. ``cut_request`` cuts it after ``after_bytes`` of the request's body,
            ``cut_response`` after so many of the answer's. ``delay`` waits ``seconds`` first; ``stall`` never answers; ``slow`` sends
            the answer over ``seconds``. ``expire_token`` makes the access token expire before this call, ``revoke`` the whole
            authorisation. ``corrupt`` stores one bit wrong. ``fail_entries`` answers a batch route's entries with the error ``tag``,
            without doing anything for them.
        route: Which calls, a pattern such as ``files/upload_session/*`` or ``oauth2/token``.
        account: Only calls of this account; empty for any.
        nth: The first call that is hit, counted from the moment at which the fault was set; 1 is the next one.
        times: How many calls in a row are hit; 0 for all from then on.
        status: Of ``reply``.
        headers: Of ``reply``.
        body: Of ``reply``.
        content_type: Of ``reply``.
        after_bytes: Of ``cut_request`` and ``cut_response``.
        seconds: Of ``delay`` and ``slow``.
        tag: Of ``fail_entries``.
        entries: Which entries of a batch fail, counted from 0; empty for all.
    """

    action: Literal[
        "reply",
        "lose_answer",
        "cut_request",
        "cut_response",
        "delay",
        "stall",
        "slow",
        "expire_token",
        "revoke",
        "corrupt",
        "fail_entries",
    ]
    route: str = "*"
    account: str = ""
    nth: int = 1
    times: int = 1
    status: int = 500
    headers: Mapping[str, str] = {}
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"
    after_bytes: int = 0
    seconds: float = 0
    tag: str = "too_many_write_operations"
    entries: tuple[int, ...] = ()


class FaultScript:
    """The faults that are still to come; counts the calls that each of them waits for."""

    def __init__(self) -> None:
        self._pending: list[tuple[Fault, list[int]]] = []

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def pending(self) -> list[Fault]:
        """The faults that may still hit."""
        return [fault for fault, _ in self._pending]

    def add(self, fault: Fault) -> None:
        """Sets a fault; it counts calls from now on."""
        self._pending.append((fault, [0]))

    def clear(self) -> None:
        """Heals everything."""
        self._pending.clear()

    def hit(self, route: str, account: str) -> list[Fault]:
        """What goes wrong with this call, in the order in which the faults were set."""
        hits = []
        for pending in list(self._pending):
            fault, calls = pending
            if not fnmatchcase(route, fault.route) or fault.account not in {"", account}:
                continue
            calls[0] += 1
            if calls[0] >= fault.nth:
                hits.append(fault)
                if fault.times and calls[0] >= fault.nth + fault.times - 1:
                    self._pending.remove(pending)
        return hits
