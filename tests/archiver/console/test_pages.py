"""The pages: what each shows, and what each does."""

from __future__ import annotations

import asyncio
import re

from archiver.console.routes import ROUTES
from archiver.database.audit import SETTLED
from archiver.database.browsing import Query
from archiver.lifecycle import DeliveryState
from archiver.model import CustomerState
from archiver.people import Rank
from support.console import PASSWORD, ConsoleWorld


async def archived(world: ConsoleWorld, name: str, items: int) -> None:
    """A customer all of whose items are archived and known to the search."""
    await world.add_customer(name, items)
    await world.archiver.run(asyncio.Event(), until_empty=True)
    while await world.archiver._database.learn(100):
        pass


async def text_of(world: ConsoleWorld, path: str, rank: Rank = Rank.VIEWER) -> str:
    """A page as somebody of this rank sees it."""
    async with world.browser(rank) as browser, browser.get(path) as answer:
        assert answer.status == 200, path
        return await answer.text()


async def done(world: ConsoleWorld, path: str, who: Rank, /, **fields: str) -> str:
    """What somebody sees after having done something."""
    async with world.browser(who) as browser, browser.post(path, data=fields) as answer:
        assert answer.status == 200, (path, answer.status)
        return await answer.text()


async def test_pages_of_an_empty_house_teach(world: ConsoleWorld) -> None:
    """Each says what it is for, and none is empty or broken."""
    for route in ROUTES:
        if route.method == "GET" and route.rank is not None and not route.live and not route.api and "{" not in route.path:
            text = await text_of(world, route.path, Rank.ADMIN)
            assert text.count("<h1") == 1, route.path
            assert "style=" not in text, route.path
            assert "{{" not in text, route.path


async def test_customers_and_one_of_them(world: ConsoleWorld) -> None:
    """The list finds by a part of the name; the page has lanes, sources, the newest items; only an operator sees what can be done."""
    await archived(world, "bakery", 3)
    assert "bakery" in await text_of(world, "/customers?q=ake")
    assert "No customer fits" in await text_of(world, "/customers?q=x")
    text = await text_of(world, "/customers/bakery")
    assert text.count("/items/") == 3
    assert "Pause" not in text
    assert "Pause" in await text_of(world, "/customers/bakery", Rank.OPERATOR)
    async with world.browser(Rank.VIEWER) as browser, browser.get("/customers/nobody") as answer:
        assert answer.status == 422
        assert "There is no customer nobody" in await answer.text()


async def test_pausing_and_resuming(world: ConsoleWorld) -> None:
    """It is done, told once, and written down with who did it."""
    await world.add_customer("bakery")
    text = await done(world, "/customers/bakery/pause", Rank.OPERATOR)
    assert "bakery is paused" in text
    assert "paused" in await text_of(world, "/customers?state=paused")
    (view,) = await world.archiver.customers()
    assert view.customer.state is CustomerState.PAUSED
    await done(world, "/customers/bakery/resume", Rank.OPERATOR)
    (view,) = await world.archiver.customers()
    assert view.customer.state is CustomerState.ACTIVE
    log = await text_of(world, "/audit")
    assert re.search(r"operator</td><td>customers pause</td><td>bakery", log)
    assert "127.0.0.1" in log


async def test_the_archive_finds_and_pages(world: ConsoleWorld) -> None:
    """By kind, customer and time; the next page begins where the first ended; a question that cannot be is refused."""
    await archived(world, "bakery", 60)
    first = await text_of(world, "/archive?customer=bakery")
    assert first.count('<th scope="row">') == 50
    older = re.search(r'href="(/archive\?customer=bakery&amp;before=\d+)">Older', first)
    assert older
    second = await text_of(world, older[1].replace("&amp;", "&"))
    assert second.count('<th scope="row">') == 10
    assert "Nothing fits" in await text_of(world, "/archive?q=nobodysname")
    assert "Nothing fits" in await text_of(world, "/archive?until=1999-12-31")
    for wrong in ("kind=nonsense", "since=yesterday", "before=-1", "before=99999999999999999999"):
        async with world.browser(Rank.VIEWER) as browser, browser.get(f"/archive?{wrong}") as answer:
            assert answer.status == 422, wrong


async def test_an_item_and_its_receipt(world: ConsoleWorld) -> None:
    """What it is, what happened to it, and the proof."""
    await archived(world, "bakery", 1)
    (item,) = (await world.archiver.looking.search(Query())).items
    text = await text_of(world, f"/items/{item.delivery}")
    row = (await world.archiver.looking.item(item.delivery)).row
    assert row.receipt is not None
    for words in ("Archived", row.receipt.sha256, row.receipt.path, "bakery", "Found at the source"):
        assert words in text
    assert "Try it again" not in await text_of(world, f"/items/{item.delivery}", Rank.OPERATOR)


