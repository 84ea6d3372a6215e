"""A real browser: from the first run to the audit log, with nothing on its console, nothing against the policy, and axe-core content."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from support.browsing import CHROMIUM, Watched, a_browser, a_watched_page

PASSWORD = "seven green boats"

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine; Debian's package is called chromium"),
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser."""
    async with a_browser() as browser:
        yield browser


@pytest.fixture
async def watched(browser: Browser) -> AsyncIterator[Watched]:
    """A page on which nothing may be wrong."""
    async with a_watched_page(browser) as watched:
        yield watched


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a command that serves a console; what it says up to the first address of a link. Ends it at the end."""
    running: list[subprocess.Popen[str]] = []

    def start(*words: str) -> str:
        command = [sys.executable, "-m", "archiver", *words, "--json"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        running.append(process)
        assert process.stderr is not None
        while line := process.stderr.readline():
            if found := re.search(r"(http://\S+)/welcome/\S+", line):
                return found[0]
        raise AssertionError("it said no address")

    yield start
    for process in running:
        process.terminate()
    for process in running:
        assert process.stderr is not None
        process.stderr.read()
        process.stderr.close()
        process.wait(timeout=60)


async def test_the_first_run(watched: Watched, run: Callable[..., str], tmp_path: Path) -> None:
    """The set-up link, an empty house that teaches, logging out and in, the wizard for a folder, pausing and the audit log."""
    page = watched.page
    link = run("run", "--console", "127.0.0.1:0", "--home", str(tmp_path / "home"))
    await page.goto(link)
    await watched.is_accessible()
    await page.get_by_label("Name").fill("anna")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Make the user").click()
    await expect(page.get_by_role("link", name="Connect the first one")).to_be_visible()
    await watched.is_accessible()
    await page.get_by_role("button", name="Log out").click()
    await watched.is_accessible()
    await page.get_by_label("Name").fill("anna")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    for role in ("source", "destination"):
        folder = tmp_path / role
        folder.mkdir()
        await page.goto(f"{link.partition('/welcome')[0]}/connect?role={role}&adapter=folder&customer=bakery")
        await watched.is_accessible()
        await page.get_by_label("Path").fill(str(folder))
        await page.get_by_role("button", name="Make the link").click()
        await page.get_by_role("link", name="Connect it here and now").click()
        await watched.is_accessible()
        await page.get_by_role("button", name=re.compile("^Yes")).click()
        await expect(page.get_by_role("heading", name="Is this the right account?")).to_be_visible()
        await watched.is_accessible()
        await page.get_by_role("button", name=re.compile("^Yes, this one")).click()
        await page.get_by_role("link", name="To bakery").click()
    for number in range(3):
        (tmp_path / "source" / f"{number}.txt").write_text(f"message {number}")
    await page.goto(page.url.partition("/customers")[0])
    await expect(page.get_by_text("Everything is archived")).to_be_visible()
    await expect(page.locator("#numbers")).to_contain_text("3 archived")
    await page.get_by_role("link", name="bakery").click()
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("status")).to_contain_text("bakery is paused")
    await watched.is_accessible()
    await page.get_by_role("button", name="Resume").click()
    for name in ("Archive", "Failures", "Audit", "Health", "Settings", "Customers"):
        await page.get_by_role("link", name=name, exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await watched.is_accessible()
    await page.get_by_role("link", name="Audit", exact=True).click()
    for action in ("users add", "login", "connections add", "customers pause", "customers resume"):
        await expect(page.get_by_role("cell", name=action, exact=True).first).to_be_visible()
    await page.get_by_role("button", name="Check the chain").click()
    await expect(page.get_by_role("status")).to_contain_text("The chain is whole")


async def test_it_works_without_scripts(browser: Browser, run: Callable[..., str], tmp_path: Path) -> None:
    """All but the live part: coming in, looking, pausing are plain pages and forms."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(run("console", "--listen", "127.0.0.1:0", "--home", str(tmp_path / "home")))
    await page.get_by_label("Name").fill("anna")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Make the user").click()
    await expect(page.get_by_text("There are no customers yet").first).to_be_visible()
    await page.get_by_role("link", name="Settings", exact=True).click()
    await page.get_by_label("What it is for").fill("grafana")
    await page.get_by_role("button", name="Make a key").click()
    await expect(page.locator(".secret")).to_contain_text("arc_")
    await context.close()
