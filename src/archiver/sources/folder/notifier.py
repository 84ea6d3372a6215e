"""Hears of changes in a folder where the system is not Linux, from a library that knows every system's way."""

from __future__ import annotations

import asyncio
import threading

import watchfiles

__all__ = ["Notifier"]

_STEP_MS = 50
"""How long the notifier gathers events before it tells of them, and how often it looks whether it should stop."""
_IDLE_MS = 250
"""When nothing has happened for so long, the watch is known to have begun."""
_RETRY_SECONDS = 30.0
"""Between two tries to watch a folder that could not be watched."""
_MOST_PATHS = 10_000
"""More is not kept: a rescan finds them."""


class Notifier:
    """A `Watch` that is a thread: it listens to the file system and wakes the event loop.

    Args:
        root: The folder, without symbolic links in its path.

    Attributes:
        changed: Set when `take` has something to say.
        failed: Why the folder cannot be watched; empty while it can. Rescans must do then.
    """

    def __init__(self, root: str) -> None:
        self.changed = asyncio.Event()
        self.failed = ""
        self._root = root
        self._paths: set[str] = set()
        self._rescan = False
        self._stop = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._listen, name="folder-watch", daemon=True)

    def start(self) -> None:
        """Begins to listen, in a moment: when it does, `take` asks for a rescan, for what came before. It tries again by itself."""
        if self._thread.ident is None:
            self._thread.start()

    def cover(self, directory: str) -> None:
        """Nothing to do: it hears of the whole folder."""

    def take(self) -> tuple[set[str], bool]:
        """What changed since the last call: absolute paths, and whether only a rescan can tell."""
        paths, self._paths = self._paths, set()
        rescan, self._rescan = self._rescan, False
        self.changed.clear()
        return paths, rescan

    def stop(self) -> None:
        """Ends the thread within a moment, and wakes whoever waits; harmless when called twice."""
        self._stop.set()
        self.changed.set()

    def _listen(self) -> None:
        lenient = False
        while not self._stop.is_set():
            try:
                self._hear_until_stopped(lenient=lenient)
            except PermissionError as error:
                # Leaving out what may not be watched also leaves out other errors, so it is only done where it must be.
                if lenient:
                    self._fail(error)
                lenient = True
            except (OSError, RuntimeError) as error:
                # Such as: no more watches allowed (fs.inotify.max_user_watches), the folder is gone, a name that is no Unicode text.
                self._fail(error)

    def _hear_until_stopped(self, *, lenient: bool) -> None:
        listening = False
        for changes in watchfiles.watch(
            self._root,
            watch_filter=None,
            debounce=_STEP_MS,
            step=_STEP_MS,
            rust_timeout=_IDLE_MS,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
            ignore_permission_denied=lenient,
        ):
            paths = [path for change, path in changes if change is not watchfiles.Change.deleted]
            if paths or not listening:
                self._tell(paths, rescan=not listening)
            listening = True

    def _fail(self, error: Exception) -> None:
        self._tell([], rescan=True, failed=str(error) or type(error).__name__)
        self._stop.wait(_RETRY_SECONDS)

    def _tell(self, paths: list[str], *, rescan: bool, failed: str = "") -> None:
        try:
            self._loop.call_soon_threadsafe(self._hear, paths, rescan, failed)
        except RuntimeError:
            # The loop was closed: nobody listens any more.
            self._stop.set()

    def _hear(self, paths: list[str], rescan: bool, failed: str) -> None:
        self._paths.update(paths)
        if len(self._paths) > _MOST_PATHS:
            self._paths.clear()
            rescan = True
        self._rescan = self._rescan or rescan
        self.failed = failed
        self.changed.set()
