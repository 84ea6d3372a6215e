"""Google Drive, in the sandbox without limits, beside real rclone; see `benchmarks.tunnelled`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tunnel import GOOGLE_HOSTS
from benchmarks.tunnelled import FAR, TunnelledContest

__all__ = ["CONTEST", "GoogleDriveContest"]


class GoogleDriveContest(TunnelledContest):
    """See `benchmarks.contests.Contest`. rclone's own pace is switched off."""

    name = "google_drive"
    world = "google"
    hosts = GOOGLE_HOSTS
    flags = ("--drive-pacer-min-sleep", "0", "--drive-pacer-burst", "100000")

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
        words = ["type = drive", f"client_id = {served.client_id}", f"client_secret = {served.client_secret}"]
        return [*words, "scope = drive.file", f"token = {token}"]


CONTEST = GoogleDriveContest
