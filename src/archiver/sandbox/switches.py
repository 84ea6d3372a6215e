"""The hands that every phone system of the sandbox has behind the scenes: ``/sandbox/…``. The real ones have none of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from archiver.sandbox.faults import Fault, FaultScript

__all__ = ["SWITCHES", "Pages", "Switched", "moved"]


class _Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def advance(self, seconds: float) -> None:
        """Jumps forward."""
        ...


class Switched(Protocol):
    """What is moved from here."""

    @property
    def clock(self) -> _Clock:
        """Its time."""
        ...

    @property
    def faults(self) -> FaultScript:
        """What goes wrong."""
        ...


_Hands = TypeVar("_Hands")
Pages = Mapping[tuple[str, str], Callable[[_Hands, bytes], Any]]
"""What a method and a page do, and what they answer as JSON."""


class _Jump(msgspec.Struct, forbid_unknown_fields=True):
    advance: float


def moved(pages: Pages[_Hands], hands: _Hands, method: str, page: str, body: bytes) -> tuple[int, bytes, str]:
    """Answers a call to ``/sandbox/PAGE``: its status, its body, what that is; 400 with the reason where the body is not right."""
    hand = pages.get((method, page))
    if hand is None:
        return 404, b"the sandbox has no such page", "text/plain"
    try:
        return 200, msgspec.json.encode(hand(hands, body)), "application/json"
    except (ValueError, msgspec.MsgspecError) as error:
        return 400, str(error).encode(), "text/plain"


def _jump(hands: Switched, body: bytes) -> Any:
    hands.clock.advance(msgspec.json.decode(body, type=_Jump).advance)
    return {"now": hands.clock.now()}


def _faults(hands: Switched, body: bytes) -> Any:
    for fault in msgspec.json.decode(body, type=list[Fault]):
        hands.faults.add(fault)
    return hands.faults.pending


def _heal(hands: Switched, _body: bytes) -> Any:
    hands.faults.clear()
    return []


SWITCHES: Pages[Any] = {("POST", "clock"): _jump, ("POST", "faults"): _faults, ("DELETE", "faults"): _heal}
"""The clock and what goes wrong."""
