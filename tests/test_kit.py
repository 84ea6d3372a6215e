"""The table of ``make conformance``."""

from __future__ import annotations

from typing import Any

import pytest

from support.kit import Kit, destination_of


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("tests/archiver/destinations/s3/test_conformance.py::TestS3::test_x[yes]", "s3"),
        ("tests/archiver/destinations/test_folder.py::TestFolder::test_x", "folder"),
        ("tests/mine/test_mine.py::TestMine::test_x", "mine"),
    ],
)
def test_whose_kit_a_test_is_of(nodeid: str, name: str) -> None:
    """The folder or the file right under ``destinations`` names the destination."""
    assert destination_of(nodeid) == name


def test_a_destination_without_a_kit_is_missed() -> None:
    """What is registered and did not run is told, and what was skipped as a whole is not."""

    def report(name: str, outcome: Any, why: str = "") -> pytest.TestReport:
        nodeid = f"tests/archiver/destinations/{name}/test_conformance.py::T::test_x"
        reason = ("file", 1, f"Skipped: {why}") if why else None
        return pytest.TestReport(nodeid, ("file", 1, "x"), {}, outcome, reason, "setup" if why else "call")

    kit = Kit(("dropbox", "s3", "azure"))
    kit.pytest_runtest_logreport(report("dropbox", "passed"))
    kit.pytest_runtest_logreport(report("azure", "skipped", "there is no node"))
    assert kit.missing() == ["s3"]
