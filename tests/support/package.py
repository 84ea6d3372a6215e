"""Packages as other people make them: one module, one entry point, a wheel, installed beside Archiver."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["install"]

_PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-{name}"
version = "1.0"
dependencies = ["call-archiver"]

[project.entry-points."{group}"]
{name} = "{module}:{adapter}"

[tool.hatch.build.targets.wheel]
include = ["{module}.py"]
"""


def install(example: Path, group: str, name: str, folder: Path, adapter: str = "ADAPTER") -> Path:
    """Builds a wheel of one module that registers an adapter, and installs it.

    Args:
        example: The module's file.
        group: The entry-point group.
        name: What the adapter is called.
        folder: Where it may work; empty.
        adapter: The adapter's name in the module.

    Returns:
        The directory that must be on the module path.
    """
    project, target = folder / "project", folder / "installed"
    project.mkdir()
    shutil.copy(example, project)
    (project / "pyproject.toml").write_text(_PROJECT.format(name=name, group=group, module=example.stem, adapter=adapter))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    alone = ["--no-index", "--no-deps"]
    _run([*pip, "wheel", *alone, "--no-build-isolation", "--wheel-dir", str(folder), str(project)])
    (wheel,) = folder.glob("*.whl")
    _run([*pip, "install", *alone, "--target", str(target), str(wheel)])
    return target


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
