"""What every test starts from: an environment without Archiver's variables, and properties that do not fail for being slow.

And what some start from: a database on a real PostgreSQL, which is started for the first test that wants it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from support.postgres import Server  # costs every run of any test a third of a second

# A shared machine is sometimes slow; a property that hangs is ended by the test's own timeout.
settings.register_profile("archiver", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("archiver")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting leaks in from whoever runs the tests; ``ARCHIVER_TEST_…`` are meant for the tests."""
    for name in os.environ:
        if name.startswith("ARCHIVER_") and not name.startswith("ARCHIVER_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL for the whole session; tests make databases in it and never stop it."""
    from support.postgres import OwnServer, session_server  # noqa: PLC0415  as above

    named = session_server()
    if named is not None:
        yield named
        return
    with OwnServer() as server:
        yield server


@pytest.fixture(scope="session")
def _postgres_databases(postgres_server: Server) -> Iterator[tuple[str, Iterator[int]]]:
    """The name of a migrated, empty database to copy, and numbers for the copies."""
    from support.postgres import migrate  # noqa: PLC0415  as above

    template = f"archiver_test_{os.getpid()}"
    postgres_server.drop(template)
    migrate(postgres_server.create(template))
    yield template, count(1)
    postgres_server.drop(template)


@pytest.fixture
def new_postgres_address(postgres_server: Server, _postgres_databases: tuple[str, Iterator[int]]) -> Iterator[Callable[[], str]]:
    """Makes migrated, empty databases of the test's own; the address of one more at each call."""
    template, numbers = _postgres_databases
    names: list[str] = []

    def create() -> str:
        names.append(f"{template}_{next(numbers)}")
        return postgres_server.create(names[-1], template)

    yield create
    for name in names:
        postgres_server.drop(name)


@pytest.fixture
def postgres_address(new_postgres_address: Callable[[], str]) -> str:
    """The address of a migrated, empty database of the test's own."""
    return new_postgres_address()
