"""Becomes another program that is killed when its parent dies, however that dies: ``python -I child.py PARENT PROGRAM …``.

Run as a script, in a process of its own. Linux knows how; elsewhere the program begins without that promise.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1  # linux/prctl.h; holds through exec


def main(arguments: list[str]) -> None:
    """Never returns.

    Args:
        arguments: The parent's process id, the program, and what it is given.
    """
    parent, program, *given = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(0)  # it died in between, and nobody would tell
    os.execv(program, [program, *given])  # noqa: S606  no shell is meant


if __name__ == "__main__":
    main(sys.argv[1:])
