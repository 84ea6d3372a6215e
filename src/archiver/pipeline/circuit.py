"""The circuit of a provider's site: when it cannot be reached, one lane probes for all; pure.

Without it every lane of an unreachable provider would find out for itself, again and again. It opens after several failures in a row
(from several lanes, if the provider has several), lets one probe through when its time is over, and closes with the first success.
"""

from __future__ import annotations

from archiver.model import LaneId

__all__ = ["Circuit"]

_FAILURES = 5
_LANES = 3
_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 60.0


class Circuit:
    """One provider's circuit.

    Attributes:
        open_until: Nobody calls the provider before this moment; 0 while the circuit is closed.
        failures: In a row, by all lanes.
    """

    def __init__(self) -> None:
        self._close()

    def _close(self) -> None:
        self.open_until = 0.0
        self.failures = 0
        self._lanes: set[LaneId] = set()
        self._seconds = _FIRST_SECONDS
        self._probing: LaneId | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is open, or waits for its probe's answer."""
        return self.open_until > 0.0

    def lets(self, lane: LaneId, now: float) -> bool:
        """Whether a lane may call the provider. While the circuit is open, the first lane to ask after its time becomes the probe."""
        if not self.is_open:
            return True
        if now < self.open_until:
            return False
        if self._probing is None:
            self._probing = lane
        return self._probing == lane

    def failed(self, lane: LaneId, now: float, others: int) -> bool:
        """A call did not reach the provider.

        Args:
            lane: Whose call.
            now: The time, in seconds.
            others: How many other lanes of this provider are awake: a provider with few lanes needs few witnesses.

        Returns:
            Whether the circuit opened, or stays open for longer, because of it.
        """
        self.failures += 1
        self._lanes.add(lane)
        if self.is_open and self._probing != lane:
            return False  # the answer of a call from before it opened
        enough = self.failures >= _FAILURES and len(self._lanes) >= min(_LANES, others + 1)
        if not self.is_open and not enough:
            return False
        self.open_until = now + self._seconds
        self._seconds = min(self._seconds * 2, _LONGEST_SECONDS)
        self._probing = None
        return True

    def passes(self, lane: LaneId) -> bool:
        """A lane has nothing to call the provider with: whether it was the probe, and another lane may be now."""
        if self._probing != lane:
            return False
        self._probing = None
        return True

    def worked(self) -> None:
        """The provider answered: the circuit closes."""
        if self.failures:
            self._close()
