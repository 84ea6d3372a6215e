"""The kit of destinations on every destination, with a table at the end: ``pytest -p support.kit tests/archiver/destinations``.

Only tests of the kit run. A destination which is registered and has no kit is a failure; one that is skipped says why.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from archiver import registry
from archiver.destinations.conformance import DestinationConformance

__all__ = ["Kit", "destination_of", "pytest_configure"]


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest when it loads this module."""
    config.pluginmanager.register(Kit(registry.destinations()), "archiver-kit")


def destination_of(nodeid: str) -> str:
    """The destination that a test is about: the folder or the file right under ``destinations``."""
    parts = Path(nodeid.partition("::")[0]).parts
    name = parts[parts.index("destinations") + 1] if "destinations" in parts[:-1] else parts[-1]
    return name.removeprefix("test_").removesuffix(".py")


class Kit:
    """Picks the tests of the kit, and tells how they ended.

    Args:
        registered: The names of all destinations.
    """

    def __init__(self, registered: tuple[str, ...]) -> None:
        self._registered = registered
        self._ends: dict[str, Counter[str]] = {}
        self._reasons: dict[str, Counter[str]] = {}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leaves out what is not of the kit."""
        of_kit = [item for item in items if isinstance(item, pytest.Function) and issubclass(item.cls or object, DestinationConformance)]
        config.hook.pytest_deselected(items=[item for item in items if item not in of_kit])
        items[:] = of_kit

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Counts one end."""
        if report.when == "call" or report.outcome != "passed":
            name = destination_of(report.nodeid)
            if report.when != "teardown" or report.outcome == "failed":
                self._ends.setdefault(name, Counter())[report.outcome] += 1
            if report.skipped and isinstance(report.longrepr, tuple):
                self._reasons.setdefault(name, Counter())[report.longrepr[2].removeprefix("Skipped: ")] += 1

    def missing(self) -> list[str]:
        """The destinations whose kit did not run."""
        return [name for name in self._registered if not self._ends.get(name)]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A destination without a kit is a failure."""
        if self.missing() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """A line for each destination, and why something was skipped."""
        terminalreporter.section("the kit of destinations")
        for name in sorted({*self._registered, *self._ends}):
            ends = self._ends.get(name)
            told = (
                ", ".join(f"{ends[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped") if ends[outcome])
                if ends
                else "NO KIT"
            )
            terminalreporter.line(f"{name:14} {told}")
            for reason, count in self._reasons.get(name, Counter()).items():
                terminalreporter.line(f"{'':14} {count} skipped: {reason}")
