"""Storages that rclone knows, in front of which its destination is tested, and sections that name them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archiver.adapter import Secrets, check_options
from archiver.destinations.port import Context, Unpaced
from archiver.destinations.rclone import RcloneAdapter, RcloneDestination
from genstage.clock import SystemClock

__all__ = ["PROGRAM", "obscured", "opened", "section"]

PROGRAM = str(Path(sys.executable).with_name("rclone"))


def obscured(password: str) -> str:
    """A password as rclone.conf has it."""
    return subprocess.run([PROGRAM, "obscure", "-"], input=password, capture_output=True, text=True, check=True).stdout.strip()


def section(kind: str, **values: Any) -> str:
    """A section of rclone.conf."""
    return "\n".join(["[acme]", f"type = {kind}", *(f"{name} = {value}" for name, value in values.items())]) + "\n"


def opened(adapter: RcloneAdapter, config: str, path: str, *, secrets: Secrets | None = None, **options: Any) -> RcloneDestination:
    """A destination, as the app opens one; the section is trusted unless ``options`` says otherwise."""
    given: Mapping[str, Any] = {"config": config, "path": path, "trusted": "yes", **options}
    checked = check_options("rclone", adapter.options, given)
    return adapter.open(checked, Context(pace=Unpaced(), clock=SystemClock(), secrets=secrets))
