"""``archiver retry``: rejected and gone deliveries wait again."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from archiver.app import Archiver
from archiver.cli.failures import UsageError
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output

__all__ = ["retry"]


async def retry(
    *ids: int,
    customer: str | None = None,
    reason: str | None = None,
    all_: Annotated[bool, Parameter(name="--all", negative="", show_default=False)] = False,
    options: Options | None = None,
) -> None:
    """Let deliveries that were rejected or gone wait again, as if they had never been tried.

    ```
    archiver retry --customer acme --reason ConflictError
    archiver retry 17 18
    archiver retry --all
    ```

    Args:
        ids: Only these deliveries.
        customer: Only this customer's.
        reason: Only those rejected for this reason, the name of an error.
        all_: Every rejected or gone delivery.
    """
    if all_ == bool(ids or customer or reason):
        raise UsageError("say which deliveries", hint="Give ids, --customer, --reason, or --all.")
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        retried = await archiver.retry(customer=customer, reason=reason, ids=ids or None)
    out.say(f"{retried} deliveries wait again.")
    out.result({"retried": retried})
