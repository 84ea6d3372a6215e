"""What importing the toolkit loads, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COST = """
import time
begin = time.process_time()
import asyncio
middle = time.process_time()
import genstage
end = time.process_time()
print(middle - begin, end - middle)
"""


def python(code: str, **environment: str) -> str:
    """What a new interpreter prints."""
    settings = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30, env=settings)
    assert done.stderr == ""
    return done.stdout


def test_nothing_but_the_standard_library_is_loaded() -> None:
    """Neither by the package nor by any of its parts."""
    code = (
        "import sys, genstage, genstage.broadway, genstage.flow, genstage.telemetry, genstage.testing, genstage.watch\n"
        "print(*{name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'genstage', '__main__'})"
    )
    loaded = {name for name in python(code).split() if not name.startswith(("_", "sitecustomize"))}
    assert loaded == set()


def test_importing_it_is_cheap(tmp_path: Path) -> None:
    """It costs less than 0.7 of what importing asyncio costs, which is some 40 ms of CPU; compiled, as installed packages are."""
    python(COST, PYTHONPYCACHEPREFIX=str(tmp_path))  # writes the byte code
    costs = [list(map(float, python(COST, PYTHONPYCACHEPREFIX=str(tmp_path)).split())) for _ in range(5)]
    assert min(own for _, own in costs) < 0.7 * min(base for base, _ in costs)
