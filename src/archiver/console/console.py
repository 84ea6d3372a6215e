"""The console's own things, shared by all its pages: what it shows, its templates, its files and its hub."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from functools import partial
from typing import Any

from archiver.app import Archiver
from archiver.console.assets import Assets
from archiver.console.hub import Hub
from archiver.console.listening import Listening
from archiver.console.live import parts_of
from archiver.console.templating import environment
from archiver.people import Rank
from genstage.clock import Clock

__all__ = ["Console"]

_MOST_TOLD = 1000


class Console:
    """One console.

    Args:
        archiver: What it shows; open.
        listening: Where it listens.
        clock: Time.
    """

    def __init__(self, archiver: Archiver, listening: Listening, clock: Clock) -> None:
        self.archiver = archiver
        self.listening = listening
        self.clock = clock
        self.assets = Assets()
        self._templates = environment()
        self._templates.globals |= {"asset": self.assets.path, "Rank": Rank, "pages": frozenset[str]()}
        self._told: OrderedDict[str, str] = OrderedDict()
        self.hub = Hub(partial(parts_of, archiver, self._templates), clock)

    def render(self, template: str, **values: Any) -> str:
        """A template's text."""
        return self._templates.get_template(template).render(now=self.now(), **values)

    def has(self, pages: frozenset[str]) -> None:
        """Says which pages there are."""
        self._templates.globals["pages"] = pages

    def now(self) -> int:
        """The time, in milliseconds since the epoch."""
        return int(self.clock.wall() * 1000)

    def told(self, text: str) -> str:
        """Keeps what is to be told on the next page; what names it there says nothing by itself."""
        name = secrets.token_urlsafe(9)
        self._told[name] = text
        while len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)
        return name

    def tell(self, name: str) -> str:
        """What was to be told, once."""
        return self._told.pop(name, "")
