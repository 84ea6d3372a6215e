"""The options of a storage that rclone knows, as data, and how they become a destination."""

from __future__ import annotations

from typing import Any

from archiver.adapter import Option
from archiver.destinations.port import Context
from archiver.destinations.rclone.daemon import Daemons, program
from archiver.destinations.rclone.destination import FEATURES, RcloneDestination
from archiver.destinations.rclone.remote import Remote
from archiver.destinations.rclone.section import read_section
from archiver.errors import ConfigError

__all__ = ["ADAPTER", "RcloneAdapter"]


class RcloneAdapter:
    """Registers the destination ``rclone``.

    Attributes:
        daemons: Where the one rclone comes from that all its destinations share.
    """

    name = "rclone"
    summary = "Any of the seventy kinds of storage that rclone knows; needs the extra rclone."
    features = FEATURES
    options = (
        Option(name="path", help="The folder, or the bucket and what follows, such as archive/calls.", main=True, site=True, default=""),
        Option(name="config", help="The storage's section of rclone.conf, as `rclone config show NAME` prints it.", secret=True),
        Option(
            name="trusted",
            help="The section may name servers, files and folders of this machine: for one that you wrote yourself.",
            type="boolean",
            default=False,
        ),
        Option(name="verify", help="told: what the storage tells, size and hash; read: read each file back, too.", default="told"),
    )

    def __init__(self) -> None:
        self.daemons = Daemons()

    def open(self, options: dict[str, Any], context: Context) -> RcloneDestination:
        """Makes the destination; starts nothing yet."""
        if not program():
            raise ConfigError("rclone is not installed", hint="Install the extra: pip install 'call-archiver[rclone]'.")
        verify, path = options["verify"].strip().lower(), options["path"].strip()
        if verify not in {"told", "read"}:
            raise ConfigError("rclone: the option 'verify' must be told or read")
        if not path.isprintable() or {".", ".."} & set(path.split("/")):
            raise ConfigError("rclone: the option 'path' is not a folder's path", hint="Such as: archive/calls")
        section = read_section(options["config"], trusted=options["trusted"])
        remote = Remote(context, self.daemons.take, section, path.rstrip("/") or path, trusted=options["trusted"])
        return RcloneDestination(context, self.daemons, remote, reads_back=verify == "read")


ADAPTER = RcloneAdapter()
