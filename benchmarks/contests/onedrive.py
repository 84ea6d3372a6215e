"""OneDrive, in the sandbox without limits, beside real rclone; see `benchmarks.tunnelled`.

rclone sends a file of any size through an upload session by default. Here it is told to take the same single call as ours for small
ones, so that the better of its ways stands beside us; it then sets the file's date by a second call. Its pace cannot be switched off:
at most a call each 10 ms, which is ten times what Microsoft permits a small organisation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tunnel import MICROSOFT_HOSTS
from benchmarks.tunnelled import FAR, TunnelledContest

__all__ = ["CONTEST", "OneDriveContest"]


class OneDriveContest(TunnelledContest):
    """See `benchmarks.contests.Contest`."""

    name = "onedrive"
    world = "microsoft"
    hosts = MICROSOFT_HOSTS
    flags = ("--onedrive-upload-cutoff", "4M")

    def options(self) -> Mapping[str, Any]:
        """A user, linked for good."""
        served = self.served
        return {
            "root": "/ours",
            "api_url": served.url,
            "client_id": served.client_id,
            "client_secret": served.client_secret,
            "refresh_token": served.refresh_token,
        }

    def words(self) -> Sequence[str]:
        """The same user, with a token that holds."""
        served = self.served
        token = json.dumps({"access_token": served.access_token, "token_type": "Bearer", "expiry": FAR})
        words = ["type = onedrive", f"client_id = {served.client_id}", f"client_secret = {served.client_secret}"]
        return [*words, f"drive_id = {served.drive_id}", "drive_type = business", f"token = {token}"]


CONTEST = OneDriveContest
