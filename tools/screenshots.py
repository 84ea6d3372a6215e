"""Pictures of the console for the docs, from a running demo in headless Chromium: ``make screenshots``."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import msgspec
from playwright.async_api import Page, async_playwright

from support.browsing import CHROMIUM
from support.living import PLAN, living_demo

DOCS = Path(__file__).parent.parent / "docs" / "pictures"
SECONDS = 60_000


async def shoot(page: Page, name: str, *, whole: bool = False) -> None:
    """One picture."""
    await page.screenshot(path=DOCS / f"{name}.png", full_page=whole, animations="disabled")


async def main() -> None:
    """All of them; the Overview when the airline is throttled and the others are not."""
    if not CHROMIUM:
        raise SystemExit("Chromium is needed; Debian's package is called chromium")
    DOCS.mkdir(exist_ok=True)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # its sandbox needs user namespaces; it sees only our own pages
    with tempfile.TemporaryDirectory() as directory:
        plan = msgspec.structs.replace(PLAN, items=12_000, calls_per_second=5.0, lowered_from=30.0)
        async with living_demo(Path(directory), plan) as living, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
            page = await browser.new_page(viewport={"width": 1240, "height": 1000})
            page.set_default_timeout(SECONDS)
            await page.goto(living.link)
            await page.get_by_role("button", name="Come in").click()
            await page.wait_for_timeout(25_000)  # so that the chart has something to show
            await page.locator("#state", has_text="throttled by Dropbox").wait_for()
            await shoot(page, "overview")
            await page.emulate_media(color_scheme="dark")
            await page.wait_for_timeout(500)
            await shoot(page, "overview-dark")
            await page.emulate_media(color_scheme="light")
            for name, path in (("archive", "archive"), ("customer", "customers/airline"), ("connect", "connect")):
                await page.goto(f"{living.url}/{path}")
                await shoot(page, name)
            await page.goto(f"{living.url}/archive?customer=bakery")
            await page.locator("tbody tr", has_text="archived").locator("th a").first.click()
            await shoot(page, "item")
            await page.set_viewport_size({"width": 390, "height": 844})
            await page.goto(living.url)
            await page.wait_for_timeout(1500)
            await shoot(page, "phone")
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
