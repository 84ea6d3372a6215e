"""Takes what the console's pages need from npm into the package: ``python tools/vendor.py``. Needs npm; nothing else ever does.

In: the list below. Out: the files, their licences, and ``vendor.lock``, which says for each file where it came from and its SHA-256. A test
holds the files against the lock, so what is served is what was looked at here.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SERVED = ROOT / "src" / "archiver" / "console" / "static" / "vendor"
TESTS = ROOT / "tests" / "archiver" / "console" / "vendor"

PACKAGES = {
    "htmx.org@4.0.1": (SERVED, ["dist/htmx.min.js", "dist/ext/hx-sse.min.js", "LICENSE"]),
    "uplot@1.6.32": (SERVED, ["dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE"]),
    "axe-core@4.14.1": (TESTS, ["axe.min.js", "LICENSE"]),
}
"""What is taken: the package with its version → where to, and which of its files."""


def take(package: str, folder: Path, files: list[str]) -> list[dict[str, str]]:
    """Packs one package, copies its files, and returns their lines of the lock."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed to vendor anew; what is there already needs nothing")
    name = package.rpartition("@")[0]
    lines = []
    with tempfile.TemporaryDirectory() as directory:
        command = [npm, "pack", "--silent", "--pack-destination", directory, package]
        subprocess.run(command, check=True, capture_output=True, cwd=directory)  # noqa: S603  our own words
        (archive,) = Path(directory).glob("*.tgz")
        with tarfile.open(archive) as packed:
            about = json.load(packed.extractfile("package/package.json"))  # type: ignore[arg-type]  a regular file
            for file in files:
                data = packed.extractfile(f"package/{file}").read()  # type: ignore[union-attr]  a regular file
                target = folder / (f"{name}.LICENSE" if file == "LICENSE" else Path(file).name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                lines.append(
                    {
                        "file": target.name,
                        "package": package,
                        "path": file,
                        "licence": about["license"],
                        "sha256": hashlib.sha256(data).hexdigest(),
                    }
                )
    return lines


def main() -> None:
    """Takes everything anew."""
    lines: dict[Path, list[dict[str, str]]] = {}
    for package, (folder, files) in PACKAGES.items():
        lines.setdefault(folder, []).extend(take(package, folder, files))
    for folder, locked in lines.items():
        (folder / "vendor.lock").write_text(json.dumps(locked, indent=2) + "\n")


if __name__ == "__main__":
    main()
