"""The limits of one user with one application: believed from the headers, never exceeded, never poked while a penalty runs. Pure.

RingCentral counts calls by group (Light, Medium, Heavy) and says in each answer which group the call fell into, how many it permits in
which window and how many remain. One call too many begins a penalty, and every call during the penalty begins it anew. So a call is
counted from when it is sent until a window after its answer: however long it took to arrive, no window holds more than is permitted.

Two spend the same budget: looking (discovery), which may wait, and reading content, which may not, since it would hold a place in a lane.
So content asks for room before anything of it is begun. While both want, looking has a fifth.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

__all__ = ["Budget", "Grant", "Told"]

_MARGIN = 0.1  # seconds beyond the window: their clock is not ours
_UNKNOWN_SECONDS = 0.25  # until the first answer tells the limit, one call at a time
_PENALTY_SECONDS = 60.0  # where a refusal says nothing
_LOOK_SHARE = 5  # looking has one call in so many while content waits


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer's headers say about its limit.

    Attributes:
        group: In small letters; empty if the answer says nothing.
        limit: Calls in a window.
        remaining: Calls left in it.
        window: Seconds.
    """

    group: str = ""
    limit: int = 0
    remaining: int = 0
    window: float = 60.0


class Grant(msgspec.Struct, frozen=True):
    """Leave to make one call; given back when it has ended."""

    group: str
    look: bool


class _Group:
    __slots__ = ("asked_until", "calls", "flying", "flying_looks", "held_until", "limit", "wanted_until", "window")

    def __init__(self) -> None:
        self.limit = 0
        self.window = 60.0
        self.calls: list[tuple[float, bool]] = []  # when each leaves the window, and whether it was a look
        self.flying = 0
        self.flying_looks = 0
        self.held_until = 0.0
        self.asked_until = 0.0  # somebody waits to look
        self.wanted_until = 0.0  # content waits

    def wait(self, now: float, *, look: bool, calls: int = 1) -> float:
        wait = self._wait(now, look=look, calls=calls)
        if wait and look:  # whoever waits to look finds its share free for as long as that may take
            self.asked_until = now + self.window
        return wait

    def _wait(self, now: float, *, look: bool, calls: int) -> float:
        if now < self.held_until:
            return self.held_until - now
        self.calls = [call for call in self.calls if call[0] > now]
        if not self.limit:
            return _UNKNOWN_SECONDS if self.flying else 0.0
        most = self._share if look and now < self.wanted_until else self.limit  # more than that there never is room for
        if self._room(now, look=look) >= max(1, min(calls, most)):
            return 0.0
        return max(_MARGIN, min((end for end, _ in self.calls), default=now + _UNKNOWN_SECONDS) - now)

    def room(self, now: float) -> int:
        """How many calls for content may be made now."""
        if now < self.held_until:
            return 0
        self.calls = [call for call in self.calls if call[0] > now]
        if not self.limit:
            return 0 if self.flying else 1
        return max(0, self._room(now, look=False))

    def _room(self, now: float, *, look: bool) -> int:
        room = self.limit - len(self.calls) - self.flying
        looks = sum(was_look for _, was_look in self.calls) + self.flying_looks
        share = self._share
        if not look:
            return room - (max(0, share - looks) if now < self.asked_until else 0)
        if now < self.wanted_until:  # content waits: what is its own is left to it
            others = len(self.calls) + self.flying - looks
            room -= max(0, self.limit - share - others)
        return room

    @property
    def _share(self) -> int:
        return max(1, self.limit // _LOOK_SHARE) if self.limit > 1 else 0


class Budget:
    """What one user may ask with one application.

    Args:
        groups: Route → the group that it is published to be in, until an answer says another.
    """

    def __init__(self, groups: Mapping[str, str]) -> None:
        self._of = {route: group.lower() for route, group in groups.items()}
        self._groups: dict[str, _Group] = {}
        self._all_held_until = 0.0

    def take(self, route: str, now: float, *, look: bool) -> Grant | float:
        """Leave to make a call now, or the seconds after which to ask again.

        Args:
            route: What is asked.
            now: Seconds.
            look: Whether it is discovery that asks.
        """
        name = self._of.get(route, route)
        group = self._group(name)
        wait = max(self._all_held_until - now, group.wait(now, look=look))
        if wait > 0:
            return wait
        if look:
            group.asked_until = 0.0
        group.flying += 1
        group.flying_looks += look
        return Grant(name, look)

    def wait(self, route: str, now: float, *, calls: int = 1) -> float:
        """Seconds until a look may be taken that needs so many calls; after them it may be as long again."""
        return max(0.0, self._all_held_until - now, self._group(self._of.get(route, route)).wait(now, look=True, calls=calls))

    def room(self, route: str, now: float, *, wanted: bool) -> tuple[int, float]:
        """How many calls for content may be made now; if none, also the seconds until one may.

        Args:
            route: What would be asked.
            now: Seconds.
            wanted: There is content to ask for: for a window from now on looking has no more than its share.
        """
        group = self._group(self._of.get(route, route))
        if wanted:
            group.wanted_until = now + group.window
        held = self._all_held_until - now
        if held <= 0 and (room := group.room(now)):
            return room, 0.0
        return 0, max(held, group.wait(now, look=False))

    def rest(self, route: str, now: float, seconds: float) -> None:
        """The provider wants to be left alone with such calls for so long."""
        group = self._group(self._of.get(route, route))
        group.held_until = max(group.held_until, now + seconds + _MARGIN)

    def answered(self, grant: Grant, route: str, now: float, told: Told) -> None:
        """A call was answered; ``told`` is what the answer said."""
        self._land(grant)
        name = told.group or grant.group
        self._of[route] = name
        group = self._group(name)
        if told.group:
            group.limit, group.window = max(1, told.limit), told.window
        end = now + group.window + _MARGIN
        group.calls.append((end, grant.look))
        if told.group:
            # Less is left than we know of: somebody else spends the same budget, or we did before a restart.
            others = group.limit - len(group.calls) - group.flying - told.remaining
            group.calls += [(end, False)] * max(0, others)

    def lost(self, grant: Grant, now: float) -> None:
        """A call had no answer; it may have been counted all the same."""
        self._land(grant)
        group = self._group(grant.group)
        group.calls.append((now + group.window + _MARGIN, grant.look))

    def again(self, grant: Grant, now: float) -> bool:
        """A call had no answer and is to be repeated at once: whether there is room for both. Then the grant stands for the second one."""
        group = self._group(grant.group)
        group.calls.append((now + group.window + _MARGIN, grant.look))
        group.flying -= 1
        free = now >= self._all_held_until and group.wait(now, look=grant.look) <= 0
        group.flying += 1
        return free

    def refused(self, grant: Grant, now: float, told: Told, retry_after: float | None) -> float:
        """A call was answered 429: nothing of its group is asked before the penalty is over; nothing at all if no group is told.

        Returns:
            Seconds until then.
        """
        self._land(grant)
        wait = (_PENALTY_SECONDS if retry_after is None else retry_after) + _MARGIN
        if told.group:
            group = self._group(told.group)
            group.limit, group.window = max(1, told.limit), told.window
            group.held_until = max(group.held_until, now + wait)
        else:
            self._all_held_until = max(self._all_held_until, now + wait)
        return wait

    def _land(self, grant: Grant) -> None:
        group = self._group(grant.group)
        group.flying -= 1
        group.flying_looks -= grant.look

    def _group(self, name: str) -> _Group:
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = _Group()
        return group
