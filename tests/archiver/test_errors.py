"""The tree of errors, and what its traits say."""

from __future__ import annotations

import inspect

import pytest

from archiver import errors
from archiver.errors import ArchiverError, ItemError, Scope, SourceThrottledError, ThrottledError, ThrottleKind, TooOftenError

EVERY = [value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, ArchiverError)]


def make(kind: type[ArchiverError]) -> ArchiverError:
    if issubclass(kind, ThrottledError | SourceThrottledError | TooOftenError):
        return kind("it says so", retry_after=15.0, hint="wait")
    return kind("it says so", hint="do this")


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_has_a_message_and_a_hint(kind: type[ArchiverError]) -> None:
    """What happened, and what to do about it."""
    error = make(kind)
    assert str(error) == error.message == "it says so"
    assert error.hint


@pytest.mark.parametrize("kind", EVERY)
def test_the_tree_is_drawn(kind: type[ArchiverError]) -> None:
    """The picture at the top of the module knows every error."""
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("kind", EVERY)
def test_scope_follows_the_branch(kind: type[ArchiverError]) -> None:
    """What is below ItemError concerns an item, and nothing else does."""
    assert (kind.scope is Scope.ITEM) == issubclass(kind, ItemError)


def test_a_throttle_knows_its_end_and_kind() -> None:
    """The two kinds of 429 are told apart; a missing Retry-After is None, not a guess."""
    error = ThrottledError("slow down", retry_after=None, kind=ThrottleKind.CONTENTION)
    assert error.retry_after is None
    assert error.kind is ThrottleKind.CONTENTION
    assert error.retryable
