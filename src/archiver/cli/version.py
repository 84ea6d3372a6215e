"""``archiver version``: what is installed."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version

from archiver.cli.options import Options
from archiver.cli.output import Output

__all__ = ["installed_version", "version"]


def installed_version() -> str:
    """The version of the distribution ``call-archiver``."""
    try:
        return distribution_version("call-archiver")
    except PackageNotFoundError:
        return "unknown"  # run from a copy of the sources that nobody installed


def version(*, options: Options | None = None) -> None:
    """Show the version of Archiver and of what it runs on.

    ```
    archiver version --json
    ```
    """
    out = Output(options)
    facts = {"archiver": installed_version(), "python": platform.python_version(), "platform": platform.platform(terse=True)}
    out.say("\n".join(f"{name} {text}" for name, text in facts.items()))
    out.result(facts)
