"""``archiver demo``: made-up customers, a Dropbox on loopback with its limits on, the real pipeline between them, and a judge.

In: nothing. Out: live progress, a verdict, an exit code. `world` is what surrounds Archiver, `verdict` what is said of it afterwards.
The only command that knows the sandbox.
"""

from __future__ import annotations

from archiver.cli.demo.command import demo
from archiver.cli.demo.verdict import Verdict

__all__ = ["Verdict", "demo"]