async def test_completeness_of_a_customer(world: ConsoleWorld) -> None:
    """The list shows how far each is; the report says what is there of each kind, and when the source was read through."""
    await archived(world, "bakery", 3)
    await world.add_customer("nursery")
    listed = await text_of(world, "/completeness")
    assert "100.0 % archived" in listed
    assert "nothing found yet" in listed
    report = await text_of(world, "/completeness/bakery")
    assert "complete" in report
    assert "sms" in report


async def test_failures_are_retried_by_their_cause(world: ConsoleWorld) -> None:
    """With the count first; afterwards nothing needs a person."""
    await world.add_customer("bakery", 3)
    (world.home / "bakery" / "out").rmdir()
    (world.home / "bakery" / "out").mkdir()
    await world.archiver.import_items()
    # A file stands where the folder of each item's path would be: the storage will never take it so.
    rows = await world.archiver.deliveries()
    top = rows[0].path.split("/")[1]
    (world.home / "bakery" / "out" / top).write_text("not ours")
    await world.archiver.run(asyncio.Event(), until_empty=True)
    assert {row.state for row in await world.archiver.deliveries()} == {DeliveryState.REJECTED}
    text = await text_of(world, "/failures", Rank.OPERATOR)
    assert "Try 3 again" in text
    assert rows[0].external_id in await text_of(world, "/failures?state=rejected")
    reason = (await world.archiver.deliveries())[0].reason
    assert "3 wait again" in await done(world, "/failures/retry", Rank.OPERATOR, reason=reason)
    assert "Nothing needs a person" in await text_of(world, "/failures")


async def test_users_and_keys(world: ConsoleWorld) -> None:
    """An admin invites, changes, removes; a key is shown once; what anybody sees of another is nothing secret."""
    text = await done(world, "/settings/invitations", Rank.ADMIN, rank="operator")
    link = re.search(r"/welcome/([\w-]+)", text)
    assert link
    async with world.browser() as browser, browser.post(f"/welcome/{link[1]}", data={"name": "anna", "password": PASSWORD}) as answer:
        assert answer.status == 200
    assert "anna is viewer" in await done(world, "/settings/users/anna/rank", Rank.ADMIN, rank="viewer")
    key = re.search(r"arc_\w{8}_[\w-]{43}", await done(world, "/settings/keys", Rank.ADMIN, name="grafana", rank="viewer", days="30"))
    assert key
    page = await text_of(world, "/settings", Rank.ADMIN)
    assert "grafana" in page
    assert key[0] not in page
    assert "argon2" not in page
    key_id = key[0].split("_")[1]
    await done(world, f"/settings/keys/{key_id}/revoke", Rank.ADMIN)
    assert await world.archiver.door.whose_key(key[0]) is None
    assert "anna cannot come in" in await done(world, "/settings/users/anna/remove", Rank.ADMIN)
    own = await text_of(world, "/settings", Rank.VIEWER)
    assert "Your password" in own
    assert "Keys for programs" not in own


async def test_ones_own_password(world: ConsoleWorld) -> None:
    """The old one is asked for; the session goes on under another cookie, and all others end."""
    async with world.browser(Rank.VIEWER) as browser:
        fields = {"old": PASSWORD, "new": "another long one"}
        async with browser.post("/settings/own/password", data=fields | {"new": "short"}) as answer:
            assert answer.status == 422
        async with browser.post("/settings/own/password", data=fields) as answer:
            assert answer.status == 200
    async with world.browser(Rank.VIEWER) as browser, browser.get("/settings", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_the_audit_log_shows_what_was_done_and_on_demand_every_batch(world: ConsoleWorld) -> None:
    """The batches would drown the rest: the page is without them, and says where they are."""
    await world.archiver.auditor.record("customers pause", "bakery")
    for _ in range(120):
        await world.archiver.auditor.record(SETTLED)
    log = await text_of(world, "/audit")
    assert "customers pause" in log
    assert SETTLED not in log
    everything = await text_of(world, "/audit?batches=1")
    assert "customers pause" not in everything
    older = re.search(r'href="(/audit\?before=\d+&amp;batches=1)"', everything)
    assert older is not None
    assert "customers pause" in await text_of(world, older[1].replace("&amp;", "&"))


async def test_the_audit_log_can_be_checked(world: ConsoleWorld) -> None:
    """The whole chain, with its receipts."""
    await archived(world, "bakery", 2)
    assert "The chain is whole" in await done(world, "/audit/check", Rank.ADMIN)


async def test_everybody_can_be_sent_away(world: ConsoleWorld) -> None:
    """Every session ends, the admin's own too."""
    await done(world, "/settings/sessions/end", Rank.ADMIN)
    for rank in Rank:
        async with world.browser(rank) as browser, browser.get("/", allow_redirects=False) as answer:
            assert answer.status == 303
