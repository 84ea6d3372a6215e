"""Events as the pipeline tells them, for those who listen."""

from __future__ import annotations

from archiver.lifecycle import DeliveryState
from archiver.pipeline.events import DeliveryArchived, DeliveryFailed

__all__ = ["archived", "failed"]


def archived(delivery: int = 17, *, in_flight: int = 1, recovered: bool = False) -> DeliveryArchived:
    """A delivery of 1000 bytes that took a quarter of a second, three seconds after it was found."""
    return DeliveryArchived(
        delivery=delivery,
        lane=2,
        customer="acme",
        provider="dropbox",
        attempt=0,
        size=1000,
        seconds=0.25,
        dwell=3.0,
        in_flight=in_flight,
        recovered=recovered,
    )


def failed(delivery: int = 17, *, state: DeliveryState = DeliveryState.WAITING, detail: str = "502") -> DeliveryFailed:
    """A try that failed after half a second."""
    return DeliveryFailed(
        delivery=delivery,
        lane=2,
        customer="acme",
        provider="dropbox",
        state=state,
        attempt=1,
        seconds=0.5,
        reason="TransientError",
        detail=detail,
    )
