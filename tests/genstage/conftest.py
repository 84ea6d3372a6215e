# ruff: noqa: D102 - the two ends implement protocols that are documented where they stand

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from genstage.subscription import Subscription, Terms


class Nowhere:
    """Both ends of a subscription that is tested by itself: keeps what it is told."""

    name = "nowhere"

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def subscribe(self, edge: Subscription) -> None:
        self.told.append(("subscribe",))

    def ask(self, edge: Subscription, count: int) -> None:
        edge.outstanding += count
        self.told.append(("ask", count))

    def retract(self, edge: Subscription, count: int) -> int:
        taken = min(count, edge.outstanding)
        edge.outstanding -= taken
        self.told.append(("retract", taken))
        return taken

    def cancel(self, edge: Subscription) -> None:
        self.told.append(("cancel",))

    def take_back(self, edge: Subscription, events: list[Any]) -> bool:
        self.told.append(("take_back", events))
        return True

    def opened(self, edge: Subscription) -> None:
        pass

    def interrupted(self, edge: Subscription) -> None:
        self.told.append(("interrupted",))

    def deliver(self, edge: Subscription, events: list[Any]) -> None:
        self.told.append(("deliver", events))

    def lost(self, edge: Subscription) -> None:
        self.told.append(("lost",))


@pytest.fixture
def nowhere() -> Nowhere:
    """The ends of the subscriptions that ``new_edge`` makes."""
    return Nowhere()


@pytest.fixture
def new_edge(nowhere: Nowhere) -> Callable[..., Subscription]:
    """Makes a subscription between nowhere and nowhere, on the given terms."""
    return lambda **terms: Subscription(nowhere, nowhere, Terms(**terms))
