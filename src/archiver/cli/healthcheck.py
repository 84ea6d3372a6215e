"""``archiver healthcheck``: asks a running process on this machine how it is, for containers."""

from __future__ import annotations

import http.client
import json
from typing import Annotated

from cyclopts import Parameter

from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output
from archiver.errors import ConfigError, UnavailableError
from archiver.observe.address import address_of

__all__ = ["healthcheck"]

_PATIENCE_SECONDS = 5.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  where it listens everywhere, this machine reaches it here


def healthcheck(
    *,
    metrics: str | None = None,
    live: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    options: Options | None = None,
) -> int:
    """Ask the `archiver run` of this machine how it is; the exit code is 0 if it does its work, 1 if not.

    It asks where the setting `metrics` says that health is served. For a container's HEALTHCHECK and for scripts.

    ```
    archiver healthcheck
    archiver healthcheck --live --metrics 127.0.0.1:9464
    ```

    Args:
        metrics: Where to ask, in place of the setting.
        live: Ask only whether it lives; a database that is away, or a drain, is then no reason for 1.
    """
    out = Output(options)
    address = settings_of(options, metrics=metrics).metrics
    if not address:
        raise ConfigError("nobody serves health", hint="Set metrics, such as ARCHIVER_METRICS=127.0.0.1:9464, also for archiver run.")
    host, port = address_of(address)
    connection = http.client.HTTPConnection(_ANY.get(host, host), port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/healthz")
        health = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UnavailableError(f"no archiver answers on {address}", hint="Does it run, with the same setting metrics?") from error
    finally:
        connection.close()
    for check in health["checks"]:
        out.say(f"{'✓' if check['ok'] else '✗'} {check['name']}: {check['detail']}")
    for text in health["attention"]:
        out.say(f"! {text}")
    out.result(health)
    return 0 if health["live" if live else "ready"] else 1
