"""Several listeners as one."""

from __future__ import annotations

from archiver.pipeline.events import Event, Listener

__all__ = ["Listener", "together"]


def together(*listeners: Listener) -> Listener:
    """A listener that tells each of them, in their order."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell
