"""The story that an operator lives through, in a real browser, while an airline is throttled and twenty others are not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from archiver.sandbox import Fault
from support.browsing import CHROMIUM, Watched, a_browser, a_watched_page
from support.living import Living, living_demo

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine; Debian's package is called chromium"),
]
NUMBER = "+15557654321"


async def test_a_day_of_an_operator(tmp_path: Path) -> None:
    """An airline is throttled and others are not; a Dropbox is connected, a failure mended, a call found; all is written down."""
    async with living_demo(tmp_path) as living, a_browser() as browser, a_watched_page(browser) as watched:
        await watched.page.goto(living.link)
        await watched.page.get_by_role("button", name="Come in").click()
        await sees_the_airline_throttled(watched)
        await pauses_and_resumes(watched)
        await connects_a_phone_booth(watched, living, tmp_path / "booth")
        await mends_what_failed(watched, living)
        await finds_a_number(watched)
        await reads_what_was_done(watched, living)
        await looks_at_a_phone_in_the_dark(watched, living)


async def sees_the_airline_throttled(watched: Watched) -> None:
    """It is said, drawn and counted down, while another customer's items go on; focus stays through live updates."""
    page = watched.page
    await page.get_by_role("link", name="airline").first.focus()
    before = await page.locator("#numbers").inner_text()
    await expect(page.locator("#numbers")).not_to_have_text(before)
    assert await page.evaluate("document.activeElement.textContent") == "airline", "focus stays through live updates"
    await expect(page.locator("#state")).to_contain_text("Airline is throttled by Dropbox, nobody else waits for it")
    await expect(page.locator("#pressing tr", has_text="airline").locator(".tag.busy")).to_contain_text("throttled,")
    await expect(page.locator("svg.picture")).to_contain_text("1 throttled")
    await expect(page.locator("#chart canvas")).to_be_visible()
    quiet = page.locator("#pressing tr", has_text="bakery").locator("td").nth(5)
    await expect(quiet).not_to_have_text(await quiet.inner_text())
    await watched.is_accessible()


async def pauses_and_resumes(watched: Watched) -> None:
    """What is paused says so, also on the Overview."""
    page = watched.page
    await page.get_by_role("link", name="bookshop").first.click()
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("status")).to_contain_text("bookshop is paused")
    await page.get_by_role("link", name="Overview", exact=True).click()
    await expect(page.locator("#pressing tr", has_text="bookshop").locator(".tag")).to_contain_text("paused")
    await page.get_by_role("link", name="bookshop").first.click()
    await page.get_by_role("button", name="Resume").click()
    await expect(page.get_by_role("status")).to_contain_text("bookshop is served again")


async def connects_a_phone_booth(watched: Watched, living: Living, folder: Path) -> None:
    """A folder and a Dropbox, through the wizard; the customer says yes on the Dropbox's own page, and it is tried with a file."""
    page = watched.page
    await asyncio.to_thread(folder.mkdir)
    account = await living.sandbox.add_account("booth")
    await page.get_by_role("link", name="Connect", exact=True).click()
    await watched.is_accessible()
    await page.locator("a[href*='role=source'][href*='adapter=folder&']").click()
    await page.get_by_label("Customer").fill("booth")
    await fills_in(page, {"Path": str(folder)})
    await says_yes(watched)
    await page.goto(f"{living.url}/connect?role=destination&adapter=dropbox&customer=booth")
    await page.get_by_text("more options").click()
    options = {"Root": "/Calls", "App key": account.app_key, "App secret": account.app_secret}
    await fills_in(page, {**options, "Api url": living.sandbox.url, "Content url": living.sandbox.url})
    await page.get_by_role("link", name="Connect it here and now").click()
    await expect(page.get_by_text("files.content.write")).to_be_visible()
    await page.get_by_role("button", name="Yes, go on").click()
    await page.get_by_role("link", name="Go to Dropbox").click()
    await page.get_by_role("link", name="Yes, for booth").click()
    await expect(page.get_by_text("booth@example.com")).to_be_visible()
    await watched.is_accessible()
    await page.get_by_role("button", name="Yes, this one").click()
    await expect(page.get_by_text("A test file was written, read and deleted")).to_be_visible()
    # Whatever the Dropbox is asked to commit from now on is refused, until somebody has seen that.
    await living.sandbox.add_fault(Fault(action="fail_entries", route="*finish*", account="booth", tag="operation_suppressed", times=0))
    (folder / "call.txt.json").write_text(json.dumps({"external_id": "one", "sender": NUMBER, "recipient": "+15550001"}))
    (folder / "call.txt").write_text("Who is there?")


