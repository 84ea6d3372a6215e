"""Adapters as data: each declares its name, summary and options once; flags, validation and docs come from that.

Adapters register through the entry-point groups ``archiver.sources`` and ``archiver.destinations``, ours and other people's alike,
and are imported only when somebody asks for them.
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from archiver.destinations.port import DestinationAdapter
from archiver.errors import ConfigError
from archiver.sources.port import SourceAdapter

__all__ = ["destination", "destinations", "source", "sources"]

_SOURCES = "archiver.sources"
_DESTINATIONS = "archiver.destinations"


def sources() -> tuple[str, ...]:
    """The names of all sources, sorted; imports none of them."""
    return tuple(sorted(_registered(_SOURCES)))


def destinations() -> tuple[str, ...]:
    """The names of all destinations, sorted; imports none of them."""
    return tuple(sorted(_registered(_DESTINATIONS)))


def source(name: str) -> SourceAdapter:
    """Imports a source's adapter.

    Raises:
        ConfigError: There is no source of that name, or it cannot be imported.
    """
    return cast("SourceAdapter", _load(_SOURCES, "source", name))


def destination(name: str) -> DestinationAdapter:
    """Imports a destination's adapter.

    Raises:
        ConfigError: There is no destination of that name, or it cannot be imported.
    """
    return cast("DestinationAdapter", _load(_DESTINATIONS, "destination", name))


def _registered(group: str) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=group):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise ConfigError(
                f"two packages register {entry.name!r} in {group}: {other.value} and {entry.value}", hint="Uninstall one of the two."
            )
    return found


@cache
def _load(group: str, noun: str, name: str) -> Any:
    # Kept: to read what every installed package registers takes 5 ms, and sources and lanes ask again and again.
    registered = _registered(group)
    if name not in registered:
        nearest = difflib.get_close_matches(name, registered, n=1)
        known = f"There are: {', '.join(sorted(registered)) or 'none'}."
        raise ConfigError(f"there is no {noun} {name!r}", hint=f"Did you mean {nearest[0]}? {known}" if nearest else known)
    try:
        adapter = registered[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"the {noun} {name!r} cannot be loaded: {error}", hint="A package that it needs is missing or does not fit."
        ) from error
    if adapter.name != name:
        raise ConfigError(f"the {noun} registered as {name!r} calls itself {adapter.name!r}", hint=f"See {registered[name].value}.")
    return adapter
