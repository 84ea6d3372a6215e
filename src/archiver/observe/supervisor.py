"""What systemd is told of a service with ``Type=notify``: that it is ready, that it stops, and that it lives.

In: ``NOTIFY_SOCKET`` and ``WATCHDOG_USEC`` of the environment, as sd_notify(3) and sd_watchdog_enabled(3) have them. Without them
nothing is told to anybody.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping

from genstage.clock import Clock

__all__ = ["Supervisor"]

_PINGS = 3  # in the time after which systemd takes us for dead
_IDLE_SECONDS = 10.0
_PATIENCE_SECONDS = 0.2  # with a supervisor that does not read


class Supervisor:
    """Whoever started this process and wants to know how it is.

    Args:
        environment: Of the process.
        alive: Whether it lives: its loop turns, and its stages get somewhere or have nothing to do.
        clock: Time.
    """

    def __init__(self, environment: Mapping[str, str], alive: Callable[[], bool], clock: Clock) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        meant = environment.get("WATCHDOG_PID", "") in {"", str(os.getpid())}
        usec = environment.get("WATCHDOG_USEC", "")
        self._watchdog = int(usec) / 1e6 if meant and usec.isdigit() else 0.0
        self._alive = alive
        self._clock = clock

    def tell(self, state: str) -> None:
        """One message, such as ``READY=1``. Whether anybody reads it is not our business."""
        if not self._address.startswith(("/", "@")):
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
                notify.settimeout(_PATIENCE_SECONDS)
                notify.sendto(state.encode(), address)
        except OSError:
            return

    def stopping(self) -> None:
        """It has been told to stop, and drains."""
        self.tell("STOPPING=1\nSTATUS=Finishing what has begun")

    async def run(self) -> None:
        """Says that it is ready, and as long as it lives that it lives; until cancelled."""
        self.tell("READY=1\nSTATUS=Serving")
        while True:
            await self._clock.sleep(self._watchdog / _PINGS or _IDLE_SECONDS)
            if self._watchdog and self._alive():
                self.tell("WATCHDOG=1")