async def fills_in(page: Page, options: dict[str, str]) -> None:
    """What the wizard asks for."""
    for label, value in options.items():
        await page.get_by_label(label).first.fill(value)
    await page.get_by_role("button", name="Make the link").click()


async def says_yes(watched: Watched) -> None:
    """As the customer, for what has no page of its own."""
    page = watched.page
    await page.get_by_role("link", name="Connect it here and now").click()
    await page.get_by_role("button", name="Yes, try it").click()
    await page.get_by_role("button", name="Yes, this one").click()
    await expect(page.get_by_role("heading", name="Connected")).to_be_visible()


async def mends_what_failed(watched: Watched, living: Living) -> None:
    """The failure is found under its cause, and the item is archived once it is tried again."""
    page = watched.page
    await page.goto(living.url)
    await expect(page.locator("#failing")).to_contain_text("Try 1 again")
    await watched.is_accessible()
    await page.get_by_role("link", name="1 item rejected").click()
    await watched.is_accessible()
    await page.locator("tr", has_text="booth").get_by_role("link").first.click()
    await expect(page.locator("h1")).to_contain_text("rejected")
    await watched.is_accessible()
    await living.sandbox.clear_faults()
    await page.get_by_role("button", name="Try it again").click()
    await expect(page.get_by_role("status")).to_contain_text("It waits again")
    await page.goto(living.url)
    await expect(page.locator("#pressing tr", has_text="booth").locator("td").nth(5)).to_have_text("1")


async def finds_a_number(watched: Watched) -> None:
    """By the last digits that somebody remembers; the receipt says where it lies."""
    page = watched.page
    await page.keyboard.press("/")
    await page.keyboard.type("7654321")
    await page.keyboard.press("Enter")
    row = page.locator("tbody tr")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("/Calls/")
    await watched.is_accessible()
    await row.get_by_role("link").first.click()
    await expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    await watched.is_accessible()


async def reads_what_was_done(watched: Watched, living: Living) -> None:
    """Everything of this day stands in the audit log, with who did it, and its chain is whole."""
    page = watched.page
    await page.goto(f"{living.url}/audit")
    await watched.is_accessible()
    lines = set()
    while True:
        rows = page.locator("tbody tr", has=page.get_by_role("cell", name="demo", exact=True))
        for row in await rows.all():
            cells = await row.get_by_role("cell").all_inner_texts()
            lines.add((cells[2], cells[3]))
        older = page.get_by_role("link", name="Older")
        if not await older.count():
            break
        await older.click()
    paused = {("customers pause", "bookshop"), ("customers resume", "bookshop")}
    assert paused | {("connections link", "booth"), ("connections add", "booth")} <= lines
    assert {"login", "retry"} <= {action for action, _ in lines}
    await page.goto(f"{living.url}/audit")
    await page.get_by_role("button", name="Check the chain").click()
    await expect(page.get_by_role("status")).to_contain_text("The chain is whole")


async def looks_at_a_phone_in_the_dark(watched: Watched, living: Living) -> None:
    """Nothing is wider than the screen, and the keys are told."""
    page = watched.page
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.goto(living.url)
    await expect(page.locator("#numbers")).to_be_visible()
    await watched.is_accessible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing is wider than a phone"
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
