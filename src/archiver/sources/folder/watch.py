"""What a folder's watch is. Events are hints: they get lost, and the rescans find what they missed."""

from __future__ import annotations

import asyncio
import sys
from typing import Protocol

__all__ = ["Watch", "watch_of"]


class Watch(Protocol):
    """Hears of changes in a folder and wakes the event loop.

    Attributes:
        changed: Set when `take` has something to say.
        failed: Why the folder cannot be watched; empty while it can. Rescans must do then.
    """

    changed: asyncio.Event
    failed: str

    def start(self) -> None:
        """Begins to listen, or tries again where that failed. Called before every walk over everything."""
        ...

    def cover(self, directory: str) -> None:
        """Says that a directory, a path below the root, is about to be listed: what changes in it from now on must be heard of.

        Called by whichever thread walks.
        """
        ...

    def take(self) -> tuple[set[str], bool]:
        """What changed since the last call: absolute paths, and whether only a rescan can tell."""
        ...

    def stop(self) -> None:
        """Ends the watch soon, and wakes whoever waits; harmless when called twice."""
        ...


def watch_of(root: str) -> Watch:
    """The watch of a folder that this system is best watched with; made stopped, of the running event loop."""
    # Each is imported only where it is used: the one needs Linux, the other a library.
    if sys.platform == "linux":
        from archiver.sources.folder.inotify import Inotify  # noqa: PLC0415 - see above

        return Inotify(root)
    else:  # noqa: RET505 - a type checker knows this form, and takes the branch of another system for what it is
        from archiver.sources.folder.notifier import Notifier  # noqa: PLC0415 - see above

        return Notifier(root)
