"""Through rclone to a server of WebDAV, beside rclone alone: the same program makes the calls for both.

Ours has them from another process, looks before and after, and moves each file to its name. Rclone alone lets ten milliseconds pass between
calls to such a server; through us it does not, since the pacer decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.contests.webdav import WebDavContest

__all__ = ["CONTEST", "RcloneContest"]


class RcloneContest(WebDavContest):
    """See `benchmarks.contests.Contest`."""

    name = "rclone"

    def options(self) -> Mapping[str, Any]:
        """A folder of it."""
        return {"config": self.section(self.folder()), "trusted": "yes"}


CONTEST = RcloneContest
