"""``archiver sources`` and ``archiver destinations``: which adapters there are, and what options each has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from archiver import registry
from archiver.adapter import Option
from archiver.cli.connections import secret_variable
from archiver.cli.options import Options
from archiver.cli.output import Output
from archiver.destinations.port import DestinationAdapter, Features
from archiver.errors import ConfigError
from archiver.sources.port import SourceAdapter

__all__ = ["AdapterRow", "destinations", "sources"]


class AdapterRow(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter as a person sees it.

    Attributes:
        name: In the registry.
        summary: In a sentence.
        options: What it is set up with.
        features: What a destination can do; None of a source.
        problem: Why it cannot be loaded.
    """

    name: str
    summary: str = ""
    options: Sequence[Option] = ()
    features: Features | None = None
    problem: str = ""


def sources(name: str | None = None, /, *, options: Options | None = None) -> None:
    """Show the places where items can come from, or one of them with its options.

    ```
    archiver sources
    archiver sources folder
    ```

    Args:
        name: Only this one, with all its options.
    """
    _show("--from", registry.sources() if name is None else (name,), registry.source, options, detailed=name is not None)


def destinations(name: str | None = None, /, *, options: Options | None = None) -> None:
    """Show the storages that items can go to, or one of them with its options.

    ```
    archiver destinations
    archiver destinations dropbox
    ```

    Args:
        name: Only this one, with all its options.
    """
    _show("--to", registry.destinations() if name is None else (name,), registry.destination, options, detailed=name is not None)


def _show(
    flag: str, names: Sequence[str], load: Callable[[str], SourceAdapter | DestinationAdapter], options: Options | None, *, detailed: bool
) -> None:
    out = Output(options)
    rows = [_row(name, load, strict=detailed) for name in names]
    if detailed:
        _detail(out, flag, rows[0])
    else:
        out.table(["name", "summary", "options"], [(r.name, r.problem or r.summary, ", ".join(o.name for o in r.options)) for r in rows])
    out.result(rows[0] if detailed else rows)


def _row(name: str, load: Callable[[str], SourceAdapter | DestinationAdapter], *, strict: bool) -> AdapterRow:
    """One adapter; in a list, one that does not load must not hide the others."""
    try:
        adapter = load(name)
    except ConfigError as error:
        if strict:
            raise
        return AdapterRow(name=name, problem=error.message)
    return AdapterRow(name=name, summary=adapter.summary, options=adapter.options, features=getattr(adapter, "features", None))


def _detail(out: Output, flag: str, row: AdapterRow) -> None:
    out.say(f"{row.name}: {row.summary}")
    main = next((option.name for option in row.options if option.main), None)
    if main:
        out.say(f"{flag} {row.name}:VALUE sets {main}")
    if row.features is not None:
        out.say(_can(row.features))
    out.say()
    out.table(
        ["option", "type", "default", "how to give it", "meaning"],
        [(o.name, o.type, "required" if _required(o) else _default(o), _how(flag, row.name, o), o.help) for o in row.options],
    )


def _can(features: Features) -> str:
    """What a destination can do, in a sentence."""
    calls = f"up to {features.batch_items} items a call" if features.batch_items > 1 else "an item a call"
    big = "big items go on where a kill left them" if features.resumable else "big items begin anew after a kill"
    return f"{calls}; {big}"


def _required(option: Option) -> bool:
    return option.default is None and not option.optional


def _default(option: Option) -> str:
    return "–" if option.default is None else str(option.default)


def _how(flag: str, adapter: str, option: Option) -> str:
    return secret_variable(adapter, option.name) if option.secret else f"{flag}-option {option.name}=…"
