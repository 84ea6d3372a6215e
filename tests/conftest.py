"""What every test starts from: an environment without Archiver's variables, and properties that do not fail for being slow."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# A shared machine is sometimes slow; a property that hangs is ended by the test's own timeout.
settings.register_profile("archiver", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("archiver")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting leaks in from whoever runs the tests; ``ARCHIVER_TEST_…`` are meant for the tests."""
    for name in os.environ:
        if name.startswith("ARCHIVER_") and not name.startswith("ARCHIVER_TEST_"):
            monkeypatch.delenv(name)
