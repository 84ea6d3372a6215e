"""Box, in the sandbox without limits, beside real rclone; see `benchmarks.tunnelled`.

Both send a small file in one call. rclone looks for each folder before it makes it, asks first whether a file would be taken, and its pace
cannot be switched off: at most a call each 10 ms, which is six times what Box permits a user.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tunnel import BOX_HOSTS
from benchmarks.tunnelled import FAR, TunnelledContest

__all__ = ["CONTEST", "BoxContest"]


class BoxContest(TunnelledContest):
    """See `benchmarks.contests.Contest`."""

    name = "box"
    world = "box"
    hosts = BOX_HOSTS

    def options(self) -> Mapping[str, Any]:
        """A user, with a token that holds: a destination is opened for each round, and a refresh token works once."""
        return {"root": "/ours", "api_url": self.served.url, "access_token": self.served.access_token}

    def words(self) -> Sequence[str]:
        """The same user."""
        served = self.served
        token = json.dumps({"access_token": served.access_token, "token_type": "Bearer", "expiry": FAR})
        return ["type = box", f"client_id = {served.client_id}", f"client_secret = {served.client_secret}", f"token = {token}"]


CONTEST = BoxContest
