"""Whether a file is whole: its writer has closed it, or, where that cannot be asked, it has been quiet for a while."""

from __future__ import annotations

import errno
import os
import signal
import sys

if sys.platform == "linux":
    # Other systems have no such module.
    import fcntl

__all__ = ["is_closed"]


def is_closed(path: str) -> bool | None:
    """Whether nobody has the file open for writing; None if the system does not tell.

    Linux grants a read lease only on a file that nobody has open for writing (fcntl(2), F_SETLEASE), to the file's owner and to root,
    and not on network file systems. Closing the file gives it back at once; a writer that comes in between waits for some microseconds.

    Raises:
        FileNotFoundError: It is not there.
    """
    if sys.platform != "linux":
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise
    except OSError:
        # Not ours to read: it is found all the same, and the error shows when it is read.
        return None
    try:
        # A broken lease is announced by SIGIO, which ends a process that does not expect it; SIGURG is ignored unless somebody listens.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return False if error.errno == errno.EAGAIN else None
    else:
        return True
    finally:
        os.close(descriptor)
