"""``archiver settings``: every setting, its value, and where the value came from."""

from __future__ import annotations

from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output
from archiver.settings import explain

__all__ = ["settings"]


def settings(*, options: Options | None = None) -> None:
    """Show every setting, its value, and where the value came from.

    A flag beats the environment, which beats the settings file. The environment's name of a setting is `ARCHIVER_` and its own in
    capitals. Secrets are shown as `***`.

    ```
    archiver settings
    archiver config show
    ARCHIVER_UPLOADS_IN_FLIGHT=100 archiver settings --json
    ```
    """
    out = Output(options)
    rows = explain(settings_of(options))
    out.table(["setting", "value", "from", "meaning"], [(r.name, r.value, r.origin, r.help) for r in rows])
    out.result(rows)
