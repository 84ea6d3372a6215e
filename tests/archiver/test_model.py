"""The nouns as values."""

from __future__ import annotations

import pytest

from archiver.model import Connection, ConnectionState, Customer, Role


def test_values_are_frozen() -> None:
    """Nobody changes a customer under another's hands."""
    customer = Customer(id=1, name="acme", path_template="/{id}", created_at=0)
    with pytest.raises(AttributeError):
        customer.name = "other"  # type: ignore[misc]  # that is the test


def test_a_connection_shows_neither_secrets_nor_options() -> None:
    """A repr ends in logs and tracebacks."""
    connection = Connection(
        id=1, customer_id=1, role=Role.SOURCE, adapter="sqltable", options={"path": "canary-option"}, secrets={"url": b"canary-secret"}
    )
    assert "canary" not in repr(connection)
    assert connection.state is ConnectionState.ACTIVE
