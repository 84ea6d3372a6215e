"""Birth."""
# ruff: noqa: S101  a kit of tests is made of asserts

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from archiver.database.conformance.world import LATER, NOW, World, archived, discovery, due, numbers, world
from archiver.database.port import Birth, Database
from archiver.model import Role, Session

__all__ = ["BirthConformance"]


class BirthConformance:
    """Birth."""

    async def test_an_item_is_born_once(self, database: Database) -> None:
        """Discovering again is harmless; what is new among what is known is born."""
        klm = await world(database, lanes=2)
        first = await database.add_births(klm.source, klm.births(700), now=NOW, cursor="a")
        again = await database.add_births(klm.source, klm.births(701), now=LATER, cursor=None)
        assert (first.items, first.lanes) == (700, frozenset(klm.lanes))
        assert (again.items, again.lanes) == (1, frozenset(klm.lanes))
        assert [await numbers(database, lane) for lane in klm.lanes] == [{"waiting": 701, "archived": 0, "rejected": 0, "gone": 0}] * 2

    async def test_the_cursor_is_kept_with_the_births(self, database: Database) -> None:
        """Empty at first; None leaves it."""
        klm = await world(database)
        assert await database.cursor(klm.source.id) == ""
        for cursor in ("a", "b", None):
            await database.add_births(klm.source, [], now=NOW, cursor=cursor)
        assert await database.cursor(klm.source.id) == "b"

    async def test_a_batch_is_born_whole_or_not_at_all(self, database: Database) -> None:
        """A destination that does not exist takes the items and the cursor back with it."""
        klm = await world(database)
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            await database.add_births(klm.source, [*klm.births(3), Birth(discovery(9), [(999, "/x", 0)])], now=NOW, cursor="a")
        assert list(await database.deliveries()) == []
        assert await database.cursor(klm.source.id) == ""

    async def test_a_known_item_gets_the_delivery_it_lacks(self, database: Database) -> None:
        """A destination that was added later gets its deliveries when the source finds the items again."""
        klm = await world(database)
        await database.add_births(klm.source, klm.births(3), now=NOW, cursor=None)
        added = await database.add_connection(klm.customer.id, Role.DESTINATION, "memory", {}, {})
        wider = World(klm.customer, klm.source, (*klm.lanes, added.id))
        born = await database.add_births(klm.source, wider.births(3), now=NOW, cursor=None)
        assert (born.items, born.lanes) == (0, frozenset({added.id}))
        assert [delivery.item.external_id for delivery in await due(database, added.id)] == ["0", "1", "2"]

    async def test_a_file_that_grew_is_known_by_its_new_size(self, database: Database) -> None:
        """Content that changed before it was archived anywhere is believed, and its half upload forgotten; afterwards it is not."""
        klm = await world(database)
        await database.add_births(klm.source, klm.births(2), now=NOW, cursor=None)
        done, waiting = await due(database, klm.lanes[0])
        await database.settle([archived(done)], klm.epochs)
        await database.save_sessions({waiting.id: Session(id="s", offset=100, started_at=1)}, klm.epochs)
        changed: dict[str, Any] = {"size": 320, "locator": "elsewhere", "sha256": "ef", "media_type": "text/html"}
        born = await database.add_births(klm.source, klm.births(2, **changed), now=NOW, cursor=None)
        (grown,) = await due(database, klm.lanes[0])
        assert born.items == 0
        assert grown == msgspec.structs.replace(waiting, item=msgspec.structs.replace(waiting.item, **changed))
        assert [row.size for row in await database.deliveries()] == [160, 320]
