"""The Overview in a real browser while an airline is throttled and twenty others are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from support.browsing import AXE_RUN, CHROMIUM
from support.living import living_demo

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine; Debian's package is called chromium"),
]
SECONDS = 60_000  # on a machine that has other things to do


async def test_an_airline_is_throttled_and_the_others_are_not(tmp_path: Path) -> None:
    """It is said, drawn and counted down; focus stays through live updates; dark and on a phone; axe-core and the policy are content."""
    wrong: list[str] = []
    expect.set_options(timeout=SECONDS)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # its sandbox needs user namespaces; it sees only our own pages
    async with living_demo(tmp_path) as link, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))

        async def accessible() -> None:
            wrong.extend(f"{page.url} {found}" for found in await page.evaluate(AXE_RUN))

        await page.goto(link)
        await page.get_by_role("button", name="Come in").click()
        await page.get_by_role("link", name="airline").first.focus()
        before = await page.locator("#numbers").inner_text()
        await expect(page.locator("#numbers")).not_to_have_text(before)
        assert await page.evaluate("document.activeElement.textContent") == "airline", "focus stays through live updates"
        await expect(page.locator("#state")).to_contain_text("Airline is throttled by Dropbox, nobody else waits for it")
        await expect(page.locator("#pressing tr", has_text="airline").locator(".tag.busy")).to_contain_text("throttled,")
        await expect(page.locator("svg.picture")).to_contain_text("1 throttled")
        await expect(page.locator("#chart canvas")).to_be_visible()
        quiet = page.locator("#pressing tr", has_text="bakery").locator("td").nth(5)
        archived = await quiet.inner_text()
        await expect(quiet).not_to_have_text(archived)
        await accessible()
        await page.goto(f"{page.url}archive?customer=bakery")
        await page.locator("tbody a").first.click()
        await expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
        await accessible()
        await page.emulate_media(color_scheme="dark")
        await page.set_viewport_size({"width": 390, "height": 800})
        await page.get_by_role("link", name="Overview", exact=True).click()
        await expect(page.locator("#numbers")).to_be_visible()
        await accessible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing is wider than a phone"
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await browser.close()
    assert wrong == []
