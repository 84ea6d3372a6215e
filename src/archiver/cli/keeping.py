"""``archiver customers edit``, ``erase`` and ``remove``: for how long a customer's archive is kept, and what goes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from archiver.app import Archiver
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output
from archiver.database.port import CustomerChange
from archiver.erasing import Erased
from archiver.errors import ConfigError
from archiver.model import Kind

__all__ = ["edit", "erase", "kinds_of", "remove"]


async def edit(  # noqa: PLR0913  each is a flag
    name: str,
    /,
    *,
    weight: int | None = None,
    template: str | None = None,
    hold: Annotated[str | None, Parameter(negative="")] = None,
    no_hold: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    keep_days: int | None = None,
    erase_days: int | None = None,
    kinds: Annotated[list[str] | None, Parameter(negative="")] = None,
    options: Options | None = None,
) -> None:
    """Change a customer: its share, its paths, for how long its archive is kept, and what goes where.

    While a customer is on hold, nothing of it is erased, whoever asks. Without a hold nothing is erased before its days to keep are
    over. Changed paths and kinds are for what comes from now on; what is archived stays where it is.

    ```
    archiver customers edit acme --hold "lawsuit 12-345"
    archiver customers edit acme --no-hold --keep-days 365 --erase-days 2190
    archiver customers edit acme --kinds 7=recording,voicemail --kinds 8=all
    ```

    Args:
        name: Which.
        weight: The customer's share when room is scarce, relative to others.
        template: How the paths of new items are made.
        hold: Erase nothing of it, for this reason.
        no_hold: End the hold.
        keep_days: Erase nothing before so many days are over.
        erase_days: Erase by itself what became known so many days ago; 0 never.
        kinds: Which kinds go to a destination, NUMBER=KIND,KIND or NUMBER=all; several times for several destinations.
    """
    out = Output(options)
    if hold == "" or (hold and no_hold):
        raise ConfigError("a hold needs a reason, and --no-hold ends one")
    change = CustomerChange(weight=weight, path_template=template, hold="" if no_hold else hold, keep_days=keep_days, erase_days=erase_days)
    routes = dict(_route(text) for text in kinds or ())
    async with Archiver.open(settings_of(options)) as archiver:
        customer = await archiver.erasing.edit(name, change, routes)
    kept = f"; on hold: {customer.hold}" if customer.hold else ""
    erased = f", erased after {customer.erase_days} days" if customer.erase_days else ""
    out.say(f"{customer.name}: weight {customer.weight}, kept for {customer.keep_days} days at least{erased}{kept}.")
    out.result(customer)


async def erase(name: str, /, *, before: str = "", reason: str = "asked for", yes: bool = False, options: Options | None = None) -> int:
    """Erase what was archived for a customer: from its storage, then from the database.

    What is on hold, or must be kept for some days yet, is not erased. A tombstone stays of each: numbers and a hash, so that the audit
    log can still prove that it was there. Stop it at any time; the next one goes on.

    ```
    archiver customers erase acme --before 2020-01-01
    ```

    Args:
        name: Whose.
        before: Only what became known before this day (UTC), such as 2020-01-01; all that may be erased by default.
        reason: Why, for the tombstones and the audit log.
        yes: Do not ask.
    """
    out = Output(options)
    moment = _moment(before) if before else None
    if not yes and not _agrees(f"Erase what was archived for {name}{f' before {before}' if before else ''}, also from its storage?"):
        raise ConfigError("nothing was erased: it was not confirmed", hint="Say y, or give --yes.")
    async with Archiver.open(settings_of(options)) as archiver:
        done = await archiver.erasing.erase(name, before=moment, reason=reason)
    _tell(out, done)
    out.result(done)
    return 1 if done.kept else 0


async def remove(
    name: str,
    /,
    *,
    files: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    yes: bool = False,
    options: Options | None = None,
) -> int:
    """Remove a paused customer: give leave back to its storages, forget its credentials and all that is personal.

    The files in its storages are the customer's and stay, unless `--files` says otherwise.

    ```
    archiver customers pause acme
    archiver customers remove acme
    ```

    Args:
        name: Which.
        files: Delete what was archived from its storages too.
        yes: Do not ask.
    """
    out = Output(options)
    if not yes and not _agrees(f"Remove {name}{' and its files' if files else ''}? This cannot be undone."):
        raise ConfigError("nothing was removed: it was not confirmed", hint="Say y, or give --yes.")
    async with Archiver.open(settings_of(options)) as archiver:
        done = await archiver.erasing.remove(name, files=files)
    out.say(f"{name} is removed; of {done.erased:,} deliveries a tombstone is left.")
    if done.kept:
        out.say(f"{done.kept:,} files could not be deleted; they are the customer's to delete now.")
    out.result(done)
    return 1 if done.kept else 0


def kinds_of(text: str) -> tuple[Kind, ...]:
    """Kinds with commas between; none for ``all`` or nothing.

    Raises:
        ConfigError: One is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        return ()
    if unknown := [name for name in names if name not in list(Kind)]:
        raise ConfigError(f"there is no kind {unknown[0]}", hint=f"Kinds: {', '.join(Kind)}.")
    return tuple(Kind(name) for name in names)


def _route(text: str) -> tuple[int, Sequence[Kind]]:
    number, equals, kinds = text.partition("=")
    if not equals or not number.isdigit():
        raise ConfigError("--kinds must look like NUMBER=KIND,KIND", hint="`archiver customers list --json` tells the numbers.")
    return int(number), kinds_of(kinds)


def _moment(day: str) -> int:
    try:
        return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        raise ConfigError("--before is no day", hint="Such as 2020-01-01.") from None


def _agrees(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _tell(out: Output, done: Erased) -> None:
    out.say(f"{done.erased:,} deliveries are erased; a tombstone is left of each.")
    if done.kept:
        out.say(f"{done.kept:,} stay: their storage does not delete them, or is away.")
    if done.waiting:
        out.say(f"{done.waiting:,} stay: they are not archived yet.")
