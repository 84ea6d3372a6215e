"""The ledger: what was asked of the sandbox, when and how it was answered."""

from __future__ import annotations

from collections import Counter

import msgspec

from archiver.sandbox.ringcentral.limits import GroupLimit, GroupMeter

__all__ = ["GroupRecord", "Ledger", "Request"]


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request.

    Attributes:
        at: When it came, in seconds since the epoch.
        route: Such as ``call-log-sync``.
        group: Of its limit.
        status: Of the answer.
        subject: What it was about: an extension, a recording, a message.
    """

    at: float
    route: str
    group: str
    status: int
    subject: str = ""


class GroupRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one group's limit saw.

    Attributes:
        admitted: Permitted calls.
        refused: 429s.
        poked: 429s during a penalty.
        permitted: Calls that would have been permitted from the first to the last.
    """

    admitted: int
    refused: int
    poked: int
    permitted: float

    @property
    def utilisation(self) -> float:
        """The share of the permitted calls that was used."""
        return self.admitted / self.permitted if self.permitted else 0.0


class Ledger:
    """Every request since the beginning."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._answers: Counter[tuple[str, str, int]] = Counter()

    def add(self, request: Request) -> None:
        """Writes one down."""
        self.requests.append(request)
        self._answers[request.group, request.route, request.status] += 1

    def count(self, route: str, status: int | None = None) -> int:
        """How often a route was asked (and answered so)."""
        return sum(times for (_, name, answer), times in self._answers.items() if name == route and status in {None, answer})

    def count_group(self, group: str) -> int:
        """How often a group's routes were asked."""
        return sum(times for (name, _, _), times in self._answers.items() if name == group)

    def groups(self, meters: dict[tuple[int, str, str], GroupMeter], limits: dict[str, GroupLimit]) -> dict[str, GroupRecord]:
        """What each group's limit saw, all users and applications together."""
        found = {}
        for group, limit in limits.items():
            mine = [meter for (_, _, name), meter in meters.items() if name == group]
            times = [request.at for request in self.requests if request.group == group]
            seconds = times[-1] - times[0] if times else 0.0
            found[group] = GroupRecord(
                admitted=sum(meter.admitted for meter in mine),
                refused=sum(meter.refused for meter in mine),
                poked=sum(meter.poked for meter in mine),
                permitted=len(mine) * limit.calls * (1 + seconds / limit.window) if times else 0.0,
            )
        return found
