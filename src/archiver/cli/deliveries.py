"""``archiver deliveries``: single deliveries with their numbers and reasons, page by page."""

from __future__ import annotations

from archiver.app import Archiver
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output
from archiver.lifecycle import DeliveryState

__all__ = ["deliveries"]


async def deliveries(
    *,
    customer: str | None = None,
    state: DeliveryState | None = None,
    after: int = 0,
    limit: int = 20,
    options: Options | None = None,
) -> None:
    """List deliveries: where each one goes, how it is, and why.

    ```
    archiver deliveries --state rejected
    archiver items list --customer acme
    archiver deliveries --customer acme --after 120 --limit 100 --json
    ```

    Args:
        customer: Only this customer's.
        state: Only those that are so.
        after: Go on after the delivery with this number.
        limit: How many at most.
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        page = await archiver.deliveries(customer=customer, state=state, after=after, limit=limit)
    if page:
        out.table(
            ["id", "customer", "state", "why", "path"],
            [(row.id, row.customer, row.state, ": ".join(filter(None, (row.reason, row.detail))), row.path) for row in page],
            right=frozenset({"id"}),
        )
        if len(page) == limit:
            out.say(f"More of them: --after {page[-1].id}")
    else:
        out.say("There are none.")
    out.result(page)
