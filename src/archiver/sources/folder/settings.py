"""What a folder source is told: its options, and the record they become."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from archiver.adapter import Option
from archiver.errors import ConfigError
from archiver.model import Kind
from archiver.sources.files.kinds import KINDS, option_kinds

__all__ = ["OPTIONS", "FolderSettings", "Sidecars", "settings_from"]


class Sidecars(StrEnum):
    """What sidecars mean to a folder."""

    OPTIONAL = "optional"
    """Used where there is one beside the file when the file is found, or up to ``settle`` later."""
    REQUIRED = "required"
    """A file without one is not an item yet."""
    IGNORED = "ignored"
    """Never read."""


class FolderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A folder source's settings.

    Attributes:
        root: Absolute path of the folder.
        kinds: Lower-case extension with its dot → what such a file is.
        sidecars: What sidecars mean.
        watch: False looks once and ends.
        rescan_interval: Seconds between two looks at every directory, since events of a watch get lost.
        settle: Seconds for which a file must not have changed where the system does not tell that it was closed; also the grace for a
            sidecar that comes after its file.
        thorough_every: Each so many rescans the folder is walked as a whole, without trusting the dates of its directories.
    """

    root: str
    kinds: Mapping[str, Kind] = KINDS
    sidecars: Sidecars = Sidecars.OPTIONAL
    watch: bool = True
    rescan_interval: float = 30.0
    settle: float = 0.2
    thorough_every: int = 20


OPTIONS = (
    Option(name="path", help="The folder to archive.", type="path", main=True),
    Option(
        name="kinds",
        help="More extensions and what such files are, such as '.amr=recording,.html=sms'.",
        optional=True,
    ),
    Option(
        name="sidecars",
        help="Whether '<file name>.json' beside a file tells about it: optional, required (a file waits for it) or ignored.",
        default=Sidecars.OPTIONAL.value,
    ),
    Option(name="watch", help="Go on with what comes; otherwise look once and end.", type="boolean", default=True),
    Option(name="rescan_interval", help="Seconds between two looks at the whole folder.", type="number", default=30.0),
    Option(
        name="settle",
        help="Seconds for which a file must be quiet where nothing tells that it was closed.",
        type="number",
        default=0.2,
    ),
)


def settings_from(options: Mapping[str, Any]) -> FolderSettings:
    """Makes the record from checked options.

    Raises:
        ConfigError: A value cannot be; named, but not shown.
    """
    if options["rescan_interval"] <= 0 or options["settle"] < 0:
        raise ConfigError("folder: 'rescan_interval' must be positive and 'settle' not negative")
    try:
        sidecars = Sidecars(options["sidecars"])
    except ValueError:
        raise ConfigError("folder: the option 'sidecars' has a value it cannot have", hint=f"One of: {', '.join(Sidecars)}.") from None
    return FolderSettings(
        # Not resolved: a link may point elsewhere tomorrow, and resolving would wait for the disk.
        root=str(Path(options["path"]).expanduser().absolute()),
        kinds={**KINDS, **option_kinds("folder", options.get("kinds", ""))},
        sidecars=sidecars,
        watch=options["watch"],
        rescan_interval=options["rescan_interval"],
        settle=options["settle"],
    )
