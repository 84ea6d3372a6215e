"""``archiver import``: one pass over the sources, without uploading."""

from __future__ import annotations

from archiver.app import Archiver
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output

__all__ = ["import_items"]


async def import_items(name: str | None = None, /, *, options: Options | None = None) -> int:
    """Read the sources once and write down what they have; uploads nothing.

    `archiver run` does the same by itself and goes on watching. Importing twice is harmless. A source that cannot be read keeps no other
    from being read; the exit code is then 1.

    ```
    archiver import
    archiver import acme
    ```

    Args:
        name: Only this customer.
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        imported = await archiver.import_items(name)
    out.say(f"Found {imported.found:,} items, {imported.new:,} of them new.")
    for customer, reason in imported.unreadable.items():
        out.say(f"A source of {customer} could not be read: {reason}")
    out.result(imported)
    return 1 if imported.unreadable else 0
