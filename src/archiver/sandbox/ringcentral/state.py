"""All that the sandbox knows: the account, who may ask, what they have asked and how much they may."""

from __future__ import annotations

import time
from collections.abc import Callable

from archiver.sandbox.faults import FaultScript
from archiver.sandbox.ringcentral.bells import Bells
from archiver.sandbox.ringcentral.exporting import Exports
from archiver.sandbox.ringcentral.grants import ACCESS_SECONDS, Grants, Login
from archiver.sandbox.ringcentral.ledger import GroupRecord, Ledger
from archiver.sandbox.ringcentral.limits import LIMITS, GroupLimit, GroupMeter
from archiver.sandbox.ringcentral.office import Office
from archiver.sandbox.ringcentral.refusals import Refusal

__all__ = ["Phones", "PushedClock"]


class PushedClock:
    """Seconds since the epoch that can be pushed forward.

    Args:
        now: What it is pushed from.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._pushed = 0.0

    def now(self) -> float:
        """Seconds since the epoch, as the sandbox sees them."""
        return self._now() + self._pushed

    def advance(self, seconds: float) -> None:
        """Jumps forward.

        Raises:
            ValueError: The jump goes back.
        """
        if seconds < 0:
            raise ValueError("the sandbox's clock only goes forward")
        self._pushed += seconds


class Phones:
    """The state of the sandbox.

    Args:
        now: Seconds since the epoch; the machine's by default. Tests give a clock that jumps.
        limits: By group; the published ones by default. A group that is left out has no limit.
        access_seconds: How long an access token lives.
        recording_cap: More recordings than that push the oldest out.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        limits: dict[str, GroupLimit] | None = None,
        access_seconds: float = ACCESS_SECONDS,
        recording_cap: int = 100_000,
    ) -> None:
        self.clock = PushedClock(now)
        self.limits = dict(LIMITS if limits is None else limits)
        self.office = Office(self.clock.now, recording_cap=recording_cap)
        self.exports = Exports(self.office)
        self.grants = Grants(access_seconds)
        self.faults = FaultScript()
        self.bells = Bells(self.clock.now, self.faults)
        self.office.on_event = self.bells.ring
        self.ledger = Ledger()
        self._meters: dict[tuple[int, str, str], GroupMeter] = {}

    def login(self, extension_id: int = 0) -> Login:
        """Credentials of a user; of the first extension by default, who is the administrator."""
        user = extension_id or next(iter(self.office.extensions), 0)
        return self.grants.login(user, self.clock.now())

    def groups(self) -> dict[str, GroupRecord]:
        """What each group's limit saw."""
        return self.ledger.groups(self._meters, self.limits)

    def meter(self, authorization: str, group: str) -> GroupMeter | None:
        """The meter of whoever asks; nobody's if the token is not known."""
        if group == "Auth":
            return self._meters.setdefault((0, self.grants.client_id, group), GroupMeter())
        try:
            token = self.grants.authenticate(authorization, self.clock.now())
        except Refusal:
            return None
        return self._meters.setdefault((token.user, token.client_id, group), GroupMeter())
