"""``archiver import``: one pass over the sources, without uploading."""

from __future__ import annotations

from archiver.app import Archiver
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output

__all__ = ["import_items"]


async def import_items(name: str | None = None, /, *, options: Options | None = None) -> None:
    """Read the sources once and write down what they have; uploads nothing.

    `archiver run` does the same by itself and goes on watching. Importing twice is harmless.

    ```
    archiver import
    archiver import acme
    ```

    Args:
        name: Only this customer.
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        collected = await archiver.import_items(name)
    out.say(f"Found {collected.found} items, {collected.new} of them new.")
    out.result({"found": collected.found, "new": collected.new})
