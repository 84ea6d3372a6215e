"""A real browser, if this machine has one, and axe-core to run in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")
SECONDS = 60_000  # for what a running pipeline takes, on a machine that has other things to do
_AXE = Path(__file__).parents[1] / "archiver" / "console" / "vendor" / "axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE_RUN = f"""async () => {{
{_AXE.read_text()};
const found = await axe.run(document, {{resultTypes: ['violations'], runOnly: {{type: 'tag', values: {_TAGS}}}}});
return found.violations.map((one) => one.id + ': ' + one.nodes[0].html);
}}"""
"""Names what axe-core finds wrong; the browser's debugger runs it, past the page's policy."""
_POLICY = "addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective))"


class Watched:
    """A page that everything is noted of which should not be.

    Attributes:
        page: The page.
        wrong: What was wrong.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wrong: list[str] = []
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.wrong.append(text)

    async def is_accessible(self) -> None:
        """Axe-core finds nothing; it is run by the browser itself, past the page's policy."""
        self.wrong += [f"{self.page.url} {found}" for found in await self.page.evaluate(AXE_RUN)]


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    """Headless Chromium. By the asynchronous interface: the other one runs all tests that follow inside a greenlet."""
    expect.set_options(timeout=SECONDS)
    async with async_playwright() as playwright:
        # Its sandbox needs user namespaces, which root in a container does not have; it sees only our own pages.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield running
        await running.close()


@asynccontextmanager
async def a_watched_page(browser: Browser) -> AsyncIterator[Watched]:
    """A page in a context of its own; at the end nothing was wrong."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(SECONDS)
    seen = Watched(await context.new_page())
    await seen.page.add_init_script(_POLICY)
    yield seen
    await context.close()
    assert seen.wrong == [], seen.wrong
