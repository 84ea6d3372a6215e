"""``archiver migrate``: brings the database's schema up to date."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import Parameter

from archiver.app import Archiver
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output
from archiver.errors import SchemaError

__all__ = ["migrate"]


async def migrate(
    *,
    check: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    options: Options | None = None,
) -> int:
    """Bring the database's schema up to date. Every command does so by itself; this one does nothing else.

    For an upgrade in which one process changes the schema, with a database role that may, before the others start. It is one
    transaction: a kill half way leaves the schema as it was.

    ```
    archiver migrate
    archiver migrate --check
    ```

    Args:
        check: Change nothing; the exit code is 1 if there is something to do.
    """
    out = Output(options)
    settings = settings_of(options)
    before = await Archiver.standing(settings)
    if not before.known:
        raise SchemaError(
            f"the database has schema {before.found}; this version of Archiver knows {before.wanted} and older",
            hint="Use the newer Archiver again, or another --database.",
        )
    if not before.current and not check:
        async with Archiver.open(settings):
            pass
    shown = before.found or "nothing"
    if before.current:
        out.say(f"Nothing to do: the schema is {before.found}.")
    elif check:
        out.say(f"There is something to do: {shown} → {before.wanted}. Do it: archiver migrate")
    else:
        out.say(f"The schema was {shown} and is {before.wanted} now.")
    out.result(msgspec.to_builtins(before) | {"migrated": not before.current and not check})
    return 1 if check and not before.current else 0
