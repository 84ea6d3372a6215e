"""The options that every command has, and the settings that follow from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from archiver.settings import Settings, load

__all__ = ["Options", "settings_of"]


@Parameter(name="*", group=Group("Everywhere", sort_key=99))
@dataclass(frozen=True, kw_only=True)
class Options:
    """What every command understands; only what was given is set."""

    json: Annotated[bool, Parameter(negative="", show_default=False)] = False
    """One JSON document last on standard output; texts for people go to standard error."""
    config: Path | None = None
    """The settings file, in place of archiver.toml in the home."""
    home: Path | None = None
    """The directory where Archiver keeps what is not told to be elsewhere."""
    database: str | None = None
    """The database: the path of a SQLite file."""
    log_level: Literal["debug", "info", "warning", "error"] | None = None
    """The least important lines that are logged."""
    log_format: Literal["auto", "json", "text"] | None = None
    """How lines are logged."""


def settings_of(options: Options | None, **more: Any) -> Settings:
    """Loads the settings with what the command line gave.

    Args:
        options: Those that every command has.
        **more: Settings of one command only; None was not given.

    Raises:
        ConfigError: See `archiver.settings.load`.
    """
    given = asdict(options or Options()) | more
    config = given.pop("config")
    del given["json"]
    flags = {name: str(value) for name, value in given.items() if value is not None}
    return load(config=config, flags=flags)
