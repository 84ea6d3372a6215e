"""The lock: everything that the project asks for is pinned to a version that it accepts, and every pin has hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)(?: ; [^\\]+)?((?: \\\n +--hash=sha256:[0-9a-f]{64})*)$", re.MULTILINE)


def test_the_lock_fits_the_project() -> None:
    """Each dependency of pyproject.toml is in the lock, at a version that its specifier allows; else run `make lock`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pinned = {canonicalize_name(name): version for name, version, _ in PIN.findall((ROOT / "requirements.lock").read_text())}
    wanted = [Requirement(text) for text in [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]]
    assert [str(one) for one in wanted if not one.specifier.contains(pinned.get(canonicalize_name(one.name), ""), prereleases=True)] == []


def test_every_pin_has_hashes() -> None:
    """Nothing is installed whose bytes were not known when the lock was made."""
    text = (ROOT / "requirements.lock").read_text()
    pins = PIN.findall(text)
    assert len(pins) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))
    assert [name for name, _, hashes in pins if not hashes] == []
