"""What is live on the Overview: its values, and its parts as markup. The page and every frame are made of the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import jinja2
import msgspec

from archiver.app import Archiver
from archiver.console.picture import picture_of
from archiver.console.wording import state_of
from archiver.database.browsing import Cause
from archiver.errors import DatabaseUnavailableError

__all__ = ["PARTS", "overview_values", "parts_of"]

PARTS = ("state", "numbers", "picture", "pressing", "needing", "failing")
"""The elements of the page that are live, by id; each is a macro of ``live.html``."""


async def overview_values(archiver: Archiver) -> dict[str, Any]:
    """Everything that the Overview shows."""
    snapshot = await archiver.snapshot()
    causes: Sequence[Cause] = ()
    if not snapshot.away and snapshot.totals.rejected + snapshot.totals.gone:
        with suppress(DatabaseUnavailableError):  # the next look says that it is away
            causes = await archiver.looking.causes()
    return {"snapshot": snapshot, "state": state_of(snapshot), "picture": picture_of(snapshot), "causes": causes}


async def parts_of(archiver: Archiver, templates: jinja2.Environment) -> tuple[Mapping[str, str], str]:
    """Each part's markup, and the newest seconds of the chart as an event of their own."""
    values = await overview_values(archiver)
    module = templates.get_template("live.html").make_module({"now": values["snapshot"].at})
    parts = {name: str(getattr(module, name)(values)) for name in PARTS}
    newest = archiver.moments(values["snapshot"].at - 5000)
    extra = f"event: moments\ndata: {msgspec.json.encode(newest).decode()}\n\n" if newest else ""
    return parts, extra
