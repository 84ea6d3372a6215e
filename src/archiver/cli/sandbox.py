"""``archiver sandbox``: clouds and a phone system on loopback to try things with."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

from archiver.cli.options import Options
from archiver.errors import ConfigError

__all__ = ["sandbox"]

_HELP = {
    "dropbox": """\
The next line names the address, URL below. Add an account; the answer has its access token:
  curl -d '{"name": "me", "limits": {"calls_per_second": 5, "burst": 5}}' URL/sandbox/accounts
Archive into it:
  ARCHIVER_DROPBOX_ACCESS_TOKEN=… archiver customers add me --from folder:PATH \\
      --to dropbox:/Archive --to-option api_url=URL --to-option content_url=URL
See what it stored, and what it was asked: curl URL/sandbox/stats
""",
    "box": """\
The next line names the address, URL below, and the credentials of a user. Archive into their Box:
  ARCHIVER_BOX_CLIENT_SECRET=… ARCHIVER_BOX_REFRESH_TOKEN=… archiver customers add me --from folder:PATH \\
      --to box:/Archive --to-option client_id=CLIENT_ID --to-option api_url=URL
See what it stored, and what it was asked: curl URL/sandbox/stats
""",
    "gcs": """\
The next line names the address, URL below, a bucket, and the key of a service account. Archive into it:
  ARCHIVER_GCS_SERVICE_ACCOUNT='…' archiver customers add me --from folder:PATH --to gcs:archive --to-option endpoint=URL
""",
    "google": """\
The next line names the address, URL below, and the credentials of a user. Archive into their Drive:
  ARCHIVER_GOOGLE_DRIVE_CLIENT_SECRET=… ARCHIVER_GOOGLE_DRIVE_REFRESH_TOKEN=… archiver customers add me --from folder:PATH \\
      --to google_drive:/Archive --to-option client_id=CLIENT_ID --to-option api_url=URL
See what it stored, and what it was asked: curl URL/sandbox/stats
""",
    "microsoft": """\
The next line names the address, URL below, and the credentials of a user. Archive into their OneDrive:
  ARCHIVER_ONEDRIVE_CLIENT_SECRET=… ARCHIVER_ONEDRIVE_REFRESH_TOKEN=… archiver customers add me --from folder:PATH \\
      --to onedrive:/Archive --to-option client_id=CLIENT_ID --to-option api_url=URL
See what it stored, and what it was asked: curl URL/sandbox/stats
""",
    "ringcentral": """\
The next line names the address, URL below, and the credentials of a user of a made company. Archive what it has:
  ARCHIVER_RINGCENTRAL_CLIENT_SECRET=… ARCHIVER_RINGCENTRAL_JWT=… archiver customers add me \\
      --from ringcentral:CLIENT_ID --from-option base_url=URL --to folder:PATH
  archiver run
See what it has, and what it was asked: curl URL/sandbox/stats
""",
    "twilio": """\
The next line names the address, URL below, and the credentials of a made account with subaccounts. Archive what it has:
  ARCHIVER_TWILIO_API_SECRET=AUTH_TOKEN archiver customers add me \\
      --from twilio:ACCOUNT_SID --from-option base_url=URL --to folder:PATH
  archiver run
See what it has, and what it was asked: curl URL/sandbox/stats
""",
}


def sandbox(
    cloud: Literal["box", "dropbox", "gcs", "google", "microsoft", "ringcentral", "twilio"] = "dropbox",
    *,
    port: int = 0,
    state: Path | None = None,
    window: float = 60.0,
    options: Options | None = None,
) -> None:
    """Serve a cloud or a phone system on loopback that throttles, fails and keeps a ledger, until it is told to stop.

    Its first line on standard output is one JSON object with its address.

    ```
    archiver sandbox dropbox --port 8700 --state ./sandbox
    archiver sandbox google --port 8702
    archiver sandbox box --port 8705
    archiver sandbox gcs --port 8703
    archiver sandbox microsoft --port 8704
    archiver sandbox ringcentral --port 8701 --window 6
    archiver sandbox twilio --port 8706
    ```

    Args:
        cloud: Which: `box`, `dropbox`, `gcs` (Google Cloud Storage), `google` (Drive), `microsoft` (OneDrive), `ringcentral`, `twilio`.
        port: Where to listen on 127.0.0.1; 0 takes a free port.
        state: Keep everything in this directory, and go on with what is there (dropbox).
        window: Seconds of the limits' window and penalty; shorter ones save time (ringcentral).
    """
    if options is None or not options.json:
        sys.stderr.write(_HELP[cloud])
    command = [sys.executable, "-m", "archiver.sandbox", "--port", str(port)]
    if cloud != "dropbox":
        if state is not None:
            raise ConfigError(f"the sandbox {cloud} keeps nothing", hint="Leave --state out; it begins anew each time.")
        command[2] = f"archiver.sandbox.{cloud}"
    if cloud == "ringcentral":
        command += ["--window", str(window)]
    if state is not None:
        command += ["--state", str(state.expanduser().absolute())]
    sys.stdout.flush()
    sys.stderr.flush()
    # In place of this process, so that signals reach it and its exit code is ours.
    os.execv(sys.executable, command)  # noqa: S606  our own module, no shell
