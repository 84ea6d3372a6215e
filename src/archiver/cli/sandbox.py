"""``archiver sandbox``: a Dropbox on loopback to try things with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from archiver.cli.options import Options

__all__ = ["sandbox"]

_HELP = """\
The next line names the address, URL below. Add an account; the answer has its access token:
  curl -d '{"name": "me", "limits": {"calls_per_second": 5, "burst": 5}}' URL/sandbox/accounts
Archive into it:
  ARCHIVER_DROPBOX_ACCESS_TOKEN=… archiver customers add me --from folder:PATH \\
      --to dropbox:/Archive --to-option api_url=URL --to-option content_url=URL
See what it stored, and what it was asked: curl URL/sandbox/stats
"""


def sandbox(*, port: int = 0, state: Path | None = None, options: Options | None = None) -> None:
    """Serve a Dropbox on loopback that throttles, fails and keeps a ledger, until it is told to stop.

    Its first line on standard output is one JSON object with its address.

    ```
    archiver sandbox --port 8700 --state ./sandbox
    ```

    Args:
        port: Where to listen on 127.0.0.1; 0 takes a free port.
        state: Keep everything in this directory, and go on with what is there.
    """
    if options is None or not options.json:
        sys.stderr.write(_HELP)
    command = [sys.executable, "-m", "archiver.sandbox", "--port", str(port)]
    if state is not None:
        command += ["--state", str(state.expanduser().absolute())]
    sys.stdout.flush()
    sys.stderr.flush()
    # In place of this process, so that signals reach it and its exit code is ours.
    os.execv(sys.executable, command)  # noqa: S606  our own module, no shell
